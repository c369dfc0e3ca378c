//! RSA private keys (RFC 8017 A.1.2).

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use kms_core::algorithm::SigningAlgorithm;
use kms_core::key_spec::KeySpec;
use pkcs1::{RsaPrivateKeyRef, UintRef};
use pkcs8::PrivateKeyInfoRef;
use pkcs8::der::Decode;
use zeroize::Zeroizing;

use super::{BadPrivateKey, ImportedPair, PrivateKeyParts, SecretPart};
use crate::public_key::PublicKey;
use crate::sign_input::SignInput;

/// What is signed and verified once; any message does.
const TRIAL: &[u8] = b"strongroom imports a key";

pub(super) fn parse(spec: KeySpec, info: &PrivateKeyInfoRef<'_>) -> Result<ImportedPair, BadPrivateKey> {
    info.algorithm.assert_algorithm_oid(pkcs1::ALGORITHM_OID).map_err(|_| BadPrivateKey)?;
    // RFC 8017 A.1: the parameters are NULL.
    if !info.algorithm.parameters.is_some_and(|parameters| parameters.is_null()) {
        return Err(BadPrivateKey);
    }
    let der = info.private_key.as_bytes();
    let key = RsaPrivateKeyRef::from_der(der).map_err(|_| BadPrivateKey)?;
    let (modulus, exponent) = (key.modulus.as_bytes(), key.public_exponent.as_bytes());
    let public_key = PublicKey::from_rsa_components(spec, modulus, exponent).map_err(|_| BadPrivateKey)?;
    if key.other_prime_infos.is_some() || primes_are_uneven(spec, &key) {
        return Err(BadPrivateKey);
    }
    belong_together(der, &public_key)?;
    Ok(ImportedPair { public_key, parts: parts(&key) })
}

/// Tokens take primes that are half as long as the modulus.
fn primes_are_uneven(spec: KeySpec, key: &RsaPrivateKeyRef<'_>) -> bool {
    let half = match spec {
        KeySpec::Rsa2048 => 128,
        KeySpec::Rsa3072 => 192,
        _ => 256,
    };
    [key.prime1, key.prime2].iter().any(|prime| prime.as_bytes().len() != half)
}

/// The library computes n = pq, de = 1 for both primes, and the three numbers of the Chinese remainder theorem; it does not
/// ask whether p and q are primes. A signature that verifies does: the exponents fit no other factors but by chance.
fn belong_together(der: &[u8], public_key: &PublicKey) -> Result<(), BadPrivateKey> {
    let pair = RsaKeyPair::from_der(der).map_err(|_| BadPrivateKey)?;
    let mut signature = vec![0; pair.public_modulus_len()];
    pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), TRIAL, &mut signature).map_err(|_| BadPrivateKey)?;
    public_key
        .verify(SigningAlgorithm::RsassaPkcs1V15Sha256, &SignInput::Raw(TRIAL), &signature)
        .map_err(|_| BadPrivateKey)
}

fn parts(key: &RsaPrivateKeyRef<'_>) -> PrivateKeyParts {
    let part = |number: UintRef<'_>| -> SecretPart { Zeroizing::new(number.as_bytes().to_vec()) };
    PrivateKeyParts::Rsa {
        private_exponent: part(key.private_exponent),
        prime_1: part(key.prime1),
        prime_2: part(key.prime2),
        exponent_1: part(key.exponent1),
        exponent_2: part(key.exponent2),
        coefficient: part(key.coefficient),
    }
}
