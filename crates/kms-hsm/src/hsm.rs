//! [`kms_core::Hsm`] for [`Token`]: each method in one line, its work in a file of its own.

use cryptoki::object::ObjectClass;
use kms_core::algorithm::{EncryptionAlgorithm, MacAlgorithm, SigningAlgorithm};
use kms_core::hsm::{Ability, Claim, FoundObject, Identity, KeyKind, MacInput, TokenObject, WrappedMaterial};
use kms_core::ids::ObjectId;
use kms_core::key_spec::{KeySpec, WrappingKeySpec};
use kms_core::secret::{SecretBytes, SecretKey};
use kms_core::wrapping::WrappingAlgorithm;
use kms_core::{Hsm, HsmError};

use crate::error::unavailable;
use crate::token::Token;

impl Hsm for Token {
    fn generate_random(&self, out: &mut [u8]) -> Result<(), HsmError> {
        let session = self.session()?;
        if session.generate_random_slice(out).is_ok() {
            return Ok(());
        }
        drop(session);
        self.ready_session()?.generate_random_slice(out).map_err(unavailable)
    }

    fn mac(&self, object: &TokenObject, input: &MacInput) -> Result<SecretKey, HsmError> {
        self.with_object(object, ObjectClass::SECRET_KEY, |session, handle| {
            Ok(SecretKey::try_fill(|mac| self.raw.hmac_sha256(session, handle, input, mac))?)
        })
    }

    fn generate_key(&self, object: &TokenObject, kind: KeyKind, claim: Claim<'_>) -> Result<Option<Vec<u8>>, HsmError> {
        self.make_key(object, kind, claim)
    }

    fn hmac(&self, object: &TokenObject, algorithm: MacAlgorithm, message: &[u8]) -> Result<SecretBytes, HsmError> {
        self.hmac_with(object, algorithm, message)
    }

    fn sign(&self, object: &TokenObject, algorithm: SigningAlgorithm, input: &[u8]) -> Result<Vec<u8>, HsmError> {
        self.sign_with(object, algorithm, input)
    }

    fn decrypt(
        &self,
        object: &TokenObject,
        algorithm: EncryptionAlgorithm,
        ciphertext: &[u8],
    ) -> Result<SecretBytes, HsmError> {
        self.decrypt_with(object, algorithm, ciphertext)
    }

    fn derive_shared_secret(&self, object: &TokenObject, spec: KeySpec, peer: &[u8]) -> Result<SecretBytes, HsmError> {
        self.agree_with(object, spec, peer)
    }

    fn decapsulate(&self, object: &TokenObject, spec: KeySpec, ciphertext: &[u8]) -> Result<SecretBytes, HsmError> {
        self.decapsulate_with(object, spec, ciphertext)
    }

    fn identify(&self, object: &TokenObject, kind: KeyKind, public_key: Option<&[u8]>) -> Result<Identity, HsmError> {
        self.identify_object(object, kind, public_key)
    }

    fn probe_wrapped(&self, wrapped: &WrappedMaterial<'_>, kind: KeyKind) -> Result<Identity, HsmError> {
        self.probe(wrapped, kind)
    }

    fn unwrap_key(
        &self,
        wrapped: &WrappedMaterial<'_>,
        object: &TokenObject,
        kind: KeyKind,
        claim: Claim<'_>,
    ) -> Result<(), HsmError> {
        self.unwrap_into_token(wrapped, object, kind, claim)
    }

    fn generate_wrapping_pair(
        &self,
        object: &TokenObject,
        spec: WrappingKeySpec,
        algorithm: WrappingAlgorithm,
        claim: Claim<'_>,
    ) -> Result<Vec<u8>, HsmError> {
        self.make_wrapping_pair(object, spec, algorithm, claim)
    }

    fn destroy(&self, id: ObjectId) -> Result<(), HsmError> {
        self.destroy_object(id)
    }

    fn list(&self) -> Result<Vec<FoundObject>, HsmError> {
        self.list_objects()
    }

    fn discard_torn(&self) -> Result<usize, HsmError> {
        self.discard_halves()
    }

    fn check(&self) -> Result<(), HsmError> {
        let session = self.ready_session()?;
        self.see_sentinel(&session, &self.lock.acquire_for_search()?)
    }

    fn supports_wrapping(&self, algorithm: WrappingAlgorithm) -> bool {
        self.capabilities.unwrap_path(algorithm).is_some()
    }

    fn supports(&self, ability: Ability) -> Result<(), HsmError> {
        self.capabilities.lack(ability).map_or(Ok(()), |reason| Err(HsmError::Unsupported(reason)))
    }
}

impl Token {
    /// The two calls of [`Hsm::mac`] without what surrounds them, `count` times with one session and one handle; gives the
    /// last MAC. It exists for the benchmark, which measures everything else against it.
    ///
    /// # Errors
    /// Those of [`Hsm::mac`].
    pub fn mac_repeatedly(&self, object: &TokenObject, input: &MacInput, count: u32) -> Result<SecretKey, HsmError> {
        self.with_object(object, ObjectClass::SECRET_KEY, |session, handle| {
            let calls =
                |mac: &mut [u8; 32]| (0..count).try_for_each(|_| self.raw.hmac_sha256(session, handle, input, mac));
            Ok(SecretKey::try_fill(calls)?)
        })
    }
}
