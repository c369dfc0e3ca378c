//! The id of key material: a keyed function of the key and the bytes, computed without seeing the bytes.
//! Source: cryptography.md 2.

use crate::hsm::MacInput;
use crate::ids::{KeyId, KeyMaterialId};
use crate::kdf::{hmac_sha256, kdf_input};
use crate::secret::SecretKey;

/// What the token computes the HMAC of, under the material itself, to give its fingerprint.
pub fn fingerprint_input() -> MacInput {
    kdf_input(b"strongroom/f/1", &[0; 32], 256)
}

/// The id of symmetric material with this fingerprint in this key: `HMAC-SHA-256(salt, "strongroom/i/1" || 00 || 01 ||
/// key id 16 || fingerprint)`.
pub fn symmetric_material_id(salt: &SecretKey, key_id: KeyId, fingerprint: &SecretKey) -> KeyMaterialId {
    let (key_bytes, _) = key_id.to_parts();
    KeyMaterialId(hmac_sha256(salt.expose(), &[b"strongroom/i/1", &[0, 1], &key_bytes, fingerprint.expose()]))
}
