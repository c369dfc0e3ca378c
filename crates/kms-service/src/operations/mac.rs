//! What GenerateMac and VerifyMac share. Source: key-specs.md 4, cryptography.md 1.

use kms_core::KmsError;
use kms_core::algorithm::MacAlgorithm;
use kms_core::secret::SecretBytes;
use kms_model::Blob;

use crate::key_record::{KeyRecord, UsableMaterial};

/// How the token's input for the service's own uses of secret keys begins. Who imports the bytes of a symmetric key as an
/// HMAC key too must not get the message keys of its ciphertexts as MACs.
const OWN_INPUTS: &[u8] = b"\0\0\0\x01strongroom/";

/// A message to authenticate: only the token is still missing.
pub(super) struct Authentication {
    pub(super) algorithm: MacAlgorithm,
    material: UsableMaterial,
    message: Blob,
}

impl Authentication {
    /// Checks the algorithm and the message.
    ///
    /// # Errors
    /// `InvalidKeyUsageException` for an algorithm of another key spec, `ValidationException` for a message of the service.
    pub(super) fn prepare(key: &KeyRecord, algorithm: &str, message: &Blob) -> Result<Self, KmsError> {
        let algorithm = key.mac_algorithm(algorithm)?;
        if message.as_ref().starts_with(OWN_INPUTS) {
            return Err(KmsError::Validation("The message begins with bytes that are reserved.".to_owned()));
        }
        Ok(Self { algorithm, material: key.current()?, message: message.clone() })
    }

    /// The MAC, computed in the token.
    ///
    /// # Errors
    /// Those of the token.
    pub(super) fn mac(&self) -> Result<SecretBytes, KmsError> {
        Ok(self.material.hsm.hmac(&self.material.object, self.algorithm, self.message.as_ref())?)
    }
}
