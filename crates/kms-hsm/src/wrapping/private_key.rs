//! Private keys from outside: unwrapped by the token where it can, else read in the process and made of their numbers.
//! Either way a session object signs once and the signature is verified, before anything durable exists.

use cryptoki::error::{Error, Result};
use cryptoki::object::{Attribute, AttributeType, KeyType, ObjectHandle};
use cryptoki::session::Session;
use kms_core::hsm::{Identity, KeyKind, TokenObject};
use kms_core::key_spec::KeyUsage;
use kms_keypair::imported::{ImportedPair, PrivateKeyParts, parse_pkcs8};
use kms_keypair::{EcCurve, PublicKey, ecdsa_recover_point};

use super::candidate::{Bench, Candidate, Maker};
use super::session_object::SessionObject;
use super::source::{Source, works};
use crate::curve::{Curve, curve_of};
use crate::error::refuses_wrapped_bytes;
use crate::identity;
use crate::key_form::{Powers, powers_of};
use crate::signing;
use crate::template::{Template, Usage, private};

/// Two digests of any length; the public point follows from a signature of each.
const DIGESTS: [[u8; 64]; 2] = [[0x5a; 64], [0xa5; 64]];

/// A private key whose numbers the process has for the time of one call.
pub(crate) struct ForeignKey(ImportedPair);

impl ForeignKey {
    /// `C_CreateObject`: a token object, or without one a session object for a trial.
    ///
    /// # Errors
    /// Its return code.
    pub(crate) fn create(
        &self,
        session: &Session,
        kind: KeyKind,
        powers: &Powers,
        object: Option<&TokenObject>,
    ) -> Result<ObjectHandle> {
        session.create_object(template_of(kind, powers, object)?.with(self.numbers(kind)).attributes())
    }

    fn numbers(&self, kind: KeyKind) -> Vec<Attribute> {
        let params = || curve_of(kind.spec).map(|curve| curve.params.to_vec()).unwrap_or_default();
        match &self.0.parts {
            PrivateKeyParts::Rsa { private_exponent, prime_1, prime_2, exponent_1, exponent_2, coefficient } => vec![
                Attribute::Modulus(self.0.public_key.raw().to_vec()),
                Attribute::PublicExponent(vec![1, 0, 1]),
                Attribute::PrivateExponent(private_exponent.to_vec()),
                Attribute::Prime1(prime_1.to_vec()),
                Attribute::Prime2(prime_2.to_vec()),
                Attribute::Exponent1(exponent_1.to_vec()),
                Attribute::Exponent2(exponent_2.to_vec()),
                Attribute::Coefficient(coefficient.to_vec()),
            ],
            PrivateKeyParts::Ec { scalar: value, .. } | PrivateKeyParts::Ed25519 { seed: value } => {
                vec![Attribute::EcParams(params()), Attribute::Value(value.to_vec())]
            }
        }
    }
}

/// The template of a private key from outside.
///
/// # Errors
/// [`Error::NotSupported`] for kinds without one.
pub(crate) fn template_of(kind: KeyKind, powers: &Powers, object: Option<&TokenObject>) -> Result<Template> {
    if !kind.spec.is_key_pair() {
        return Err(Error::NotSupported);
    }
    let key_type = curve_of(kind.spec).map_or(KeyType::RSA, Curve::key_type);
    Ok(private::imported(key_type, powers, object))
}

/// Examines an opened PKCS #8 key; nothing if it is none of this kind.
///
/// # Errors
/// Return codes that speak of the token and not of the bytes.
pub(crate) fn examine<'a>(bench: &Bench<'_>, kind: KeyKind, source: &'a Source<'a>) -> Result<Option<Candidate<'a>>> {
    let is_wrapped = !matches!(source, Source::Plain(_));
    if is_wrapped && bench.capabilities.unwraps(kind.spec) {
        let identity = unwrapped(bench, kind, source)?;
        return Ok(identity.map(|identity| Candidate::new(identity, Maker::Wrapped(source))));
    }
    let Some(bytes) = source.read(bench.session)? else { return Ok(None) };
    let Ok(pair) = parse_pkcs8(kind.spec, &bytes) else { return Ok(None) };
    let key = ForeignKey(pair);
    let der = key.0.public_key.spki().to_vec();
    let powers = trial_powers(bench, kind)?;
    let trial = SessionObject::adopt(bench.session, key.create(bench.session, kind, &powers, None)?);
    let is_pair = proves(bench.session, kind, trial.handle(), &der)?;
    Ok(is_pair.then(|| Candidate::new(Identity::PublicKey(der), Maker::Numbers(Box::new(key)))))
}

/// The public half of a key that the token unwrapped, which cannot always tell it (hsm-facts 1): the numbers of an RSA key, or
/// the one point under which two signatures verify.
fn unwrapped(bench: &Bench<'_>, kind: KeyKind, source: &Source<'_>) -> Result<Option<Identity>> {
    let session = bench.session;
    let template = template_of(kind, &trial_powers(bench, kind)?, None)?;
    let trial = match source.make(session, template) {
        Ok(handle) => SessionObject::adopt(session, handle),
        Err(error) if refuses_wrapped_bytes(&error) => return Ok(None),
        Err(error) => return Err(error),
    };
    let public = match EcCurve::of(kind.spec) {
        Some(curve) => recover(session, kind, curve, trial.handle())?,
        None => rsa_numbers(session, kind, trial.handle())?,
    };
    let Some(der) = public.map(|public| public.spki().to_vec()) else { return Ok(None) };
    Ok(proves(session, kind, trial.handle(), &der)?.then_some(Identity::PublicKey(der)))
}

fn recover(session: &Session, kind: KeyKind, curve: EcCurve, key: ObjectHandle) -> Result<Option<PublicKey>> {
    let params = session.get_attributes(key, &[AttributeType::EcParams])?;
    let is_on_curve = curve_of(kind.spec)
        .is_some_and(|wanted| matches!(&params[..], [Attribute::EcParams(params)] if params == wanted.params));
    let Some(algorithm) = identity::proof_algorithm(kind).filter(|_| is_on_curve) else { return Ok(None) };
    let [first, second] = &DIGESTS.map(|digest| digest[..algorithm.digest_bytes().unwrap_or(64)].to_vec());
    let Some(by_first) = works(signing::sign(session, key, algorithm, first))? else { return Ok(None) };
    let Some(by_second) = works(signing::sign(session, key, algorithm, second))? else { return Ok(None) };
    Ok(ecdsa_recover_point(curve, (first, &by_first), (second, &by_second)))
}

/// The modulus must have exactly the bits of the spec, and the exponent be 65537; SoftHSM asks for neither.
fn rsa_numbers(session: &Session, kind: KeyKind, key: ObjectHandle) -> Result<Option<PublicKey>> {
    let (mut modulus, mut exponent) = (Vec::new(), Vec::new());
    for attribute in session.get_attributes(key, &[AttributeType::Modulus, AttributeType::PublicExponent])? {
        match attribute {
            Attribute::Modulus(bytes) => modulus = bytes,
            Attribute::PublicExponent(bytes) => exponent = bytes,
            _ => {}
        }
    }
    Ok(PublicKey::from_rsa_components(kind.spec, &modulus, &exponent).ok())
}

/// Whether a signature of the trial object verifies; a key that cannot sign proves nothing.
fn proves(session: &Session, kind: KeyKind, key: ObjectHandle, der: &[u8]) -> Result<bool> {
    let Some(algorithm) = identity::proof_algorithm(kind) else { return Ok(false) };
    Ok(works(identity::signs(session, key, kind, algorithm, der))?.unwrap_or(false))
}

/// The trial object signs, whatever the key will be for.
fn trial_powers(bench: &Bench<'_>, kind: KeyKind) -> Result<Powers> {
    let signing = KeyKind { usage: KeyUsage::SignVerify, ..kind };
    powers_of(signing, bench.capabilities).filter(|powers| powers.usage == Usage::Sign).ok_or(Error::NotSupported)
}
