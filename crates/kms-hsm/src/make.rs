//! Making token objects: a read, the claim and the write under one lock.

use cryptoki::mechanism::Mechanism;
use cryptoki::object::{ObjectClass, ObjectHandle};
use cryptoki::session::Session;
use kms_core::HsmError;
use kms_core::hsm::{Claim, ObjectKind, TokenObject};

use crate::error::unavailable;
use crate::handle_cache::Cached;
use crate::session::Connection;
use crate::template;
use crate::token::Token;

impl Token {
    /// See [`kms_core::Hsm::generate_secret`].
    pub(crate) fn make_secret(&self, object: &TokenObject, claim: Claim<'_>) -> Result<(), HsmError> {
        let session = self.ready_session()?;
        let class = template::class_of(ObjectKind::Symmetric);
        self.make_object(&session, object, class, claim, |session| {
            let template = template::secret(object).with_length();
            session.generate_key(&Mechanism::GenericSecretKeyGen, template.attributes())
        })
    }

    /// Takes the lock, sees the sentinel (which is also the read before the write that keeps two processes on one SoftHSM
    /// folder from missing each other's objects, hsm-facts 0.5), asks the claim, makes the object, remembers its handle.
    pub(crate) fn make_object(
        &self,
        session: &Connection,
        object: &TokenObject,
        class: ObjectClass,
        claim: Claim<'_>,
        make: impl FnOnce(&Session) -> cryptoki::error::Result<ObjectHandle>,
    ) -> Result<(), HsmError> {
        let guard = self.lock.acquire()?;
        self.see_sentinel(session, &guard)?;
        let login = self.connector.logins();
        if !claim() {
            return Err(HsmError::ClaimLost);
        }
        let handle = create(session, make)?;
        drop(guard);
        self.handles.insert(object.id, Cached { handle, class, label: object.label.as_str().into(), login });
        Ok(())
    }
}

/// The one place where token objects come into being, between its two failpoints. The caller holds the write lock.
pub(crate) fn create(
    session: &Connection,
    make: impl FnOnce(&Session) -> cryptoki::error::Result<ObjectHandle>,
) -> Result<ObjectHandle, HsmError> {
    fail::fail_point!("hsm.before_create");
    let made = make(session).map_err(|error| {
        session.retire();
        unavailable(error)
    });
    fail::fail_point!("hsm.after_create");
    made
}
