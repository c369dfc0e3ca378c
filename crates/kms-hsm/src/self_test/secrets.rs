//! The HMACs that the token computes as the process does.

use cryptoki::session::Session;
use hmac::{Hmac, KeyInit, Mac};
use kms_core::algorithm::MacAlgorithm;
use sha2::{Sha224, Sha256, Sha384, Sha512};

use crate::key_form::hmac_type;
use crate::wrapping::session_object::SessionObject;
use crate::{signing, template};

/// A key as long as any digest; it is of no worth.
const KEY: [u8; 64] = [0x3c; 64];
const MESSAGE: &[u8] = b"strongroom self-test";

/// Tries each algorithm with a session object.
pub(super) fn macs(session: &Session) -> Vec<MacAlgorithm> {
    MacAlgorithm::ALL.iter().copied().filter(|algorithm| is_right(session, *algorithm)).collect()
}

fn is_right(session: &Session, algorithm: MacAlgorithm) -> bool {
    let key = &KEY[..algorithm.tag_bytes()];
    let template = template::hmac(&[hmac_type(Some(algorithm))], None).with_value(key);
    let tag = SessionObject::create(session, &template)
        .and_then(|object| signing::hmac(session, object.handle(), algorithm, MESSAGE));
    let expected = match algorithm {
        MacAlgorithm::HmacSha224 => mac::<Hmac<Sha224>>(key),
        MacAlgorithm::HmacSha256 => mac::<Hmac<Sha256>>(key),
        MacAlgorithm::HmacSha384 => mac::<Hmac<Sha384>>(key),
        MacAlgorithm::HmacSha512 => mac::<Hmac<Sha512>>(key),
    };
    tag.is_ok_and(|tag| Some(tag.expose()) == expected.as_deref())
}

fn mac<M: Mac + KeyInit>(key: &[u8]) -> Option<Vec<u8>> {
    let mut mac = <M as KeyInit>::new_from_slice(key).ok()?;
    mac.update(MESSAGE);
    Some(mac.finalize().into_bytes().to_vec())
}
