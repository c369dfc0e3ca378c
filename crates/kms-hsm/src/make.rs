//! Making token objects: a read, the claim and the write under one lock.

use cryptoki::mechanism::Mechanism;
use cryptoki::object::{ObjectClass, ObjectHandle};
use cryptoki::session::Session;
use kms_core::HsmError;
use kms_core::hsm::{Ability, Claim, KeyKind, TokenObject};

use crate::error::unavailable;
use crate::handle_cache::Cached;
use crate::key_form::{Form, Powers, form_of, powers_of};
use crate::pair::Plan;
use crate::session::Connection;
use crate::template;
use crate::token::Token;

impl Token {
    /// See [`kms_core::Hsm::generate_key`].
    pub(crate) fn make_key(
        &self,
        object: &TokenObject,
        kind: KeyKind,
        claim: Claim<'_>,
    ) -> Result<Option<Vec<u8>>, HsmError> {
        const UNSUPPORTED: HsmError = HsmError::Unsupported("this key spec");
        kms_core::Hsm::supports(self, Ability::Generate(kind))?;
        let powers = powers_of(kind, &self.capabilities).ok_or(UNSUPPORTED)?;
        let plan = match form_of(kind.spec).ok_or(UNSUPPORTED)? {
            Form::Secret { bytes } => return self.make_secret(object, &powers, bytes, claim).map(|()| None),
            Form::Rsa { bits } => Plan::rsa(object, &powers, bits, self.quirks.rsa_pairs_by_copy),
            Form::Curve(curve) => Plan::curve(object, &powers, curve),
            Form::Lattice(lattice) => Plan::lattice(object, &powers, kind.spec, lattice),
        };
        let der = self.make_pair(&plan, claim)?;
        self.prove_pair(object, kind, &der)?;
        Ok(Some(der))
    }

    fn make_secret(
        &self,
        object: &TokenObject,
        powers: &Powers,
        bytes: usize,
        claim: Claim<'_>,
    ) -> Result<(), HsmError> {
        let session = self.ready_session()?;
        self.make_object(&session, object, ObjectClass::SECRET_KEY, claim, |session| {
            let template = template::hmac(&powers.allowed, Some(object)).with_length(bytes);
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
