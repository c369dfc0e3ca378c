//! The self-test at start: what the token computes is compared with the process, and what it cannot do is found out
//! before a client depends on it.

mod foreign;
mod pairs;
mod secrets;

use std::ops::RangeInclusive;

use aes_kw::{KeyInit, KwpAes256};
use cryptoki::mechanism::{Mechanism, MechanismType};
use cryptoki::object::ObjectHandle;
use cryptoki::session::Session;
use kms_core::algorithm::DataKeyPairSpec;
use kms_core::hsm::TokenObject;
use kms_core::ids::ObjectId;
use kms_core::kdf::{hmac_sha256, kdf_input};
use kms_core::key_spec::KeySpec;
use kms_keypair::generate_data_key_pair;
use zeroize::Zeroizing;

use crate::capabilities::{Capabilities, RsaUnwrap};
use crate::config::OpenError;
use crate::error::unavailable;
use crate::mechanism::{Kwp, OaepHash};
use crate::public_key::Family;
use crate::quirks::Quirks;
use crate::raw::RawCalls;
use crate::template::{self, Usage};
use crate::wrapping::candidate::Bench;
use crate::wrapping::oaep;
use crate::wrapping::session_object::SessionObject;
use crate::wrapping::source::{Source, mac_of_32_bytes, unwrap_kwp};
use crate::write_lock::WriteGuard;
use crate::{decryption, outside};
use pairs::TrialPair;

/// Tests the token on one session, under the write lock, with objects that are destroyed again.
///
/// # Errors
/// [`OpenError::SelfTest`] if the token cannot serve at all, [`OpenError::Hsm`].
pub(crate) fn run(
    session: &Session,
    raw: &RawCalls,
    mechanisms: &[MechanismType],
    rsa_bits: Option<RangeInclusive<u64>>,
    quirks: &mut Quirks,
    _guard: &WriteGuard<'_>,
) -> Result<Capabilities, OpenError> {
    for needed in [MechanismType::SHA256_HMAC, MechanismType::GENERIC_SECRET_KEY_GEN] {
        if !mechanisms.contains(&needed) {
            return Err(OpenError::SelfTest("CKM_SHA256_HMAC or CKM_GENERIC_SECRET_KEY_GEN is missing"));
        }
    }
    let test = Test { session, raw, secret: random()? };
    test.hmac()?;
    quirks.reuses_handles = test.reuses_handles(quirks.tries_token_handles)?;
    let mut capabilities = Capabilities {
        mechanisms: mechanisms.iter().map(|mechanism| **mechanism).collect(),
        kwp: test.kwp(),
        macs: secrets::macs(session),
        rsa_bits,
        ..Capabilities::default()
    };
    if let Some(number) = capabilities.kwp.map(Kwp::number)
        && !capabilities.mechanisms.contains(&number)
    {
        capabilities.mechanisms.push(number);
    }
    if capabilities.rsa_bits.is_some() {
        test.rsa(&mut capabilities)?;
    }
    pairs::curves(session, mechanisms, &mut capabilities);
    pairs::lattices(session, mechanisms, &mut capabilities);
    test.foreign_curves(&mut capabilities);
    Ok(capabilities)
}

struct Test<'a> {
    session: &'a Session,
    raw: &'a RawCalls,
    secret: Zeroizing<[u8; 32]>,
}

impl Test<'_> {
    /// HMAC of a session object against the process.
    fn hmac(&self) -> Result<(), OpenError> {
        let object = SessionObject::create(self.session, &template::trial_secret().with_value(&*self.secret))
            .map_err(unavailable)?;
        if self.holds_the_secret(object.handle()) { Ok(()) } else { Err(OpenError::SelfTest("HMAC-SHA-256 is wrong")) }
    }

    /// Whether 32 good bytes pass the proof of their length, and a shorter or longer AES or HMAC key does not.
    fn proves_length(&self) -> bool {
        let input = kdf_input(b"strongroom/t/1", &[0; 32], 256);
        let passes = |bytes: &[u8]| {
            let source = Source::Plain(Zeroizing::new(bytes.to_vec()));
            mac_of_32_bytes(self.session, self.raw, &source, &input, &self.secret).map(|tried| tried.is_good)
        };
        let is_refused = |length| matches!(passes(&vec![0x5a; length]), Ok(false));
        matches!(passes(&*self.secret), Ok(true)) && [16, 24, 40].into_iter().all(is_refused)
    }

    /// Create, destroy, create: is the handle the same? (object-protocol.md S7)
    fn reuses_handles(&self, with_token_objects: bool) -> Result<bool, OpenError> {
        let template = if with_token_objects {
            template::secret(&TokenObject::internal(ObjectId::random(), "self-test")).with_value(&*self.secret)
        } else {
            template::trial_secret().with_value(&*self.secret)
        };
        let first = SessionObject::create(self.session, &template).map_err(unavailable)?.handle();
        let second = SessionObject::create(self.session, &template).map_err(unavailable)?.handle();
        Ok(first == second)
    }

    /// Which mechanism is RFC 5649 here: what the process wrapped, the token unwraps.
    fn kwp(&self) -> Option<Kwp> {
        let kek = random().ok()?;
        let mut buffer = [0; 40];
        let wrapped = KwpAes256::new((&*kek).into()).wrap_key(&*self.secret, &mut buffer).ok()?;
        let unwraps = |kwp: &Kwp| {
            let kek = SessionObject::create(self.session, &template::ephemeral_aes(*kwp).with_value(&*kek))?;
            let template = template::trial_secret();
            self.raw.unwrap_by_kwp(self.session, *kwp, kek.handle(), wrapped, &template)
        };
        let holds = |handle| {
            let object = SessionObject::adopt(self.session, handle);
            self.holds_the_secret(object.handle())
        };
        Kwp::ALL.into_iter().find(|kwp| unwraps(kwp).is_ok_and(holds))
    }

    /// What the token does with RSA pairs, tried with one: signatures, which forms of OAEP it unwraps itself, and whether
    /// raw decryption can stand in for them.
    fn rsa(&self, capabilities: &mut Capabilities) -> Result<(), OpenError> {
        let usages = [Usage::Sign, Usage::Decrypt, Usage::Unwrap];
        let Some(pair) = TrialPair::generate(self.session, &Mechanism::RsaPkcsKeyPairGen, Family::Rsa, &usages) else {
            capabilities.rsa_bits = None;
            return Ok(());
        };
        capabilities.signatures.extend(pair.signatures(self.session, KeySpec::Rsa2048));
        // Without the proof of its length no material may be imported.
        if !self.proves_length() {
            return Ok(());
        }
        let encrypt = |hash| {
            outside::oaep_encrypt(KeySpec::Rsa2048, &pair.der, hash, &*self.secret)
                .ok_or(OpenError::SelfTest("the public half of an RSA pair is not usable"))
        };
        let (by_sha1, by_sha256) = (encrypt(OaepHash::Sha1)?, encrypt(OaepHash::Sha256)?);
        let private = pair.private.handle();
        if let Some(pkcs8) = capabilities.kwp.and_then(|kwp| self.wrap_out(kwp, private)) {
            foreign::try_spec(&self.bench(capabilities), KeySpec::Rsa2048, &pkcs8, &pair.der).note(capabilities);
        }
        capabilities.raw_rsa = self.decrypts_raw(private, &by_sha256);
        let path = |hash, wrapped: &[u8]| {
            if self.unwraps_oaep(private, hash, wrapped) {
                Some(RsaUnwrap::InToken)
            } else {
                capabilities.raw_rsa.then_some(RsaUnwrap::RawDecryption)
            }
        };
        let (sha1, sha256) = (path(OaepHash::Sha1, &by_sha1), path(OaepHash::Sha256, &by_sha256));
        (capabilities.oaep_sha1, capabilities.oaep_sha256) = (sha1, sha256);
        Ok(())
    }

    /// The private key in PKCS #8, wrapped by the token and opened by the process; nothing if it does not wrap.
    fn wrap_out(&self, kwp: Kwp, private: ObjectHandle) -> Option<Zeroizing<Vec<u8>>> {
        let kek = SessionObject::create(self.session, &template::wrapping_aes(kwp).with_value(&*self.secret)).ok()?;
        let wrapped = self.raw.wrap_by_kwp(self.session, kwp, kek.handle(), private).ok()?;
        let opened = unwrap_kwp(&self.secret, &wrapped, &self.secret);
        opened.is_good.then_some(opened.value)
    }

    /// Which private keys on curves the token takes from outside, tried with one of each.
    fn foreign_curves(&self, capabilities: &mut Capabilities) {
        for pair_spec in DataKeyPairSpec::ALL.iter().filter(|spec| spec.key_spec().is_elliptic()) {
            let Ok(pair) = generate_data_key_pair(*pair_spec) else { continue };
            let bench = self.bench(capabilities);
            foreign::try_spec(&bench, pair_spec.key_spec(), &pair.private_key_pkcs8, &pair.public_key_spki)
                .note(capabilities);
        }
    }

    fn bench<'b>(&'b self, capabilities: &'b Capabilities) -> Bench<'b> {
        Bench { session: self.session, raw: self.raw, capabilities, substitute: &self.secret }
    }

    /// Whether the token both unwraps and decrypts OAEP with this hash.
    fn unwraps_oaep(&self, private: ObjectHandle, hash: OaepHash, wrapped: &[u8]) -> bool {
        let decrypted = decryption::decrypt(self.session, private, hash, RsaUnwrap::InToken, wrapped);
        decrypted.is_ok_and(|secret| secret.is_some_and(|secret| secret.expose() == *self.secret))
            && SessionObject::unwrap(self.session, &hash.mechanism(), private, wrapped, &template::trial_secret())
                .is_ok_and(|object| self.holds_the_secret(object.handle()))
    }

    fn decrypts_raw(&self, private: ObjectHandle, wrapped: &[u8]) -> bool {
        let Ok(encoded) = self.session.decrypt(&Mechanism::RsaX509, private, wrapped) else { return false };
        let encoded = Zeroizing::new(encoded);
        let Some(mut encoded) = oaep::left_pad(&encoded, wrapped.len()) else { return false };
        let (secret, is_good) = oaep::decode_32_bytes(OaepHash::Sha256, &mut encoded, &Zeroizing::new([0; 32]));
        bool::from(is_good) && *secret == *self.secret
    }

    fn holds_the_secret(&self, handle: ObjectHandle) -> bool {
        let input = kdf_input(b"strongroom/t/1", &[0; 32], 256);
        let mut mac = [0; 32];
        self.raw.hmac_sha256(self.session, handle, &input, &mut mac).is_ok()
            && mac == hmac_sha256(&self.secret, &[&input])
    }
}

/// 32 bytes of the operating system.
///
/// # Errors
/// [`OpenError::Hsm`] if it gives none.
fn random() -> Result<Zeroizing<[u8; 32]>, OpenError> {
    let mut bytes = Zeroizing::new([0; 32]);
    getrandom::fill(&mut *bytes).map_err(|_| OpenError::SelfTest("the operating system gives no random bytes"))?;
    Ok(bytes)
}
