//! Data key pairs: made for the client, outside the token (cryptography.md 7). Encodings: key-specs.md 6.

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{self, EcdsaKeyPair, EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair as _, RsaKeyPair};
use kms_core::algorithm::DataKeyPairSpec;
use kms_core::key_spec::KeySpec;
use ml_kem::{DecapsulationKey512, DecapsulationKey768, DecapsulationKey1024, KeyExport, kem::Decapsulator};
use zeroize::{Zeroize, Zeroizing};

use crate::spki;

/// A fresh pair. The private half is the client's secret; it is wiped when this is dropped.
pub struct DataKeyPair {
    /// DER SubjectPublicKeyInfo (key-specs.md 5).
    pub public_key_spki: Vec<u8>,
    /// DER PrivateKeyInfo (RFC 5958); ML-KEM in the seed form of RFC 9935.
    pub private_key_pkcs8: Zeroizing<Vec<u8>>,
}

/// Why no pair was made.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum GenerateError {
    /// SM2 is not served.
    #[error("pairs of this spec are not made")]
    Unsupported,
    /// The library failed, as when the operating system gives no random bytes.
    #[error("the cryptographic library failed")]
    Failed,
}

/// Makes a pair from the randomness of the operating system. RSA of 4096 bits takes about a second of processor time: the
/// caller limits how many run at once.
///
/// # Errors
/// [`GenerateError`].
pub fn generate_data_key_pair(spec: DataKeyPairSpec) -> Result<DataKeyPair, GenerateError> {
    match spec {
        DataKeyPairSpec::Rsa2048 => rsa(KeySize::Rsa2048),
        DataKeyPairSpec::Rsa3072 => rsa(KeySize::Rsa3072),
        DataKeyPairSpec::Rsa4096 => rsa(KeySize::Rsa4096),
        DataKeyPairSpec::EccNistP256 => ec(spec, &signature::ECDSA_P256_SHA256_ASN1_SIGNING),
        DataKeyPairSpec::EccNistP384 => ec(spec, &signature::ECDSA_P384_SHA384_ASN1_SIGNING),
        DataKeyPairSpec::EccNistP521 => ec(spec, &signature::ECDSA_P521_SHA512_ASN1_SIGNING),
        DataKeyPairSpec::EccSecgP256K1 => ec(spec, &signature::ECDSA_P256K1_SHA256_ASN1_SIGNING),
        DataKeyPairSpec::EccNistEdwards25519 => ed25519(spec),
        DataKeyPairSpec::MlKem512 | DataKeyPairSpec::MlKem768 | DataKeyPairSpec::MlKem1024 => ml_kem(spec.key_spec()),
        DataKeyPairSpec::Sm2 => Err(GenerateError::Unsupported),
    }
}

fn rsa(size: KeySize) -> Result<DataKeyPair, GenerateError> {
    let pair = RsaKeyPair::generate(size).map_err(failed)?;
    let private: Pkcs8V1Der<'_> = pair.as_der().map_err(failed)?;
    let public: PublicKeyX509Der<'_> = pair.public_key().as_der().map_err(failed)?;
    Ok(DataKeyPair {
        public_key_spki: public.as_ref().to_vec(),
        private_key_pkcs8: Zeroizing::new(private.as_ref().to_vec()),
    })
}

fn ec(spec: DataKeyPairSpec, algorithm: &'static EcdsaSigningAlgorithm) -> Result<DataKeyPair, GenerateError> {
    let pair = EcdsaKeyPair::generate(algorithm).map_err(failed)?;
    let private = pair.to_pkcs8v1().map_err(failed)?;
    finish(spec.key_spec(), pair.public_key().as_ref(), private.as_ref())
}

fn ed25519(spec: DataKeyPairSpec) -> Result<DataKeyPair, GenerateError> {
    let pair = Ed25519KeyPair::generate().map_err(failed)?;
    let private = pair.to_pkcs8v1().map_err(failed)?;
    finish(spec.key_spec(), pair.public_key().as_ref(), private.as_ref())
}

/// The pair of a random seed `d || z`, which is all that is kept of the private key (FIPS 203 7.1, RFC 9935 6).
fn ml_kem(spec: KeySpec) -> Result<DataKeyPair, GenerateError> {
    let mut seed = Zeroizing::new([0; SEED_BYTES]);
    aws_lc_rs::rand::fill(seed.as_mut_slice()).map_err(failed)?;
    let public = match spec {
        KeySpec::MlKem512 => encapsulation_key::<DecapsulationKey512>(&seed),
        KeySpec::MlKem768 => encapsulation_key::<DecapsulationKey768>(&seed),
        KeySpec::MlKem1024 => encapsulation_key::<DecapsulationKey1024>(&seed),
        _ => return Err(GenerateError::Unsupported),
    };
    finish(spec, &public, &seed_pkcs8(spec, &seed)?)
}

const SEED_BYTES: usize = 64;

fn encapsulation_key<K: From<ml_kem::Seed> + Decapsulator>(seed: &[u8; SEED_BYTES]) -> Vec<u8> {
    let mut copy = ml_kem::Seed::from(*seed);
    let public = K::from(copy).encapsulation_key().to_bytes().to_vec();
    copy.as_mut_slice().zeroize();
    public
}

/// PrivateKeyInfo whose private key is `[0] IMPLICIT OCTET STRING (SIZE (64))`: 86 bytes.
fn seed_pkcs8(spec: KeySpec, seed: &[u8; SEED_BYTES]) -> Result<Zeroizing<Vec<u8>>, GenerateError> {
    let (algorithm, _) = spki::form(spec).ok_or(GenerateError::Unsupported)?;
    // Version 0, AlgorithmIdentifier, OCTET STRING, [0]; all lengths are below 128, so each takes one byte.
    let content_bytes = 3 + algorithm.len() + 4 + SEED_BYTES;
    let mut pkcs8 = Zeroizing::new(Vec::with_capacity(2 + content_bytes));
    pkcs8.extend_from_slice(&[0x30, content_bytes as u8, 2, 1, 0]);
    pkcs8.extend_from_slice(algorithm);
    pkcs8.extend_from_slice(&[4, 2 + SEED_BYTES as u8, 0x80, SEED_BYTES as u8]);
    pkcs8.extend_from_slice(seed);
    Ok(pkcs8)
}

fn finish(spec: KeySpec, raw_public: &[u8], private: &[u8]) -> Result<DataKeyPair, GenerateError> {
    let public_key_spki = spki::encode(spec, raw_public).ok_or(GenerateError::Failed)?;
    Ok(DataKeyPair { public_key_spki, private_key_pkcs8: Zeroizing::new(private.to_vec()) })
}

fn failed(_: aws_lc_rs::error::Unspecified) -> GenerateError {
    GenerateError::Failed
}
