//! Opened material of each kind: whether it is what its key needs, which material it is, and how objects of it are made.

use cryptoki::error::{Error, Result, RvError};
use cryptoki::object::ObjectHandle;
use cryptoki::session::Session;
use kms_core::algorithm::MacAlgorithm;
use kms_core::hsm::{Identity, KeyKind, TokenObject};
use kms_core::material_id::{fingerprint_input, fingerprint_input_of};
use kms_core::secret::SecretBytes;
use zeroize::Zeroizing;

use super::private_key::{self, ForeignKey};
use super::session_object::SessionObject;
use super::source::{Source, mac_of_32_bytes, told_length, try_object, works};
use crate::capabilities::Capabilities;
use crate::key_form::{Powers, hmac_type};
use crate::raw::RawCalls;
use crate::{signing, template};

/// The longest material of an HMAC key; the shortest is as long as its tag (key-specs.md 1, AWS's limits of imports).
const LONGEST_HMAC_KEY: usize = 128;

/// Good material.
pub(crate) struct Candidate<'a> {
    pub(crate) identity: Identity,
    maker: Maker<'a>,
}

/// What objects are made of.
pub(crate) enum Maker<'a> {
    /// A secret.
    Secret(&'a Source<'a>),
    /// A private key that the token unwraps itself.
    Wrapped(&'a Source<'a>),
    /// A private key by its numbers.
    Numbers(Box<ForeignKey>),
}

/// What the opening of material has at hand.
#[derive(Clone, Copy)]
pub(crate) struct Bench<'a> {
    pub(crate) session: &'a Session,
    pub(crate) raw: &'a RawCalls,
    pub(crate) capabilities: &'a Capabilities,
    /// Stands in for whatever could not be opened, so that all the steps are taken.
    pub(crate) substitute: &'a Zeroizing<[u8; 32]>,
}

impl<'a> Candidate<'a> {
    /// A candidate that was examined.
    pub(crate) fn new(identity: Identity, maker: Maker<'a>) -> Self {
        Self { identity, maker }
    }

    /// Makes the object with the template of its kind.
    ///
    /// # Errors
    /// The return code of `C_UnwrapKey` or `C_CreateObject`.
    pub(crate) fn make(
        &self,
        session: &Session,
        kind: KeyKind,
        powers: &Powers,
        object: &TokenObject,
    ) -> Result<ObjectHandle> {
        match &self.maker {
            Maker::Secret(source) => source.make(session, template::hmac(&powers.allowed, Some(object))),
            Maker::Wrapped(source) => source.make(session, private_key::template_of(kind, powers, Some(object))?),
            Maker::Numbers(key) => key.create(session, kind, powers, Some(object)),
        }
    }
}

/// Examines opened material; nothing if it is not material of this kind.
///
/// # Errors
/// Return codes that speak of the token and not of the bytes.
pub(crate) fn examine<'a>(bench: &Bench<'_>, kind: KeyKind, source: &'a Source<'a>) -> Result<Option<Candidate<'a>>> {
    match kind.spec.mac_algorithm() {
        _ if kind.spec.is_key_pair() => private_key::examine(bench, kind, source),
        None => symmetric(bench, source),
        Some(algorithm) => hmac(bench, kind, algorithm, source),
    }
}

fn symmetric<'a>(bench: &Bench<'_>, source: &'a Source<'a>) -> Result<Option<Candidate<'a>>> {
    let substitute = Source::Plain(Zeroizing::new(bench.substitute.to_vec()));
    let has_length = !matches!(source, Source::Plain(secret) if secret.len() != 32);
    let tried = if has_length { source } else { &substitute };
    let mac = mac_of_32_bytes(bench.session, bench.raw, tried, &fingerprint_input(), bench.substitute)?;
    let identity = Identity::Mac(SecretBytes::new(mac.value.expose().to_vec()));
    Ok((has_length & mac.is_good).then(|| Candidate::new(identity, Maker::Secret(source))))
}

fn hmac<'a>(
    bench: &Bench<'_>,
    kind: KeyKind,
    algorithm: MacAlgorithm,
    source: &'a Source<'a>,
) -> Result<Option<Candidate<'a>>> {
    let has_length = has_length(bench, source, algorithm.tag_bytes(), LONGEST_HMAC_KEY)?;
    let allowed = [hmac_type(Some(algorithm))];
    let object = try_object(bench.session, source, || template::hmac(&allowed, None), bench.substitute)?;
    let input = fingerprint_input_of(kind.spec);
    let mac = works(signing::hmac(bench.session, object.value.handle(), algorithm, &input))?;
    let mac = mac.filter(|_| has_length && object.is_good);
    Ok(mac.map(|mac| Candidate::new(Identity::Mac(mac), Maker::Secret(source))))
}

/// Whether a secret has a length between these two. SoftHSM does not tell the length of what it unwrapped, so the secret is
/// wrapped again by KWP, which shows it up to the next multiple of eight; that a key is too short for its hash SoftHSM says at
/// its first use (hsm-facts 1).
fn has_length(bench: &Bench<'_>, source: &Source<'_>, shortest: usize, longest: usize) -> Result<bool> {
    if let Source::Plain(secret) = source {
        return Ok((shortest..=longest).contains(&secret.len()));
    }
    let object = try_object(bench.session, source, template::measured_secret, bench.substitute)?;
    if let Some(length) = told_length(bench.session, object.value.handle())? {
        return Ok(object.is_good && (shortest..=longest).contains(&length));
    }
    let Some(kwp) = bench.capabilities.kwp else { return Ok(false) };
    let kek = SessionObject::create(bench.session, &template::wrapping_aes(kwp).with_value(&**bench.substitute))?;
    let wrapped = bench.raw.wrap_by_kwp(bench.session, kwp, kek.handle(), object.value.handle());
    let wrapped = wrapped.map(Zeroizing::new);
    let room = shortest.next_multiple_of(8) + 8..=longest.next_multiple_of(8) + 8;
    match wrapped {
        Ok(wrapped) => Ok(object.is_good && room.contains(&wrapped.len())),
        Err(Error::Pkcs11(RvError::KeyNotWrappable | RvError::KeySizeRange, _)) => Ok(false),
        Err(error) => Err(error),
    }
}
