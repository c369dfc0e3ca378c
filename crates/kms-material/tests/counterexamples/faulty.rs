//! A token that fails or vanishes on command, around the real one.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use kms_core::algorithm::{EncryptionAlgorithm, MacAlgorithm, SigningAlgorithm};
use kms_core::hsm::{Ability, Claim, FoundObject, Identity, KeyKind, MacInput, TokenObject, WrappedMaterial};
use kms_core::key_spec::{KeySpec, WrappingKeySpec};
use kms_core::secret::{SecretBytes, SecretKey};
use kms_core::wrapping::WrappingAlgorithm;
use kms_core::{Hsm, HsmError, ObjectId};
use kms_hsm::Token;

/// What goes wrong, once.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Fault {
    /// The object is made, yet the token says that it failed.
    UnwrapFailsAfterMaking,
    /// The token fails before anything is made.
    UnwrapFailsBeforeMaking,
    /// The object that was just made cannot be used.
    UseFails,
    /// The sentinel is not seen: nothing is destroyed and nothing proved.
    DestroyIsUnknown,
    /// The object is destroyed, yet the proof fails.
    DestroyFailsAfterwards,
}

type Hook = Box<dyn FnOnce() + Send>;

/// The token of one node.
pub(crate) struct FaultyHsm {
    token: Arc<Token>,
    fault: Mutex<Option<Fault>>,
    before_lists: Mutex<VecDeque<Hook>>,
    after_probe: Mutex<Option<Hook>>,
    kept: Mutex<Vec<ObjectId>>,
}

impl FaultyHsm {
    pub(crate) fn new(token: Arc<Token>) -> Self {
        Self {
            token,
            fault: Mutex::default(),
            before_lists: Mutex::default(),
            after_probe: Mutex::default(),
            kept: Mutex::default(),
        }
    }

    /// The next call that the fault fits goes wrong.
    pub(crate) fn fail_once(&self, fault: Fault) {
        *self.fault.lock().unwrap() = Some(fault);
    }

    /// From now on this object cannot be destroyed here.
    pub(crate) fn keep(&self, id: ObjectId) {
        self.kept.lock().unwrap().push(id);
    }

    /// Runs `hook` just before the next listing for which none is waiting yet.
    pub(crate) fn before_list(&self, hook: impl FnOnce() + Send + 'static) {
        self.before_lists.lock().unwrap().push_back(Box::new(hook));
    }

    /// Runs `hook` once, between the probe of wrapped material and the first row of its import.
    pub(crate) fn after_probe(&self, hook: impl FnOnce() + Send + 'static) {
        *self.after_probe.lock().unwrap() = Some(Box::new(hook));
    }

    fn goes_wrong(&self, fault: Fault) -> bool {
        let mut waiting = self.fault.lock().unwrap();
        let hits = *waiting == Some(fault);
        if hits {
            *waiting = None;
        }
        hits
    }
}

fn broken() -> HsmError {
    HsmError::Unavailable("on command".to_owned())
}

impl Hsm for FaultyHsm {
    fn generate_random(&self, out: &mut [u8]) -> Result<(), HsmError> {
        self.token.generate_random(out)
    }

    fn mac(&self, object: &TokenObject, input: &MacInput) -> Result<SecretKey, HsmError> {
        if self.goes_wrong(Fault::UseFails) { Err(broken()) } else { self.token.mac(object, input) }
    }

    fn generate_key(&self, object: &TokenObject, kind: KeyKind, claim: Claim<'_>) -> Result<Option<Vec<u8>>, HsmError> {
        self.token.generate_key(object, kind, claim)
    }

    fn hmac(&self, object: &TokenObject, algorithm: MacAlgorithm, message: &[u8]) -> Result<SecretBytes, HsmError> {
        self.token.hmac(object, algorithm, message)
    }

    fn sign(&self, object: &TokenObject, algorithm: SigningAlgorithm, input: &[u8]) -> Result<Vec<u8>, HsmError> {
        self.token.sign(object, algorithm, input)
    }

    fn decrypt(
        &self,
        object: &TokenObject,
        algorithm: EncryptionAlgorithm,
        ciphertext: &[u8],
    ) -> Result<SecretBytes, HsmError> {
        self.token.decrypt(object, algorithm, ciphertext)
    }

    fn derive_shared_secret(&self, object: &TokenObject, spec: KeySpec, peer: &[u8]) -> Result<SecretBytes, HsmError> {
        self.token.derive_shared_secret(object, spec, peer)
    }

    fn decapsulate(&self, object: &TokenObject, spec: KeySpec, ciphertext: &[u8]) -> Result<SecretBytes, HsmError> {
        self.token.decapsulate(object, spec, ciphertext)
    }

    fn identify(&self, object: &TokenObject, kind: KeyKind, public_key: Option<&[u8]>) -> Result<Identity, HsmError> {
        if self.goes_wrong(Fault::UseFails) { Err(broken()) } else { self.token.identify(object, kind, public_key) }
    }

    fn probe_wrapped(&self, wrapped: &WrappedMaterial<'_>, kind: KeyKind) -> Result<Identity, HsmError> {
        let fingerprint = self.token.probe_wrapped(wrapped, kind);
        if let Some(hook) = self.after_probe.lock().unwrap().take() {
            hook();
        }
        fingerprint
    }

    fn unwrap_key(
        &self,
        wrapped: &WrappedMaterial<'_>,
        object: &TokenObject,
        kind: KeyKind,
        claim: Claim<'_>,
    ) -> Result<(), HsmError> {
        if self.goes_wrong(Fault::UnwrapFailsBeforeMaking) {
            return Err(broken());
        }
        self.token.unwrap_key(wrapped, object, kind, claim)?;
        if self.goes_wrong(Fault::UnwrapFailsAfterMaking) { Err(broken()) } else { Ok(()) }
    }

    fn generate_wrapping_pair(
        &self,
        object: &TokenObject,
        spec: WrappingKeySpec,
        algorithm: WrappingAlgorithm,
        claim: Claim<'_>,
    ) -> Result<Vec<u8>, HsmError> {
        self.token.generate_wrapping_pair(object, spec, algorithm, claim)
    }

    fn destroy(&self, id: ObjectId) -> Result<(), HsmError> {
        if self.goes_wrong(Fault::DestroyIsUnknown) {
            return Err(HsmError::TokenUnknown);
        }
        if self.kept.lock().unwrap().contains(&id) {
            return Err(broken());
        }
        self.token.destroy(id)?;
        if self.goes_wrong(Fault::DestroyFailsAfterwards) { Err(broken()) } else { Ok(()) }
    }

    fn list(&self) -> Result<Vec<FoundObject>, HsmError> {
        let hook = self.before_lists.lock().unwrap().pop_front();
        if let Some(hook) = hook {
            hook();
        }
        self.token.list()
    }

    fn discard_torn(&self) -> Result<usize, HsmError> {
        self.token.discard_torn()
    }

    fn check(&self) -> Result<(), HsmError> {
        self.token.check()
    }

    fn supports_wrapping(&self, algorithm: WrappingAlgorithm) -> bool {
        self.token.supports_wrapping(algorithm)
    }

    fn supports(&self, ability: Ability) -> Result<(), HsmError> {
        self.token.supports(ability)
    }
}
