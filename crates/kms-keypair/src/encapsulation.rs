//! ML-KEM with a public key. Source: key-specs.md 7, FIPS 203.

use aws_lc_rs::kem::{Algorithm, EncapsulationKey, ML_KEM_512, ML_KEM_768, ML_KEM_1024};
use kms_core::key_spec::KeySpec;
use ml_kem::{EncapsulationKey512, EncapsulationKey768, EncapsulationKey1024, TryKeyInit};
use zeroize::Zeroizing;

use crate::public_key::{BadPublicKey, Parsed, PublicKey};

/// Lengths in bytes of one parameter set.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct KemSizes {
    /// The raw public key.
    pub encapsulation_key: usize,
    /// `SharedSecretCiphertextBlob`.
    pub ciphertext: usize,
    /// The shared secret.
    pub shared_secret: usize,
}

/// What [`PublicKey::encapsulate`] gives.
pub struct Encapsulated {
    /// For the holder of the private key.
    pub ciphertext: Vec<u8>,
    /// 32 secret bytes.
    pub shared_secret: Zeroizing<Vec<u8>>,
}

/// Why nothing was encapsulated.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum EncapsulateError {
    /// The key is no ML-KEM key.
    #[error("the key does not encapsulate")]
    Incompatible,
    /// The library failed, as when the operating system gives no random bytes.
    #[error("the cryptographic library failed")]
    Failed,
}

/// The lengths of a spec; none if it is no ML-KEM one. FIPS 203, table 3.
pub const fn kem_sizes(spec: KeySpec) -> Option<KemSizes> {
    let (encapsulation_key, ciphertext) = match spec {
        KeySpec::MlKem512 => (800, 768),
        KeySpec::MlKem768 => (1184, 1088),
        KeySpec::MlKem1024 => (1568, 1568),
        _ => return None,
    };
    Some(KemSizes { encapsulation_key, ciphertext, shared_secret: 32 })
}

impl PublicKey {
    /// Makes a shared secret and its ciphertext for the holder of the private key.
    ///
    /// # Errors
    /// [`EncapsulateError`].
    pub fn encapsulate(&self) -> Result<Encapsulated, EncapsulateError> {
        let Parsed::MlKem(key) = &self.parsed else { return Err(EncapsulateError::Incompatible) };
        let (ciphertext, secret) = key.encapsulate().map_err(|_| EncapsulateError::Failed)?;
        Ok(Encapsulated {
            ciphertext: ciphertext.as_ref().to_vec(),
            shared_secret: Zeroizing::new(secret.as_ref().to_vec()),
        })
    }
}

/// Reads an encapsulation key and makes the modulus check of FIPS 203 7.2: every coefficient below 3329.
pub(crate) fn parse(spec: KeySpec, raw: &[u8]) -> Result<EncapsulationKey, BadPublicKey> {
    let algorithm: &'static Algorithm = match spec {
        KeySpec::MlKem512 => checked::<EncapsulationKey512>(raw).map(|()| &ML_KEM_512),
        KeySpec::MlKem768 => checked::<EncapsulationKey768>(raw).map(|()| &ML_KEM_768),
        KeySpec::MlKem1024 => checked::<EncapsulationKey1024>(raw).map(|()| &ML_KEM_1024),
        _ => Err(BadPublicKey),
    }?;
    EncapsulationKey::new(algorithm, raw).map_err(|_| BadPublicKey)
}

/// The library that encapsulates looks at the coefficients at each use only; this one does at once.
fn checked<K: TryKeyInit>(raw: &[u8]) -> Result<(), BadPublicKey> {
    K::new_from_slice(raw).map(|_| ()).map_err(|_| BadPublicKey)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_coefficient_of_3329_or_more_is_refused() {
        for spec in [KeySpec::MlKem512, KeySpec::MlKem768, KeySpec::MlKem1024] {
            let sizes = kem_sizes(spec).unwrap();
            let mut raw = vec![0; sizes.encapsulation_key];
            let made = PublicKey::from_raw(spec, &raw).unwrap().encapsulate().unwrap();
            assert_eq!((made.ciphertext.len(), made.shared_secret.len()), (sizes.ciphertext, sizes.shared_secret));
            // The first of two 12-bit numbers, little-endian: 3329 = 0xd01.
            (raw[0], raw[1]) = (0x01, 0x0d);
            assert!(PublicKey::from_raw(spec, &raw).is_err(), "{spec}");
            raw[0] = 0x00;
            assert!(PublicKey::from_raw(spec, &raw).is_ok(), "{spec}");
        }
    }
}
