//! The id of key material: a keyed function of the key and the bytes, computed without seeing the bytes.
//! Source: cryptography.md 2.

use crate::hsm::{Identity, MacInput};
use crate::ids::{KeyId, KeyMaterialId};
use crate::kdf::{hmac_sha256, kdf_input, sha256};
use crate::key_spec::KeySpec;
use crate::secret::SecretKey;

/// What the token computes the HMAC of, under the material itself, to give the fingerprint of symmetric material.
pub fn fingerprint_input() -> MacInput {
    kdf_input(b"strongroom/f/1", &[0; 32], 256)
}

/// The same for the secret of any spec: its last word is the length in bits of the HMAC that the spec computes.
pub fn fingerprint_input_of(spec: KeySpec) -> MacInput {
    let bits = spec.mac_algorithm().map_or(256, |algorithm| algorithm.tag_bytes() as u32 * 8);
    kdf_input(b"strongroom/f/1", &[0; 32], bits)
}

/// The id of material of this identity in this key: `HMAC-SHA-256(salt, "strongroom/i/1" || 00 || type || key id 16 ||
/// fingerprint)` with type 01 for symmetric material, 02 for that of an HMAC key and 03 for a key pair, whose fingerprint
/// is the SHA-256 of its public half.
pub fn material_id(salt: &SecretKey, key_id: KeyId, spec: KeySpec, identity: &Identity) -> KeyMaterialId {
    let (key_bytes, _) = key_id.to_parts();
    let id = |material_type: u8, fingerprint: &[u8]| {
        KeyMaterialId(hmac_sha256(salt.expose(), &[b"strongroom/i/1", &[0, material_type], &key_bytes, fingerprint]))
    };
    match identity {
        Identity::Mac(mac) => id(if spec == KeySpec::SymmetricDefault { 1 } else { 2 }, mac.expose()),
        Identity::PublicKey(der) => id(3, &sha256(&[der])),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::KeyId;
    use crate::secret::SecretBytes;

    #[test]
    fn the_fingerprint_of_an_hmac_key_names_its_length() {
        assert_eq!(fingerprint_input_of(KeySpec::SymmetricDefault), fingerprint_input());
        assert_eq!(fingerprint_input_of(KeySpec::Hmac256), fingerprint_input());
        assert_eq!(fingerprint_input_of(KeySpec::Hmac224)[51..], [0, 0, 0, 224]);
        assert_eq!(fingerprint_input_of(KeySpec::Hmac512)[51..], [0, 0, 2, 0]);
    }

    #[test]
    fn one_fingerprint_gives_another_id_in_another_type_and_another_key() {
        let (salt, key) = (SecretKey::new([1; 32]), KeyId::random());
        let mac = Identity::Mac(SecretBytes::new(sha256(&[b"public"]).to_vec()));
        let ids = [
            material_id(&salt, key, KeySpec::SymmetricDefault, &mac),
            material_id(&salt, key, KeySpec::Hmac256, &mac),
            material_id(&salt, key, KeySpec::EccNistP256, &Identity::PublicKey(b"public".to_vec())),
            material_id(&salt, KeyId::random(), KeySpec::SymmetricDefault, &mac),
        ];
        for (index, id) in ids.iter().enumerate() {
            assert!(!ids[..index].contains(id), "{index}");
        }
    }
}
