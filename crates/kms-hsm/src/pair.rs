//! Making key pairs: the private half becomes one token object, the public half is read and destroyed.

use cryptoki::mechanism::Mechanism;
use cryptoki::object::{Attribute, ObjectClass};
use kms_core::HsmError;
use kms_core::hsm::{Claim, TokenObject};
use kms_core::key_spec::KeySpec;

use crate::curve::Curve;
use crate::error::unavailable;
use crate::key_form::Powers;
use crate::lattice::Lattice;
use crate::public_key::{self, Family};
use crate::session::Connection;
use crate::template::private;
use crate::token::Token;
use crate::torn;
use crate::wrapping::session_object::SessionObject;

/// A pair to be made.
pub(crate) struct Plan<'a> {
    pub(crate) object: &'a TokenObject,
    pub(crate) powers: &'a Powers,
    mechanism: Mechanism<'static>,
    public: Vec<Attribute>,
    family: Family,
    by_copy: bool,
}

impl<'a> Plan<'a> {
    /// An RSA pair. It takes up to seconds, so on tokens where a copy keeps what counts it is made outside the lock.
    pub(crate) fn rsa(object: &'a TokenObject, powers: &'a Powers, bits: u64, by_copy: bool) -> Self {
        let (mechanism, public) = (Mechanism::RsaPkcsKeyPairGen, private::public_rsa(bits));
        Self { object, powers, mechanism, public, family: Family::Rsa, by_copy }
    }

    /// A pair on a curve, which takes a millisecond.
    pub(crate) fn curve(object: &'a TokenObject, powers: &'a Powers, curve: &'static Curve) -> Self {
        let (mechanism, public) = (curve.generation(), private::public_curve(curve));
        Self { object, powers, mechanism, public, family: Family::Curve(curve), by_copy: false }
    }

    /// A pair of ML-DSA or ML-KEM, which takes a millisecond.
    pub(crate) fn lattice(object: &'a TokenObject, powers: &'a Powers, spec: KeySpec, lattice: Lattice) -> Self {
        let (mechanism, public) = (lattice.generation(), private::public_lattice(lattice));
        Self { object, powers, mechanism, public, family: Family::Lattice(spec), by_copy: false }
    }
}

impl Token {
    /// Makes the pair and gives its public half, DER SubjectPublicKeyInfo. It is not proved yet.
    ///
    /// # Errors
    /// [`HsmError::ClaimLost`], [`HsmError::Unavailable`] and those of the lock.
    pub(crate) fn make_pair(&self, plan: &Plan<'_>, claim: Claim<'_>) -> Result<Vec<u8>, HsmError> {
        let session = self.ready_session()?;
        let _session_objects = torn::session_objects();
        if plan.by_copy {
            self.generate_then_copy(&session, plan, claim)
        } else {
            self.generate_in_place(&session, plan, claim)
        }
    }

    /// Session objects outside the lock, then the private half copied in under it.
    fn generate_then_copy(&self, session: &Connection, plan: &Plan<'_>, claim: Claim<'_>) -> Result<Vec<u8>, HsmError> {
        let half = private::generated(plan.object, plan.powers, false);
        let pair = session.generate_key_pair(&plan.mechanism, &plan.public, &half);
        let (public, half) = pair.map_err(unavailable)?;
        let public = SessionObject::adopt(session, public);
        let half = SessionObject::adopt(session, half);
        let der = public_key::read(session, public.handle(), plan.family)?;
        self.make_object(session, plan.object, ObjectClass::PRIVATE_KEY, claim, |session| {
            session.copy_object(half.handle(), &private::copied())
        })?;
        Ok(der)
    }

    /// Straight into the token, under the lock: where a pair is made at once, or a copy would lose attributes.
    fn generate_in_place(&self, session: &Connection, plan: &Plan<'_>, claim: Claim<'_>) -> Result<Vec<u8>, HsmError> {
        let mut public = None;
        self.make_object(session, plan.object, ObjectClass::PRIVATE_KEY, claim, |session| {
            let half = private::generated(plan.object, plan.powers, true);
            let (public_handle, half) = session.generate_key_pair(&plan.mechanism, &plan.public, &half)?;
            public = Some(public_handle);
            Ok(half)
        })?;
        let public = public.ok_or_else(|| HsmError::Unavailable("C_GenerateKeyPair: no public half".to_owned()))?;
        let public = SessionObject::adopt(session, public);
        public_key::read(session, public.handle(), plan.family)
    }
}
