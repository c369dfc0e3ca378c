//! Trying wrapped material and taking it into the token. Wrong material never becomes a token object, not even for a
//! moment: only session objects are tried.

use cryptoki::mechanism::Mechanism;
use cryptoki::object::{Attribute, AttributeType, ObjectClass, ObjectHandle};
use cryptoki::session::Session;
use kms_core::HsmError;
use kms_core::hsm::{Claim, Identity, KeyKind, TokenObject, WrappedMaterial};
use kms_core::material_id::fingerprint_input;
use subtle::Choice;
use zeroize::Zeroizing;

use super::candidate::{Bench, Candidate, examine};
use super::oaep;
use super::source::{Source, Tried, mac_of_32_bytes, try_object, unwrap_kwp};
use crate::error::{UseError, refuses_wrapped_bytes};
use crate::key_form::powers_of;
use crate::mechanism::{Scheme, scheme_of};
use crate::session::Connection;
use crate::template;
use crate::token::Token;
use crate::torn;

impl Token {
    /// See [`kms_core::Hsm::probe_wrapped`].
    pub(crate) fn probe(&self, wrapped: &WrappedMaterial<'_>, kind: KeyKind) -> Result<Identity, HsmError> {
        self.with_material(wrapped, kind, |_, candidate| Ok(candidate.identity.clone()))
    }

    /// See [`kms_core::Hsm::unwrap_key`]. The material is tried again before it is kept: a caller that skipped
    /// the probe, or changed the bytes since, gets nothing wrong into the token.
    pub(crate) fn unwrap_into_token(
        &self,
        wrapped: &WrappedMaterial<'_>,
        object: &TokenObject,
        kind: KeyKind,
        claim: Claim<'_>,
    ) -> Result<(), HsmError> {
        let powers = powers_of(kind, &self.capabilities).ok_or(HsmError::Unsupported("this key spec"))?;
        let class = if kind.spec.is_key_pair() { ObjectClass::PRIVATE_KEY } else { ObjectClass::SECRET_KEY };
        self.with_material(wrapped, kind, |session, candidate| {
            self.make_object(session, object, class, claim, |session| candidate.make(session, kind, &powers, object))
        })
    }

    /// Opens the material and, if it is good, gives it to `then`.
    fn with_material<T>(
        &self,
        wrapped: &WrappedMaterial<'_>,
        kind: KeyKind,
        mut then: impl FnMut(&Connection, &Candidate<'_>) -> Result<T, HsmError>,
    ) -> Result<T, HsmError> {
        if let Some(reason) = self.capabilities.lack_of_opening(kind, wrapped.algorithm) {
            return Err(HsmError::Unsupported(reason));
        }
        let scheme = scheme_of(wrapped.algorithm).ok_or(HsmError::Unsupported("this wrapping algorithm"))?;
        if !wrapped.algorithm.fits_length(wrapped.spec, wrapped.encrypted.len()) {
            return Err(HsmError::BadWrappedMaterial);
        }
        let _session_objects = torn::session_objects();
        self.with_object(wrapped.pair, ObjectClass::PRIVATE_KEY, |session, pair| {
            let substitute = random(session)?;
            let (raw, capabilities) = (&self.raw, &self.capabilities);
            let opening = Opening { kind, bench: Bench { session, raw, capabilities, substitute: &substitute } };
            let (rsa_part, rest) = wrapped.encrypted.split_at(wrapped.spec.modulus_bytes());
            let (first, is_good) = opening.open_rsa(pair, scheme, rsa_part)?;
            let outcome = if scheme.kwp_follows {
                opening.open_kwp(&first, is_good, rest, |candidate| then(session, candidate))?
            } else {
                opening.finish(&first, is_good, |candidate| then(session, candidate))?
            };
            match outcome {
                Some(done) => Ok(done?),
                None => Err(self.refused(session, (wrapped.pair, pair), HsmError::BadWrappedMaterial)),
            }
        })
    }
}

/// One try to open material.
struct Opening<'a> {
    kind: KeyKind,
    bench: Bench<'a>,
}

impl Opening<'_> {
    /// The RSA part: unwrapped by the token where the pair may do that, else decrypted raw and unpadded here.
    fn open_rsa<'w>(
        &self,
        pair: ObjectHandle,
        scheme: Scheme,
        bytes: &'w [u8],
    ) -> Result<(Source<'w>, Choice), UseError> {
        let session = self.bench.session;
        let pair_facts = PairFacts::read(session, pair)?;
        if !is_below(bytes, &pair_facts.modulus) {
            // Both numbers are public; a block above the modulus is no ciphertext.
            return Err(HsmError::BadWrappedMaterial.into());
        }
        if pair_facts.unwraps {
            return Ok((Source::Wrapped { mechanism: scheme.hash.mechanism(), key: pair, bytes }, Choice::from(1)));
        }
        let encoded = match session.decrypt(&Mechanism::RsaX509, pair, bytes) {
            Ok(encoded) => Zeroizing::new(encoded),
            Err(error) if refuses_wrapped_bytes(&error) => Zeroizing::new(Vec::new()),
            Err(error) => return Err(error.into()),
        };
        let mut encoded = oaep::left_pad(&encoded, bytes.len()).unwrap_or_default();
        Ok(self.unpad(scheme, &mut encoded))
    }

    /// The ephemeral key and symmetric material have 32 bytes and nothing else; other material has its length from the
    /// padding.
    fn unpad<'w>(&self, scheme: Scheme, encoded: &mut [u8]) -> (Source<'w>, Choice) {
        if scheme.kwp_follows || self.kind == KeyKind::SYMMETRIC {
            let (secret, is_good) = oaep::decode_32_bytes(scheme.hash, encoded, self.bench.substitute);
            return (Source::Plain(Zeroizing::new(secret.to_vec())), is_good);
        }
        let message = oaep::decode_message(scheme.hash, encoded);
        let is_good = choice(message.is_some());
        let secret = message.unwrap_or_else(|| self.bench.substitute.to_vec());
        (Source::Plain(Zeroizing::new(secret)), is_good)
    }

    /// The second part of `RSA_AES_KEY_WRAP`: the material under the ephemeral key.
    fn open_kwp<T>(
        &self,
        ephemeral: &Source<'_>,
        is_good: Choice,
        rest: &[u8],
        then: impl FnOnce(&Candidate<'_>) -> T,
    ) -> Result<Option<T>, UseError> {
        let Bench { session, raw, capabilities, substitute } = self.bench;
        // The ephemeral key is an AES-256 key and nothing shorter.
        let tried = mac_of_32_bytes(session, raw, ephemeral, &fingerprint_input(), substitute)?;
        let is_good = is_good & choice(tried.is_good);
        match (ephemeral, capabilities.kwp) {
            (_, Some(kwp)) => {
                let kek = try_object(session, ephemeral, || template::ephemeral_aes(kwp), substitute)?;
                let source = Source::WrappedByKwp { raw, kwp, key: kek.value.handle(), bytes: rest };
                self.finish(&source, is_good & choice(kek.is_good), then)
            }
            (Source::Plain(kek), None) => {
                let kek = Zeroizing::new(<[u8; 32]>::try_from(&kek[..]).unwrap_or(**substitute));
                let Tried { value, is_good: unwrapped } = unwrap_kwp(&kek, rest, substitute);
                self.finish(&Source::Plain(value), is_good & choice(unwrapped), then)
            }
            // Pairs that unwrap in the token are made for this scheme only where the token has KWP.
            (_, None) => Err(HsmError::Unsupported("the token lost its KWP since this wrapping key was made").into()),
        }
    }

    /// The examination; only good material goes on.
    fn finish<T>(
        &self,
        source: &Source<'_>,
        is_good: Choice,
        then: impl FnOnce(&Candidate<'_>) -> T,
    ) -> Result<Option<T>, UseError> {
        let candidate = examine(&self.bench, self.kind, source)?;
        Ok(candidate.filter(|_| bool::from(is_good)).map(|candidate| then(&candidate)))
    }
}

/// What a private wrapping key says of itself.
struct PairFacts {
    modulus: Vec<u8>,
    /// `CKA_UNWRAP`: it was made for `C_UnwrapKey`, else for raw decryption. The pair decides, not the token's present
    /// capabilities: pairs live for a day and the token may be upgraded meanwhile.
    unwraps: bool,
}

impl PairFacts {
    fn read(session: &Session, pair: ObjectHandle) -> Result<Self, UseError> {
        let mut facts = Self { modulus: Vec::new(), unwraps: false };
        for attribute in session.get_attributes(pair, &[AttributeType::Modulus, AttributeType::Unwrap])? {
            match attribute {
                Attribute::Modulus(modulus) => facts.modulus = modulus,
                Attribute::Unwrap(unwraps) => facts.unwraps = unwraps,
                _ => {}
            }
        }
        if facts.modulus.is_empty() {
            return Err(HsmError::Unavailable("C_GetAttributeValue: a wrapping key without modulus".to_owned()).into());
        }
        Ok(facts)
    }
}

/// Whether a block as a number is below the modulus; both are big-endian. A block of another length is not.
fn is_below(block: &[u8], modulus: &[u8]) -> bool {
    let leading = modulus.iter().take_while(|byte| **byte == 0).count();
    let modulus = &modulus[leading..];
    block.len() == modulus.len() && block < modulus
}

fn choice(is_good: bool) -> Choice {
    Choice::from(u8::from(is_good))
}

fn random(session: &Session) -> Result<Zeroizing<[u8; 32]>, UseError> {
    let mut bytes = Zeroizing::new([0; 32]);
    session.generate_random_slice(&mut *bytes)?;
    Ok(bytes)
}
