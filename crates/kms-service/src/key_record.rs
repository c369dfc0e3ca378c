//! A key compiled for the hot path: facts, ARN and the token objects, each checked against its material.

use std::sync::Arc;

use kms_core::hsm::TokenObject;
use kms_core::key_state::{check_state, key_state};
use kms_core::{KeyFacts, KeyMaterialId, KmsError, Operation, Timestamp};

/// A key as the cache holds it.
#[derive(Debug)]
pub(crate) struct KeyRecord {
    pub(crate) facts: KeyFacts,
    pub(crate) arn: Arc<str>,
    /// Names of the key's aliases, read with the facts: an alias leads to a key only as long as its record counts.
    pub(crate) aliases: Vec<String>,
    /// The materials that have an object, ready for use.
    materials: Vec<UsableMaterial>,
}

/// A material ready for use.
#[derive(Clone, Debug)]
pub(crate) struct UsableMaterial {
    pub(crate) id: KeyMaterialId,
    pub(crate) object: Arc<TokenObject>,
}

impl KeyRecord {
    pub(crate) fn new(facts: KeyFacts, aliases: Vec<String>) -> Self {
        let arn = facts.address.arn().into();
        let usable = |id, object| {
            let object = TokenObject::of_key(object, facts.address.region, facts.address.key_id);
            UsableMaterial { id, object: Arc::new(object) }
        };
        let materials = facts.materials.iter();
        let materials = materials.filter_map(|material| material.object.map(|object| usable(material.id, object)));
        Self { arn, aliases, materials: materials.collect(), facts }
    }

    /// Usage, then state, as every cryptographic operation asks for them.
    ///
    /// # Errors
    /// `InvalidKeyUsageException`, `DisabledException`, `KMSInvalidStateException`.
    pub(crate) fn check(&self, operation: Operation, now: Timestamp) -> Result<(), KmsError> {
        if operation.key_usage().is_some_and(|usage| usage != self.facts.usage) {
            let text = format!("{} key usage is {} which is not valid for {operation}.", self.arn, self.facts.usage);
            return Err(KmsError::InvalidKeyUsage(text));
        }
        check_state(operation, &self.facts.address, key_state(&self.facts, now))
    }

    /// The encryption algorithm of a request fits this key.
    ///
    /// # Errors
    /// `InvalidKeyUsageException`.
    pub(crate) fn check_algorithm(&self, algorithm: Option<&str>) -> Result<(), KmsError> {
        match algorithm {
            None | Some(SYMMETRIC_DEFAULT) => Ok(()),
            Some(other) => Err(KmsError::InvalidKeyUsage(format!(
                "Algorithm {other} is incompatible with key spec {}.",
                self.facts.spec
            ))),
        }
    }

    /// The material that encrypts.
    ///
    /// # Errors
    /// `KMSInternalException`: an Enabled key always has one.
    pub(crate) fn current(&self) -> Result<UsableMaterial, KmsError> {
        let current = self.facts.current().and_then(|material| self.usable(&material.id));
        current.ok_or_else(|| KmsError::internal("an enabled key has no current material"))
    }

    /// The material that a ciphertext names.
    ///
    /// # Errors
    /// `InvalidCiphertextException` if this key never had it.
    pub(crate) fn material(&self, id: &KeyMaterialId) -> Result<UsableMaterial, KmsError> {
        self.usable(id).ok_or(KmsError::InvalidCiphertext)
    }

    fn usable(&self, id: &KeyMaterialId) -> Option<UsableMaterial> {
        self.materials.iter().find(|material| material.id == *id).cloned()
    }
}

/// The one algorithm of symmetric keys.
pub(crate) const SYMMETRIC_DEFAULT: &str = "SYMMETRIC_DEFAULT";
