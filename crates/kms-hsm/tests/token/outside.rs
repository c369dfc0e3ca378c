//! Other implementations of what the token does, taken from the crates themselves and not from the code under test.

use ed25519_dalek::Verifier;
use kms_core::algorithm::SigningAlgorithm;
use kms_core::key_spec::KeySpec;
use ml_dsa::{MlDsa44, MlDsa65, MlDsa87, MlDsaParams};
use ml_kem::TryKeyInit;
use p256::ecdsa::signature::hazmat::PrehashVerifier;
use p256::elliptic_curve::sec1::ToSec1Point;
use rsa::pkcs8::DecodePublicKey;
use rsa::{Pkcs1v15Sign, Pss, PublicKey};
use sha2::{Digest, Sha256, Sha384, Sha512};

/// Whether a signature as KMS gives it is right.
pub(crate) fn verifies(spec: KeySpec, der: &[u8], algorithm: SigningAlgorithm, input: &[u8], signature: &[u8]) -> bool {
    use SigningAlgorithm as A;
    macro_rules! ecdsa {
        ($curve:ident, $point:literal) => {{
            let key = $curve::ecdsa::VerifyingKey::from_sec1_bytes(&der[der.len() - $point..]).unwrap();
            let signature = $curve::ecdsa::Signature::from_der(signature).unwrap().normalize_s();
            return key.verify_prehash(input, &signature).is_ok();
        }};
    }
    match spec {
        KeySpec::EccNistP256 => ecdsa!(p256, 65),
        KeySpec::EccNistP384 => ecdsa!(p384, 97),
        KeySpec::EccNistP521 => ecdsa!(p521, 133),
        KeySpec::EccSecgP256K1 => ecdsa!(k256, 65),
        KeySpec::EccNistEdwards25519 => {
            let key = ed25519_dalek::VerifyingKey::from_bytes(der[12..].try_into().unwrap()).unwrap();
            let signature = ed25519_dalek::Signature::from_slice(signature).unwrap();
            return match algorithm {
                // The input is hashed as a message is: that it is itself a digest is the client's business (key-specs.md 3).
                A::Ed25519PhSha512 => key.verify_prehashed(Sha512::new_with_prefix(input), None, &signature).is_ok(),
                _ => key.verify(input, &signature).is_ok(),
            };
        }
        KeySpec::MlDsa44 => return ml_dsa_verifies::<MlDsa44>(&der[22..], input, signature),
        KeySpec::MlDsa65 => return ml_dsa_verifies::<MlDsa65>(&der[22..], input, signature),
        KeySpec::MlDsa87 => return ml_dsa_verifies::<MlDsa87>(&der[22..], input, signature),
        _ => {}
    }
    let key = PublicKey::from_public_key_der(der).unwrap();
    match algorithm {
        A::RsassaPkcs1V15Sha256 => key.verify(Pkcs1v15Sign::new::<Sha256>(), input, signature),
        A::RsassaPkcs1V15Sha384 => key.verify(Pkcs1v15Sign::new::<Sha384>(), input, signature),
        A::RsassaPkcs1V15Sha512 => key.verify(Pkcs1v15Sign::new::<Sha512>(), input, signature),
        A::RsassaPssSha256 => key.verify(Pss::<Sha256>::new(), input, signature),
        A::RsassaPssSha384 => key.verify(Pss::<Sha384>::new(), input, signature),
        _ => key.verify(Pss::<Sha512>::new(), input, signature),
    }
    .is_ok()
}

/// The context is empty.
fn ml_dsa_verifies<P: MlDsaParams>(raw: &[u8], message: &[u8], signature: &[u8]) -> bool {
    let key = ml_dsa::VerifyingKey::<P>::decode(&raw.try_into().unwrap());
    let signature = ml_dsa::Signature::<P>::try_from(signature).unwrap();
    key.verify_with_context(message, b"", &signature)
}

/// A ciphertext for the owner of an ML-KEM public key, and the secret in it, from these 32 random bytes.
pub(crate) fn encapsulate(spec: KeySpec, der: &[u8], random: [u8; 32]) -> (Vec<u8>, Vec<u8>) {
    macro_rules! encapsulate {
        ($key:ident) => {{
            let key = ml_kem::$key::new_from_slice(&der[22..]).unwrap();
            let (ciphertext, secret) = key.encapsulate_deterministic(&random.into());
            (ciphertext.to_vec(), secret.to_vec())
        }};
    }
    match spec {
        KeySpec::MlKem512 => encapsulate!(EncapsulationKey512),
        KeySpec::MlKem768 => encapsulate!(EncapsulationKey768),
        _ => encapsulate!(EncapsulationKey1024),
    }
}

/// A peer's public point, and the secret that it finds with this public key.
pub(crate) fn peer_of(spec: KeySpec, der: &[u8]) -> (Vec<u8>, Vec<u8>) {
    peer_with(spec, der, &[0x17; 66])
}

/// The same for a peer whose private number is the first of these bytes, the very first taken for zero: below every order.
pub(crate) fn peer_with(spec: KeySpec, der: &[u8], scalar: &[u8]) -> (Vec<u8>, Vec<u8>) {
    macro_rules! peer {
        ($curve:ident, $bytes:literal, $point:literal) => {{
            let public = $curve::PublicKey::from_sec1_bytes(&der[der.len() - $point..]).unwrap();
            let peer = $curve::SecretKey::from_slice(&[&[0], &scalar[1..$bytes]].concat()).unwrap();
            let secret = $curve::ecdh::diffie_hellman(peer.to_nonzero_scalar(), public.as_affine());
            (peer.public_key().to_sec1_point(false).as_bytes().to_vec(), secret.raw_secret_bytes().to_vec())
        }};
    }
    match spec {
        KeySpec::EccNistP256 => peer!(p256, 32, 65),
        KeySpec::EccNistP384 => peer!(p384, 48, 97),
        _ => peer!(p521, 66, 133),
    }
}
