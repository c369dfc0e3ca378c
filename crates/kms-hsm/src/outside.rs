//! The other side of each mechanism, computed in the process: what the token does with a private half is held against
//! what kms-keypair does with the public one.

use kms_core::algorithm::{EncryptionAlgorithm, SigningAlgorithm};
use kms_core::key_spec::KeySpec;
use kms_core::secret::SecretBytes;
use kms_keypair::{EcCurve, PublicKey, SignInput, ecdsa_to_der};
use p256::elliptic_curve::sec1::ToSec1Point;

use crate::curve::curve_of;
use crate::mechanism::OaepHash;
use crate::signing::is_ecdsa;

/// Whether a signature in the form that the token gives (ECDSA as `r || s`) is one of this input under this public key.
pub(crate) fn verifies(spec: KeySpec, der: &[u8], algorithm: SigningAlgorithm, input: &[u8], signature: &[u8]) -> bool {
    let Ok(key) = PublicKey::from_spki(spec, der) else { return false };
    let input = if algorithm.digest_bytes().is_some() { SignInput::Digest(input) } else { SignInput::Raw(input) };
    if !is_ecdsa(algorithm) {
        return key.verify(algorithm, &input, signature).is_ok();
    }
    let encoded = EcCurve::of(spec).and_then(|curve| ecdsa_to_der(curve, signature).ok());
    encoded.is_some_and(|signature| key.verify(algorithm, &input, &signature).is_ok())
}

/// A peer of this key for ECDH: its point, and the secret that both must find. The peer's own secret is no secret.
pub(crate) fn counterpart(spec: KeySpec, der: &[u8]) -> Option<(Vec<u8>, SecretBytes)> {
    macro_rules! on {
        ($curve:ident, $bytes:literal) => {{
            let ours = $curve::PublicKey::from_sec1_bytes(curve_of(spec)?.point_of(der)?).ok()?;
            let theirs = $curve::SecretKey::from_slice(&[1; $bytes]).ok()?;
            let shared = $curve::ecdh::diffie_hellman(theirs.to_nonzero_scalar(), ours.as_affine());
            let point = theirs.public_key().to_sec1_point(false).as_bytes().to_vec();
            Some((point, SecretBytes::new(shared.raw_secret_bytes().to_vec())))
        }};
    }
    match spec {
        KeySpec::EccNistP256 => on!(p256, 32),
        KeySpec::EccNistP384 => on!(p384, 48),
        KeySpec::EccNistP521 => on!(p521, 66),
        _ => None,
    }
}

/// A secret encapsulated under an ML-KEM public key: the ciphertext and the secret; nothing if it is none.
pub(crate) fn encapsulated(spec: KeySpec, der: &[u8]) -> Option<(Vec<u8>, SecretBytes)> {
    let made = PublicKey::from_spki(spec, der).ok()?.encapsulate().ok()?;
    Some((made.ciphertext, SecretBytes::new(made.shared_secret.to_vec())))
}

/// Whether an uncompressed point lies on the curve of a spec and is not the point at infinity.
pub(crate) fn is_on_curve(spec: KeySpec, point: &[u8]) -> bool {
    curve_of(spec).is_some_and(|curve| curve.is_uncompressed(point)) && PublicKey::from_raw(spec, point).is_ok()
}

/// RSAES_OAEP under an RSA public key; nothing if it is none.
pub(crate) fn oaep_encrypt(spec: KeySpec, der: &[u8], hash: OaepHash, message: &[u8]) -> Option<Vec<u8>> {
    let algorithm = match hash {
        OaepHash::Sha1 => EncryptionAlgorithm::RsaesOaepSha1,
        OaepHash::Sha256 => EncryptionAlgorithm::RsaesOaepSha256,
    };
    PublicKey::from_spki(spec, der).ok()?.encrypt(algorithm, message).ok()
}
