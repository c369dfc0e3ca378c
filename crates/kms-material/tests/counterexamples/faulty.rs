//! A token that fails or vanishes on command, around the real one.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use kms_core::hsm::{Claim, FoundObject, MacInput, TokenObject, WrappedMaterial};
use kms_core::key_spec::WrappingKeySpec;
use kms_core::secret::SecretKey;
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
    MacFails,
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
        if self.goes_wrong(Fault::MacFails) { Err(broken()) } else { self.token.mac(object, input) }
    }

    fn generate_secret(&self, object: &TokenObject, claim: Claim<'_>) -> Result<(), HsmError> {
        self.token.generate_secret(object, claim)
    }

    fn probe_wrapped(&self, wrapped: &WrappedMaterial<'_>, input: &MacInput) -> Result<SecretKey, HsmError> {
        let fingerprint = self.token.probe_wrapped(wrapped, input);
        if let Some(hook) = self.after_probe.lock().unwrap().take() {
            hook();
        }
        fingerprint
    }

    fn unwrap_secret(
        &self,
        wrapped: &WrappedMaterial<'_>,
        object: &TokenObject,
        claim: Claim<'_>,
    ) -> Result<(), HsmError> {
        if self.goes_wrong(Fault::UnwrapFailsBeforeMaking) {
            return Err(broken());
        }
        self.token.unwrap_secret(wrapped, object, claim)?;
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
}
