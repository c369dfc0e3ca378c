//! Trying wrapped material and taking it into the token. Wrong material never becomes a token object, not even for a
//! moment: only session objects are tried.

use cryptoki::mechanism::Mechanism;
use cryptoki::object::{Attribute, AttributeType, ObjectClass, ObjectHandle};
use cryptoki::session::Session;
use kms_core::HsmError;
use kms_core::hsm::{Ability, Claim, Identity, KeyKind, MacInput, TokenObject, WrappedMaterial};
use kms_core::material_id::fingerprint_input;
use kms_core::secret::{SecretBytes, SecretKey};
use subtle::Choice;
use zeroize::Zeroizing;

use super::oaep;
use super::source::{Source, Tried, mac_of_32_bytes, try_object, unwrap_kwp};
use crate::error::{UseError, refuses_wrapped_bytes};
use crate::mechanism::{Scheme, scheme_of};
use crate::session::Connection;
use crate::template;
use crate::token::Token;
use crate::torn;

impl Token {
    /// See [`kms_core::Hsm::probe_wrapped`].
    pub(crate) fn probe(&self, wrapped: &WrappedMaterial<'_>, kind: KeyKind) -> Result<Identity, HsmError> {
        kms_core::Hsm::supports(self, Ability::Import(kind, wrapped.algorithm))?;
        self.with_material(wrapped, &fingerprint_input(), |_, _, mac| {
            Ok(Identity::Mac(SecretBytes::new(mac.expose().to_vec())))
        })
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
        kms_core::Hsm::supports(self, Ability::Import(kind, wrapped.algorithm))?;
        self.with_material(wrapped, &fingerprint_input(), |session, source, _| {
            self.make_object(session, object, ObjectClass::SECRET_KEY, claim, |session| {
                source.make(session, template::secret(object))
            })
        })
    }

    /// Opens the material and, if it is good, gives its source and its HMAC of `input` to `then`.
    fn with_material<T>(
        &self,
        wrapped: &WrappedMaterial<'_>,
        input: &MacInput,
        mut then: impl FnMut(&Connection, &Source<'_>, SecretKey) -> Result<T, HsmError>,
    ) -> Result<T, HsmError> {
        let scheme = scheme_of(wrapped.algorithm).ok_or(HsmError::Unsupported("this wrapping algorithm"))?;
        if !wrapped.algorithm.fits_length(wrapped.spec, wrapped.encrypted.len()) {
            return Err(HsmError::BadWrappedMaterial);
        }
        let _session_objects = torn::session_objects();
        self.with_object(wrapped.pair, ObjectClass::PRIVATE_KEY, |session, pair| {
            let opening = Opening { token: self, session, input, substitute: random(session)? };
            let (rsa_part, rest) = wrapped.encrypted.split_at(wrapped.spec.modulus_bytes());
            let (first, is_good) = opening.open_rsa(pair, scheme, rsa_part)?;
            let outcome = if scheme.kwp_follows {
                opening.open_kwp(&first, is_good, rest, |source, mac| then(session, source, mac))?
            } else {
                opening.finish(&first, is_good, |source, mac| then(session, source, mac))?
            };
            match outcome {
                Some(done) => Ok(done?),
                None => Err(self.unless_away(session, HsmError::BadWrappedMaterial).into()),
            }
        })
    }

    /// The error for bytes that the token refused, unless the token itself is away: SoftHSM has one code for both.
    pub(crate) fn unless_away(&self, session: &Connection, refusal: HsmError) -> HsmError {
        session.retire();
        let seen = self.lock.acquire_for_search().and_then(|guard| self.see_sentinel(session, &guard));
        seen.err().unwrap_or(refusal)
    }
}

/// One try to open material.
struct Opening<'a> {
    token: &'a Token,
    session: &'a Connection,
    input: &'a MacInput,
    /// Stands in for whatever could not be opened, so that all the steps are taken.
    substitute: Zeroizing<[u8; 32]>,
}

impl Opening<'_> {
    /// The RSA part: unwrapped by the token where the pair may do that, else decrypted raw and unpadded here.
    fn open_rsa<'w>(
        &self,
        pair: ObjectHandle,
        scheme: Scheme,
        bytes: &'w [u8],
    ) -> Result<(Source<'w>, Choice), UseError> {
        let pair_facts = PairFacts::read(self.session, pair)?;
        if !is_below(bytes, &pair_facts.modulus) {
            // Both numbers are public; a block above the modulus is no ciphertext.
            return Err(HsmError::BadWrappedMaterial.into());
        }
        if pair_facts.unwraps {
            return Ok((Source::Wrapped { mechanism: scheme.hash.mechanism(), key: pair, bytes }, Choice::from(1)));
        }
        let encoded = match self.session.decrypt(&Mechanism::RsaX509, pair, bytes) {
            Ok(encoded) => Zeroizing::new(encoded),
            Err(error) if refuses_wrapped_bytes(&error) => Zeroizing::new(Vec::new()),
            Err(error) => return Err(error.into()),
        };
        let mut encoded = oaep::left_pad(&encoded, bytes.len()).unwrap_or_default();
        let (secret, is_good) = oaep::decode_32_bytes(scheme.hash, &mut encoded, &self.substitute);
        Ok((Source::Plain(secret), is_good))
    }

    /// The second part of `RSA_AES_KEY_WRAP`: the material under the ephemeral key.
    fn open_kwp<T>(
        &self,
        ephemeral: &Source<'_>,
        is_good: Choice,
        rest: &[u8],
        then: impl FnOnce(&Source<'_>, SecretKey) -> T,
    ) -> Result<Option<T>, UseError> {
        // The ephemeral key is an AES-256 key and nothing shorter.
        let tried = mac_of_32_bytes(self.session, &self.token.raw, ephemeral, self.input, &self.substitute)?;
        let is_good = is_good & choice(tried.is_good);
        match ephemeral {
            Source::Plain(kek) if !self.token.capabilities.key_wrap_pad => {
                let Tried { value, is_good: unwrapped } = unwrap_kwp(kek, rest, &self.substitute);
                self.finish(&Source::Plain(value), is_good & choice(unwrapped), then)
            }
            _ => {
                let kek = try_object(self.session, ephemeral, template::ephemeral_aes, &self.substitute)?;
                let (mechanism, key) = (Mechanism::AesKeyWrapPad, kek.value.handle());
                let source = Source::Wrapped { mechanism, key, bytes: rest };
                self.finish(&source, is_good & choice(kek.is_good), then)
            }
        }
    }

    /// The length test; only good material goes on.
    fn finish<T>(
        &self,
        source: &Source<'_>,
        is_good: Choice,
        then: impl FnOnce(&Source<'_>, SecretKey) -> T,
    ) -> Result<Option<T>, UseError> {
        let tried = mac_of_32_bytes(self.session, &self.token.raw, source, self.input, &self.substitute)?;
        Ok(bool::from(is_good & choice(tried.is_good)).then(|| then(source, tried.value)))
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
