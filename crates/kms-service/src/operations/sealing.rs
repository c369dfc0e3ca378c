//! The side of a request that makes a ciphertext: Encrypt's, a data key's, and the destination of ReEncrypt.

use std::collections::BTreeMap;

use kms_core::KmsError;
use kms_core::ciphertext_blob::Envelope;
use kms_core::encryption_context::canonical;

use crate::key_record::{KeyRecord, UsableMaterial};
use crate::lane::LaneToken;

/// An envelope under the current material of a key: only the token is still missing.
pub(super) struct Sealing {
    pub(super) material: UsableMaterial,
    envelope: Envelope,
}

impl Sealing {
    /// Fixes key, material and context.
    ///
    /// # Errors
    /// `KMSInternalException`: an enabled key has material, and the operating system gives random bytes.
    pub(super) fn prepare(key: &KeyRecord, context: Option<&BTreeMap<String, String>>) -> Result<Self, KmsError> {
        let material = key.current()?;
        let envelope = Envelope::new(key.facts.address.key_id, material.id, canonical(context));
        Ok(Self { material, envelope: envelope.map_err(KmsError::internal)? })
    }

    /// Asks the token for the message key and seals the plaintext under it.
    ///
    /// # Errors
    /// Those of the token.
    pub(super) fn seal(self, token: &mut LaneToken, plaintext: &[u8]) -> Result<Vec<u8>, KmsError> {
        let kdk = token.mac(&self.material.object, &self.envelope.kdf_input())?;
        Ok(self.envelope.seal(&kdk, plaintext))
    }
}
