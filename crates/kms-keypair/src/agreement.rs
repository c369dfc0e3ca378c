//! The other side's public key of DeriveSharedSecret. Source: key-specs.md 7.

use kms_core::key_spec::{KeySpec, KeyUsage};

use crate::public_key::{BadPublicKey, PublicKey};

/// Checks a peer's DER SubjectPublicKeyInfo for a key of `spec` and gives its point `04 || x || y`, as `CKM_ECDH1_DERIVE`
/// takes it: same named curve, uncompressed, on the curve, not infinity, nothing after it. All three curves have cofactor 1,
/// so that a point on the curve is in the group. Tokens refuse bad points with vague errors, if at all (cryptography.md 7).
///
/// # Errors
/// [`BadPublicKey`]; also if keys of `spec` do not agree on secrets.
pub fn peer_point(spec: KeySpec, spki: &[u8]) -> Result<Vec<u8>, BadPublicKey> {
    if !spec.allows(KeyUsage::KeyAgreement) {
        return Err(BadPublicKey);
    }
    PublicKey::from_spki(spec, spki).map(|key| key.raw().to_vec())
}

#[cfg(test)]
mod tests {
    use kms_core::algorithm::DataKeyPairSpec;

    use super::*;
    use crate::generate_data_key_pair;

    #[test]
    fn a_point_of_the_same_curve_is_taken_and_nothing_else() {
        let own = generate_data_key_pair(DataKeyPairSpec::EccNistP256).unwrap().public_key_spki;
        let other = generate_data_key_pair(DataKeyPairSpec::EccNistP384).unwrap().public_key_spki;
        assert_eq!(peer_point(KeySpec::EccNistP256, &own).unwrap(), own[26..]);
        assert_eq!(peer_point(KeySpec::EccNistP256, &other), Err(BadPublicKey));
        assert_eq!(peer_point(KeySpec::EccNistP384, &own), Err(BadPublicKey));
        for at in 26..91 {
            let mut off_curve = own.clone();
            off_curve[at] ^= 1;
            assert_eq!(peer_point(KeySpec::EccNistP256, &off_curve), Err(BadPublicKey), "byte {at}");
        }
    }

    #[test]
    fn secp256k1_signs_only() {
        let peer = generate_data_key_pair(DataKeyPairSpec::EccSecgP256K1).unwrap().public_key_spki;
        assert_eq!(peer_point(KeySpec::EccSecgP256K1, &peer), Err(BadPublicKey));
    }
}
