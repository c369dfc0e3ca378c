//! What the token does with key pairs, verified with their public halves in the process.

use cryptoki::mechanism::{Mechanism, MechanismType};
use cryptoki::session::Session;
use kms_core::algorithm::SigningAlgorithm;
use kms_core::hsm::KeyKind;
use kms_core::key_spec::{KeySpec, KeyUsage};

use crate::capabilities::Capabilities;
use crate::curve::{Curve, curve_of};
use crate::lattice::lattice_of;
use crate::public_key::{self, Family};
use crate::template::{Usage, private};
use crate::wrapping::session_object::SessionObject;
use crate::{agreement, decapsulation, identity, outside};

/// A pair of session objects of no worth.
pub(super) struct TrialPair<'s> {
    pub(super) private: SessionObject<'s>,
    /// DER SubjectPublicKeyInfo of the public half.
    pub(super) der: Vec<u8>,
}

impl<'s> TrialPair<'s> {
    /// Makes one, or nothing if the token does not: an RSA pair has 2048 bits.
    pub(super) fn generate(
        session: &'s Session,
        mechanism: &Mechanism<'_>,
        family: Family,
        usages: &[Usage],
    ) -> Option<Self> {
        let template = match family {
            Family::Rsa => private::public_rsa(2048),
            Family::Curve(curve) => private::public_curve(curve),
            Family::Lattice(spec) => private::public_lattice(lattice_of(spec)?),
        };
        let pair = session.generate_key_pair(mechanism, &template, &private::trial(usages));
        let (public, private) = pair.map_err(|error| tracing::debug!(%error, "the token makes no such pair")).ok()?;
        let public = SessionObject::adopt(session, public);
        let private = SessionObject::adopt(session, private);
        let der = public_key::read(session, public.handle(), family).ok()?;
        Some(Self { private, der })
    }

    /// The algorithms of a spec whose signatures verify.
    pub(super) fn signatures(&self, session: &Session, spec: KeySpec) -> Vec<(KeySpec, SigningAlgorithm)> {
        let kind = KeyKind { spec, usage: KeyUsage::SignVerify };
        let verifies = |algorithm: &SigningAlgorithm| {
            identity::signs(session, self.private.handle(), kind, *algorithm, &self.der).unwrap_or(false)
        };
        let algorithms = spec.signing_algorithms(kind.usage).iter().copied();
        algorithms.filter(verifies).map(|algorithm| (spec, algorithm)).collect()
    }

    fn agrees(&self, session: &Session, spec: KeySpec, curve: &Curve) -> bool {
        outside::counterpart(spec, &self.der).is_some_and(|(peer, secret)| {
            agreement::agree(session, self.private.handle(), curve, &peer).is_ok_and(|found| found == secret)
        })
    }

    fn decapsulates(&self, session: &Session, spec: KeySpec) -> bool {
        outside::encapsulated(spec, &self.der).is_some_and(|(ciphertext, secret)| {
            decapsulation::decapsulate(session, self.private.handle(), &ciphertext).is_ok_and(|found| found == secret)
        })
    }
}

/// Tries each parameter set of ML-DSA and ML-KEM with one pair.
pub(super) fn lattices(session: &Session, mechanisms: &[MechanismType], capabilities: &mut Capabilities) {
    for spec in KeySpec::ALL.iter().copied() {
        let Some(lattice) = lattice_of(spec) else { continue };
        let needed = [lattice.generation().mechanism_type(), lattice.use_type()];
        if !needed.iter().all(|mechanism| mechanisms.contains(mechanism)) {
            continue;
        }
        let usage = if spec.allows(KeyUsage::SignVerify) { Usage::Sign } else { Usage::Decapsulate };
        let pair = TrialPair::generate(session, &lattice.generation(), Family::Lattice(spec), &[usage]);
        let Some(pair) = pair else { continue };
        capabilities.signatures.extend(pair.signatures(session, spec));
        if usage == Usage::Decapsulate && pair.decapsulates(session, spec) {
            capabilities.decapsulations.push(spec);
        }
    }
}

/// Tries each curve with one pair.
pub(super) fn curves(session: &Session, mechanisms: &[MechanismType], capabilities: &mut Capabilities) {
    for spec in KeySpec::ALL.iter().copied() {
        let Some(curve) = curve_of(spec) else { continue };
        let may_agree = spec.allows(KeyUsage::KeyAgreement) && mechanisms.contains(&MechanismType::ECDH1_DERIVE);
        let usages: &[Usage] = if may_agree { &[Usage::Sign, Usage::Derive] } else { &[Usage::Sign] };
        if !mechanisms.contains(&curve.generation().mechanism_type()) {
            continue;
        }
        let Some(pair) = TrialPair::generate(session, &curve.generation(), Family::Curve(curve), usages) else {
            continue;
        };
        capabilities.signatures.extend(pair.signatures(session, spec));
        if may_agree && pair.agrees(session, spec, curve) {
            capabilities.agreements.push(spec);
        }
    }
}
