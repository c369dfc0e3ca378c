//! Two processes on one token: each sees at once what the other does, whatever the key is for. Some tokens have no code of its
//! own for a handle whose object another process destroyed (hsm-facts 2).

use kms_core::algorithm::EncryptionAlgorithm;
use kms_core::hsm::{Ability, KeyKind, TokenObject};
use kms_core::key_spec::{KeySpec, KeyUsage, WrappingKeySpec};
use kms_core::{Hsm, HsmError};
use kms_hsm::Token;

use super::keys::{kinds, make};
use super::wrapping::{Pair, algorithms};
use crate::outside;
use crate::place::{fresh, on_each_make};
use crate::worker::{EXIT_STATUS, Worker};

#[test]
fn what_another_process_makes_is_used_here() {
    on_each_make(|place| {
        let token = place.token();
        let mut other = Worker::start(place);
        for _ in 0..20 {
            let (theirs, ours) = (fresh(), fresh());
            assert_eq!(other.tell("make", &theirs), "Ok(())");
            token.generate_key(&ours, KeyKind::SYMMETRIC, &mut || true).unwrap();
            token.mac(&theirs, &[0; 55]).unwrap();
            assert_eq!(other.tell("use", &ours), "Ok(())");
            token.destroy(theirs.id).unwrap();
            assert_eq!(other.tell("use", &theirs), "Err(ObjectMissing)");
        }
    });
}

#[test]
fn what_another_process_destroyed_is_missing_for_every_use() {
    on_each_make(|place| {
        let token = place.token();
        let mut other = Worker::start(place);
        let small = |kind: &KeyKind| !matches!(kind.spec, KeySpec::Rsa3072 | KeySpec::Rsa4096);
        for kind in kinds(&token).filter(small) {
            let (object, der) = make(&token, kind);
            let der = der.unwrap_or_default();
            use_once(&token, kind, &object, &der).unwrap_or_else(|error| panic!("{kind:?}: {error}"));
            assert_eq!(other.tell("destroy", &object), "Ok(())", "{kind:?}");
            let gone = use_once(&token, kind, &object, &der);
            assert!(matches!(gone, Err(HsmError::ObjectMissing)), "{kind:?}: {gone:?}");
            token.destroy(object.id).unwrap();
            assert!(token.list().unwrap().iter().all(|found| found.id != Some(object.id)), "{kind:?}");
        }
        for algorithm in algorithms(&token) {
            let pair = Pair::generate(&token, WrappingKeySpec::Rsa2048, algorithm);
            let blob = pair.wrap(&[1; 32]);
            token.probe_wrapped(&pair.wrapped(&blob), KeyKind::SYMMETRIC).unwrap();
            assert_eq!(other.tell("destroy", &pair.object), "Ok(())");
            let gone = token.probe_wrapped(&pair.wrapped(&blob), KeyKind::SYMMETRIC);
            assert!(matches!(gone, Err(HsmError::ObjectMissing)), "{algorithm:?}: {gone:?}");
        }
    });
}

/// One use of a key as its kind says.
fn use_once(token: &Token, kind: KeyKind, object: &TokenObject, der: &[u8]) -> Result<(), HsmError> {
    match kind.usage {
        KeyUsage::SignVerify => {
            let offered = |algorithm: &&_| token.supports(Ability::Sign(kind.spec, **algorithm)).is_ok();
            let algorithm = *kind.spec.signing_algorithms(kind.usage).iter().find(offered).unwrap();
            token.sign(object, algorithm, &vec![1; algorithm.digest_bytes().unwrap_or(100)]).map(drop)
        }
        KeyUsage::EncryptDecrypt if kind == KeyKind::SYMMETRIC => token.mac(object, &[0; 55]).map(drop),
        KeyUsage::EncryptDecrypt => {
            let key = kms_keypair::PublicKey::from_spki(kind.spec, der).unwrap();
            let algorithm = EncryptionAlgorithm::RsaesOaepSha256;
            token.decrypt(object, algorithm, &key.encrypt(algorithm, b"message").unwrap()).map(drop)
        }
        KeyUsage::GenerateVerifyMac => token.hmac(object, kind.spec.mac_algorithm().unwrap(), b"message").map(drop),
        KeyUsage::KeyAgreement => {
            token.derive_shared_secret(object, kind.spec, &outside::peer_of(kind.spec, der).0).map(drop)
        }
        KeyUsage::EncapsulateDecapsulate => {
            token.decapsulate(object, kind.spec, &outside::encapsulate(kind.spec, der, [1; 32]).0).map(drop)
        }
    }
}

#[test]
fn a_process_that_ends_at_work_has_the_status_it_gives_itself() {
    on_each_make(|place| {
        drop(place.token());
        for _ in 0..6 {
            let status = place.spawn("exit-at-work").wait().unwrap();
            assert_eq!(status.code(), Some(EXIT_STATUS), "{status}");
        }
    });
}
