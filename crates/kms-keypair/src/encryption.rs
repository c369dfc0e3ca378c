//! RSAES-OAEP with a public key. Source: key-specs.md 2.

use aws_lc_rs::rsa::{OAEP_SHA1_MGF1SHA1, OAEP_SHA256_MGF1SHA256};
use kms_core::algorithm::EncryptionAlgorithm;
use kms_core::key_spec::KeySpec;

use crate::public_key::{Parsed, PublicKey, is_rsa};
use crate::spki;

/// Why nothing was encrypted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum EncryptError {
    /// The key is no RSA key or the algorithm is not OAEP.
    #[error("the key does not encrypt with this algorithm")]
    Incompatible,
    /// More than [`max_plaintext_bytes`].
    #[error("the plaintext is too long for the key and the algorithm")]
    TooLong,
    /// The library failed, as when the operating system gives no random bytes.
    #[error("the cryptographic library failed")]
    Failed,
}

/// The longest plaintext in bytes that an RSA key encrypts: the modulus less two hashes and two bytes (RFC 8017 7.1.1).
/// None if the spec is no RSA one or the algorithm is not OAEP.
pub const fn max_plaintext_bytes(spec: KeySpec, algorithm: EncryptionAlgorithm) -> Option<usize> {
    let hash_bytes = match algorithm {
        EncryptionAlgorithm::RsaesOaepSha1 => 20,
        EncryptionAlgorithm::RsaesOaepSha256 => 32,
        EncryptionAlgorithm::SymmetricDefault | EncryptionAlgorithm::Sm2Pke => return None,
    };
    match spki::form(spec) {
        Some((_, modulus_bytes)) if is_rsa(spec) => Some(modulus_bytes - 2 * hash_bytes - 2),
        _ => None,
    }
}

impl PublicKey {
    /// RSAES-OAEP: MGF1 with the hash of the label, empty label. Gives as many bytes as the modulus has.
    ///
    /// # Errors
    /// [`EncryptError`].
    pub fn encrypt(&self, algorithm: EncryptionAlgorithm, plaintext: &[u8]) -> Result<Vec<u8>, EncryptError> {
        let Parsed::Rsa(forms) = &self.parsed else { return Err(EncryptError::Incompatible) };
        let longest = max_plaintext_bytes(self.spec(), algorithm).ok_or(EncryptError::Incompatible)?;
        if plaintext.len() > longest {
            return Err(EncryptError::TooLong);
        }
        let parameters = match algorithm {
            EncryptionAlgorithm::RsaesOaepSha1 => &OAEP_SHA1_MGF1SHA1,
            _ => &OAEP_SHA256_MGF1SHA256,
        };
        let key = forms.encrypting(self.spki()).ok_or(EncryptError::Failed)?;
        let mut ciphertext = vec![0; key.ciphertext_size()];
        let written =
            key.encrypt(parameters, plaintext, &mut ciphertext, None).map_err(|_| EncryptError::Failed)?.len();
        ciphertext.truncate(written);
        Ok(ciphertext)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_plaintexts_are_the_published_ones() {
        use EncryptionAlgorithm::{RsaesOaepSha1, RsaesOaepSha256, SymmetricDefault};
        for (spec, sha1, sha256) in
            [(KeySpec::Rsa2048, 214, 190), (KeySpec::Rsa3072, 342, 318), (KeySpec::Rsa4096, 470, 446)]
        {
            assert_eq!(max_plaintext_bytes(spec, RsaesOaepSha1), Some(sha1));
            assert_eq!(max_plaintext_bytes(spec, RsaesOaepSha256), Some(sha256));
            assert_eq!(max_plaintext_bytes(spec, SymmetricDefault), None);
        }
        assert_eq!(max_plaintext_bytes(KeySpec::MlKem512, RsaesOaepSha1), None);
    }
}
