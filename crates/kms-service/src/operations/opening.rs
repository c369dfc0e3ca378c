//! The side of a request that opens a ciphertext: Decrypt's, and the source of ReEncrypt. Source: kms-operations.md 3.2.

use std::collections::BTreeMap;

use kms_core::algorithm::EncryptionAlgorithm;
use kms_core::ciphertext_blob::ParsedBlob;
use kms_core::encryption_context::canonical;
use kms_core::{KeyMaterialId, KmsError, Operation, Timestamp};
use kms_model::Blob;
use zeroize::Zeroizing;

use super::sealing::check_no_context;
use crate::caller::Caller;
use crate::key_record::{KeyRecord, SYMMETRIC_DEFAULT, UsableMaterial};
use crate::lanes::LaneKind;
use crate::target::Target;

/// The members of a request that say what is to be opened and with what.
pub(super) struct OpeningRequest<'a> {
    pub(super) operation: Operation,
    /// The action that the key must be open to, and the name of the member that names the key.
    pub(super) action: &'static str,
    pub(super) key_id_member: &'static str,
    pub(super) key_id: Option<&'a str>,
    pub(super) ciphertext_blob: Option<&'a Blob>,
    pub(super) encryption_context: Option<&'a BTreeMap<String, String>>,
    pub(super) encryption_algorithm: Option<&'a str>,
    pub(super) dry_run: Option<bool>,
    pub(super) dry_run_modifiers: Option<&'a [String]>,
}

/// A ciphertext whose key and material were checked: only the token is still missing.
pub(super) struct Opening {
    material: UsableMaterial,
    blob: Blob,
    how: How,
}

enum How {
    /// One of our blobs, bound to this context.
    Envelope { context: Vec<u8> },
    /// What was encrypted with the public half of an RSA key.
    Oaep(EncryptionAlgorithm),
}

impl OpeningRequest<'_> {
    /// The key named, or else the key that made the ciphertext; the ciphertext is read before any key is looked up.
    ///
    /// # Errors
    /// `InvalidCiphertextException`; `ValidationException` if nothing names a key; those of [`Target::named`].
    pub(super) fn target(&self, caller: &Caller) -> Result<Target, KmsError> {
        if self.ciphertext_blob.is_none() && !self.ignores_ciphertext() {
            return Err(missing("ciphertextBlob"));
        }
        match (self.key_id, self.parsed_blob()?) {
            (Some(key_id), _) => Target::named(key_id, caller, self.action),
            (None, Some(blob)) => Ok(Target::OfCiphertext(caller.region, blob.key_id)),
            (None, None) => Err(missing(self.key_id_member)),
        }
    }

    /// Everything that can be checked before the token is asked; nothing is left where the ciphertext is to be ignored.
    ///
    /// # Errors
    /// `IncorrectKeyException`, then those of usage, state and algorithm, then `InvalidCiphertextException` for material
    /// that the key never had.
    pub(super) fn prepare(&self, key: &KeyRecord, now: Timestamp) -> Result<Option<Opening>, KmsError> {
        let blob = self.parsed_blob()?;
        if blob.as_ref().is_some_and(|blob| blob.key_id != key.facts.address.key_id) {
            return Err(KmsError::IncorrectKey);
        }
        key.check(self.operation, now)?;
        let algorithm = key.encryption_algorithm(self.encryption_algorithm)?;
        let material = match &blob {
            Some(blob) => key.material(&blob.material_id)?,
            None => key.current()?,
        };
        if self.ignores_ciphertext() {
            return Ok(None);
        }
        let blob = self.ciphertext_blob.cloned().ok_or_else(|| missing("ciphertextBlob"))?;
        let how = match algorithm {
            EncryptionAlgorithm::SymmetricDefault => How::Envelope { context: canonical(self.encryption_context) },
            algorithm => {
                check_no_context(self.encryption_context)?;
                How::Oaep(algorithm)
            }
        };
        Ok(Some(Opening { material, blob, how }))
    }

    /// The ciphertext in its parts; none where its form is not ours to read or nobody asks for it.
    fn parsed_blob(&self) -> Result<Option<ParsedBlob<'_>>, KmsError> {
        let is_symmetric = self.encryption_algorithm.is_none_or(|algorithm| algorithm == SYMMETRIC_DEFAULT);
        if !is_symmetric || self.ignores_ciphertext() {
            return Ok(None);
        }
        let blob = self.ciphertext_blob.ok_or_else(|| missing("ciphertextBlob"))?;
        ParsedBlob::parse(blob.as_ref()).map(Some).map_err(|_| KmsError::InvalidCiphertext)
    }

    /// With `DryRun` and `IGNORE_CIPHERTEXT` the question is about permission alone.
    fn ignores_ciphertext(&self) -> bool {
        let ignores = |modifiers: &[String]| modifiers.iter().any(|modifier| modifier == "IGNORE_CIPHERTEXT");
        self.dry_run == Some(true) && self.dry_run_modifiers.is_some_and(ignores)
    }
}

impl Opening {
    /// The material that a symmetric key decrypts with.
    pub(super) fn material_id(&self) -> Option<KeyMaterialId> {
        matches!(self.how, How::Envelope { .. }).then_some(self.material.id)
    }

    /// Who does the work.
    pub(super) fn lane(&self) -> LaneKind {
        match self.how {
            How::Envelope { .. } => LaneKind::Secret,
            How::Oaep(_) => LaneKind::Pair,
        }
    }

    /// Opens the ciphertext: under a message key that the token gives, or in the token.
    ///
    /// # Errors
    /// `InvalidCiphertextException` for another context or an altered ciphertext; those of the token.
    pub(super) fn open(&self) -> Result<Zeroizing<Vec<u8>>, KmsError> {
        let Self { material, blob, how } = self;
        match how {
            How::Envelope { context } => {
                let parsed = ParsedBlob::parse(blob.as_ref()).map_err(|_| KmsError::InvalidCiphertext)?;
                let kdk = material.hsm.mac(&material.object, &parsed.kdf_input(context))?;
                parsed.open(&kdk, context).map_err(|_| KmsError::InvalidCiphertext)
            }
            How::Oaep(algorithm) => {
                let plaintext = material.hsm.decrypt(&material.object, *algorithm, blob.as_ref())?;
                // Nobody could have encrypted nothing here, and no envelope could hold it.
                if plaintext.is_empty() {
                    return Err(KmsError::InvalidCiphertext);
                }
                Ok(Zeroizing::new(plaintext.expose().to_vec()))
            }
        }
    }
}

fn missing(member: &str) -> KmsError {
    KmsError::Validation(format!(
        "1 validation error detected: Value null at '{member}' failed to satisfy constraint: Member must not be null"
    ))
}
