//! What Sign and Verify ask alike: the algorithm, and the message as that algorithm takes it. Source: key-specs.md 3.

use kms_core::KmsError;
use kms_core::algorithm::{MessageType, SigningAlgorithm};
use kms_core::key_spec::KeySpec;
use kms_keypair::{BadSignInput, SignInput};
use kms_model::Blob;

use crate::key_record::KeyRecord;

/// A message whose type and length fit the algorithm.
pub(super) struct Signable {
    pub(super) algorithm: SigningAlgorithm,
    message_type: MessageType,
    message: Blob,
}

impl Signable {
    /// Checks algorithm, type and length, in this order.
    ///
    /// # Errors
    /// `InvalidKeyUsageException` for an algorithm of another key spec, `ValidationException` for the rest.
    pub(super) fn prepare(
        key: &KeyRecord,
        algorithm: &str,
        message_type: Option<&str>,
        message: &Blob,
    ) -> Result<Self, KmsError> {
        let algorithm = key.signing_algorithm(algorithm)?;
        let message_type = message_type.and_then(MessageType::parse).unwrap_or(MessageType::Raw);
        let signable = Self { algorithm, message_type, message: message.clone() };
        match SignInput::new(algorithm, message_type, message.as_ref()) {
            Ok(_) => Ok(signable),
            Err(error) => Err(KmsError::Validation(signable.text_of(error, key.facts.spec))),
        }
    }

    /// The message for the algorithm.
    ///
    /// # Errors
    /// None that [`Signable::prepare`] lets through.
    pub(super) fn input(&self) -> Result<SignInput<'_>, KmsError> {
        SignInput::new(self.algorithm, self.message_type, self.message.as_ref()).map_err(KmsError::internal)
    }

    /// Source: kms-operations.md 4; EXTERNAL_MU with another key by analogy (key-specs.md 3).
    fn text_of(&self, error: BadSignInput, spec: KeySpec) -> String {
        let Self { algorithm, message_type, .. } = self;
        match error {
            BadSignInput::DigestLength => format!("Digest is invalid length for algorithm {algorithm}."),
            BadSignInput::MuLength => format!("External Mu is invalid length for algorithm {algorithm}."),
            BadSignInput::Incompatible
                if spec == KeySpec::EccNistEdwards25519 && *message_type != MessageType::ExternalMu =>
            {
                format!("Message type {message_type} is incompatible with algorithm {algorithm}.")
            }
            BadSignInput::Incompatible => format!("Message type {message_type} is incompatible with key spec {spec}."),
        }
    }
}
