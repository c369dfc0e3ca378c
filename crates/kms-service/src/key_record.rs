//! A key compiled for the hot path: facts, ARN and the token objects, each checked against its material.

use std::sync::Arc;

use kms_core::algorithm::{EncryptionAlgorithm, MacAlgorithm, SigningAlgorithm};
use kms_core::hsm::TokenObject;
use kms_core::key_spec::KeySpec;
use kms_core::key_state::{check_state, key_state};
use kms_core::{Hsm, KeyFacts, KeyMaterialId, KmsError, Operation, Timestamp};
use kms_keypair::PublicKey;

/// A key as the cache holds it.
pub(crate) struct KeyRecord {
    pub(crate) facts: KeyFacts,
    pub(crate) arn: Arc<str>,
    /// Names of the key's aliases, read with the facts: an alias leads to a key only as long as its record counts.
    pub(crate) aliases: Vec<String>,
    /// The materials that have an object, ready for use.
    materials: Vec<UsableMaterial>,
    /// The public half of a pair, parsed once.
    public_key: Option<Arc<PublicKey>>,
}

/// A material ready for use.
#[derive(Clone)]
pub(crate) struct UsableMaterial {
    pub(crate) id: KeyMaterialId,
    pub(crate) object: Arc<TokenObject>,
    /// The token that it is in.
    pub(crate) hsm: Arc<dyn Hsm>,
}

impl KeyRecord {
    /// The record of a key that is bound to this token. A row that does not hold together refuses every use of its key, also
    /// those that need no public key.
    ///
    /// # Errors
    /// `KMSInternalException`: the row holds a public key that is none of its spec.
    pub(crate) fn new(facts: KeyFacts, aliases: Vec<String>, hsm: &Arc<dyn Hsm>) -> Result<Self, KmsError> {
        let arn = facts.address.arn().into();
        let usable = |id, object| {
            let object = TokenObject::of_key(object, facts.address.region, facts.address.key_id);
            UsableMaterial { id, object: Arc::new(object), hsm: Arc::clone(hsm) }
        };
        let materials = facts.materials.iter();
        let materials = materials.filter_map(|material| material.object.map(|object| usable(material.id, object)));
        let public_key = facts.current().and_then(|material| material.public_key.as_deref());
        let public_key = public_key.map(|spki| PublicKey::from_spki(facts.spec, spki).map(Arc::new)).transpose();
        let public_key = public_key.map_err(KmsError::internal)?;
        Ok(Self { arn, aliases, materials: materials.collect(), public_key, facts })
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

    /// The encryption algorithm of a request, which must be one of this key's.
    ///
    /// # Errors
    /// `InvalidKeyUsageException`.
    pub(crate) fn encryption_algorithm(&self, name: Option<&str>) -> Result<EncryptionAlgorithm, KmsError> {
        let name = name.unwrap_or(SYMMETRIC_DEFAULT);
        let own = self.facts.spec.encryption_algorithms(self.facts.usage);
        own.iter().copied().find(|own| own.name() == name).ok_or_else(|| self.incompatible(name))
    }

    /// The signing algorithm of a request, which must be one of this key's.
    ///
    /// # Errors
    /// `InvalidKeyUsageException`.
    pub(crate) fn signing_algorithm(&self, name: &str) -> Result<SigningAlgorithm, KmsError> {
        let own = self.facts.spec.signing_algorithms(self.facts.usage);
        own.iter().copied().find(|own| own.name() == name).ok_or_else(|| self.incompatible(name))
    }

    /// The MAC algorithm of a request, which must be this key's.
    ///
    /// # Errors
    /// `InvalidKeyUsageException`.
    pub(crate) fn mac_algorithm(&self, name: &str) -> Result<MacAlgorithm, KmsError> {
        self.facts.spec.mac_algorithm().filter(|own| own.name() == name).ok_or_else(|| self.incompatible(name))
    }

    /// A data key is made under a symmetric key alone. Source: kms-operations.md 3.4.
    ///
    /// # Errors
    /// `InvalidKeyUsageException`.
    pub(crate) fn check_symmetric(&self) -> Result<(), KmsError> {
        if self.facts.spec == KeySpec::SymmetricDefault {
            return Ok(());
        }
        Err(KmsError::InvalidKeyUsage("You cannot generate a data key with an asymmetric CMK".to_owned()))
    }

    /// The public half of the current material.
    ///
    /// # Errors
    /// `KMSInternalException`: a usable pair always has one.
    pub(crate) fn public_key(&self) -> Result<Arc<PublicKey>, KmsError> {
        self.public_key.clone().ok_or_else(|| KmsError::internal("an enabled key pair has no public key"))
    }

    fn incompatible(&self, algorithm: &str) -> KmsError {
        KmsError::InvalidKeyUsage(format!("Algorithm {algorithm} is incompatible with key spec {}.", self.facts.spec))
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

/// The one algorithm of symmetric keys, and the default of Encrypt and Decrypt.
pub(crate) const SYMMETRIC_DEFAULT: &str = "SYMMETRIC_DEFAULT";
