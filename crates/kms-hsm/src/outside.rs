//! The other side of each mechanism, computed in the process: what the token does with a private half is held against
//! what an independent implementation does with the public one.

use ed25519_dalek::Verifier;
use ed25519_dalek::ed25519;
use kms_core::algorithm::SigningAlgorithm;
use kms_core::key_spec::KeySpec;
use kms_core::secret::SecretBytes;
use p256::ecdsa::signature::hazmat::PrehashVerifier;
use p256::elliptic_curve::sec1::ToSec1Point;
use rsa::pkcs8::DecodePublicKey;
use rsa::{Pkcs1v15Sign, Pss, PublicKey};
use sha1::Sha1;
use sha2::digest::Digest;
use sha2::{Sha256, Sha384, Sha512};

use crate::curve::curve_of;
use crate::mechanism::OaepHash;

/// Whether a signature in the form that the token gives (ECDSA as `r || s`) is one of this input under this public key.
pub(crate) fn verifies(spec: KeySpec, der: &[u8], algorithm: SigningAlgorithm, input: &[u8], signature: &[u8]) -> bool {
    use SigningAlgorithm as A;
    match algorithm {
        A::EcdsaSha256 | A::EcdsaSha384 | A::EcdsaSha512 => ecdsa_verifies(spec, der, input, signature),
        A::Ed25519Sha512 | A::Ed25519PhSha512 => ed25519_verifies(der, algorithm, input, signature),
        _ => PublicKey::from_public_key_der(der).is_ok_and(|key| rsa_verifies(&key, algorithm, input, signature)),
    }
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

/// Whether an uncompressed point lies on the curve of a spec and is not the point at infinity.
pub(crate) fn is_on_curve(spec: KeySpec, point: &[u8]) -> bool {
    curve_of(spec).is_some_and(|curve| curve.is_uncompressed(point))
        && match spec {
            KeySpec::EccNistP256 => p256::PublicKey::from_sec1_bytes(point).is_ok(),
            KeySpec::EccNistP384 => p384::PublicKey::from_sec1_bytes(point).is_ok(),
            KeySpec::EccNistP521 => p521::PublicKey::from_sec1_bytes(point).is_ok(),
            KeySpec::EccSecgP256K1 => k256::PublicKey::from_sec1_bytes(point).is_ok(),
            _ => false,
        }
}

/// RSAES_OAEP under an RSA public key; nothing if it is none.
pub(crate) fn oaep_encrypt(der: &[u8], hash: OaepHash, message: &[u8]) -> Option<Vec<u8>> {
    let key = PublicKey::from_public_key_der(der).ok()?;
    match hash {
        OaepHash::Sha1 => key.oaep_encrypt::<Sha1>(message).ok(),
        OaepHash::Sha256 => key.oaep_encrypt::<Sha256>(message).ok(),
    }
}

fn ecdsa_verifies(spec: KeySpec, der: &[u8], digest: &[u8], signature: &[u8]) -> bool {
    let Some(point) = curve_of(spec).and_then(|curve| curve.point_of(der)) else { return false };
    macro_rules! on {
        ($curve:ident) => {{
            let key = $curve::ecdsa::VerifyingKey::from_sec1_bytes(point);
            let signature = $curve::ecdsa::Signature::from_slice(signature);
            // k256 takes the lower one of the two values of s alone; either is right.
            let signature = signature.map(|signature| signature.normalize_s());
            key.is_ok_and(|key| signature.is_ok_and(|signature| key.verify_prehash(digest, &signature).is_ok()))
        }};
    }
    match spec {
        KeySpec::EccNistP256 => on!(p256),
        KeySpec::EccNistP384 => on!(p384),
        KeySpec::EccNistP521 => on!(p521),
        KeySpec::EccSecgP256K1 => on!(k256),
        _ => false,
    }
}

fn ed25519_verifies(der: &[u8], algorithm: SigningAlgorithm, input: &[u8], signature: &[u8]) -> bool {
    let point = curve_of(KeySpec::EccNistEdwards25519).and_then(|curve| curve.point_of(der));
    let Some(point) = point.and_then(|point| <[u8; 32]>::try_from(point).ok()) else { return false };
    let (Ok(key), Ok(signature)) =
        (ed25519_dalek::VerifyingKey::from_bytes(&point), ed25519::Signature::from_slice(signature))
    else {
        return false;
    };
    match algorithm {
        SigningAlgorithm::Ed25519PhSha512 => {
            key.verify_prehashed(Sha512::new().chain_update(input), None, &signature).is_ok()
        }
        _ => key.verify(input, &signature).is_ok(),
    }
}

fn rsa_verifies(key: &PublicKey, algorithm: SigningAlgorithm, digest: &[u8], signature: &[u8]) -> bool {
    use SigningAlgorithm as A;
    match algorithm {
        A::RsassaPkcs1V15Sha256 => key.verify(Pkcs1v15Sign::new::<Sha256>(), digest, signature),
        A::RsassaPkcs1V15Sha384 => key.verify(Pkcs1v15Sign::new::<Sha384>(), digest, signature),
        A::RsassaPkcs1V15Sha512 => key.verify(Pkcs1v15Sign::new::<Sha512>(), digest, signature),
        A::RsassaPssSha256 => key.verify(Pss::<Sha256>::new(), digest, signature),
        A::RsassaPssSha384 => key.verify(Pss::<Sha384>::new(), digest, signature),
        A::RsassaPssSha512 => key.verify(Pss::<Sha512>::new(), digest, signature),
        _ => return false,
    }
    .is_ok()
}
