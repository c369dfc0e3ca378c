//! The side of a request that makes a ciphertext: Encrypt's, a data key's, and the destination of ReEncrypt.

use std::collections::BTreeMap;
use std::sync::Arc;

use kms_core::algorithm::EncryptionAlgorithm;
use kms_core::ciphertext_blob::Envelope;
use kms_core::encryption_context::canonical;
use kms_core::key_spec::KeySpec;
use kms_core::{KeyMaterialId, KmsError};
use kms_keypair::{EncryptError, PublicKey, max_plaintext_bytes};

use crate::key_record::{KeyRecord, UsableMaterial};
use crate::lanes::LaneKind;

/// All that a ciphertext needs but its plaintext.
pub(super) enum Sealing {
    /// An envelope under the current material of a symmetric key: only the token is still missing.
    Envelope { material: UsableMaterial, envelope: Envelope },
    /// OAEP with the public half of an RSA key, which needs no token.
    Oaep { key: Arc<PublicKey>, algorithm: EncryptionAlgorithm },
}

impl Sealing {
    /// Fixes key, material and context.
    ///
    /// # Errors
    /// `ValidationException` for a context with an RSA key; `KMSInternalException`: an enabled key has material, and the
    /// operating system gives random bytes.
    pub(super) fn prepare(
        key: &KeyRecord,
        algorithm: EncryptionAlgorithm,
        context: Option<&BTreeMap<String, String>>,
    ) -> Result<Self, KmsError> {
        if algorithm != EncryptionAlgorithm::SymmetricDefault {
            check_no_context(context)?;
            return Ok(Self::Oaep { key: key.public_key()?, algorithm });
        }
        let material = key.current()?;
        let envelope = Envelope::new(key.facts.address.key_id, material.id, canonical(context));
        Ok(Self::Envelope { material, envelope: envelope.map_err(KmsError::internal)? })
    }

    /// The material that a symmetric key encrypts with.
    pub(super) fn material_id(&self) -> Option<KeyMaterialId> {
        match self {
            Self::Envelope { material, .. } => Some(material.id),
            Self::Oaep { .. } => None,
        }
    }

    /// Who does the work.
    pub(super) fn lane(&self) -> LaneKind {
        match self {
            Self::Envelope { .. } => LaneKind::Secret,
            Self::Oaep { .. } => LaneKind::Pair,
        }
    }

    /// A plaintext of this length fits. What is too long for a symmetric key the model refuses.
    ///
    /// # Errors
    /// `ValidationException`.
    pub(super) fn check_length(&self, length: usize) -> Result<(), KmsError> {
        match self {
            Self::Oaep { key, algorithm }
                if max_plaintext_bytes(key.spec(), *algorithm).is_none_or(|most| length > most) =>
            {
                Err(too_long(key.spec(), *algorithm))
            }
            _ => Ok(()),
        }
    }

    /// Seals the plaintext: under a message key that the token gives, or with the public key.
    ///
    /// # Errors
    /// Those of the token; `ValidationException` for a plaintext that is too long.
    pub(super) fn seal(self, plaintext: &[u8]) -> Result<Vec<u8>, KmsError> {
        match self {
            Self::Envelope { material, envelope } => {
                let kdk = material.hsm.mac(&material.object, &envelope.kdf_input())?;
                Ok(envelope.seal(&kdk, plaintext))
            }
            Self::Oaep { key, algorithm } => key.encrypt(algorithm, plaintext).map_err(|error| match error {
                EncryptError::TooLong => too_long(key.spec(), algorithm),
                EncryptError::Incompatible | EncryptError::Failed => KmsError::internal(error),
            }),
        }
    }
}

/// Only symmetric keys bind a ciphertext to a context. Source: kms-operations.md 3.1.
///
/// # Errors
/// `ValidationException` for any pair.
pub(super) fn check_no_context(context: Option<&BTreeMap<String, String>>) -> Result<(), KmsError> {
    if context.is_none_or(BTreeMap::is_empty) {
        return Ok(());
    }
    let text = "EncryptionContext is not supported when encrypting/decrypting with asymmetric CMKs.";
    Err(KmsError::Validation(text.to_owned()))
}

fn too_long(spec: KeySpec, algorithm: EncryptionAlgorithm) -> KmsError {
    let most = max_plaintext_bytes(spec, algorithm).unwrap_or_default();
    KmsError::Validation(format!(
        "Algorithm {algorithm} and key spec {spec} cannot encrypt data larger than {most} bytes."
    ))
}
