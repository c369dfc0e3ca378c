//! Many threads, and sessions that are lost under them.

use cryptoki::error::{Error, RvError};
use kms_core::Hsm;
use kms_core::hsm::{Identity, KeyKind};
use kms_core::kdf::{hmac_sha256, kdf_input};
use kms_core::key_spec::WrappingKeySpec;
use kms_core::material_id::fingerprint_input;
use kms_core::secret::SecretBytes;
use kms_core::wrapping::WrappingAlgorithm;

use super::wrapping::Pair;
use crate::place::{ROOT_MATERIAL, fresh, on_each_make, root};
use crate::witness::Witness;

#[test]
fn eight_threads_make_use_and_destroy_without_one_error() {
    on_each_make(|place| {
        let token = place.token();
        let input = kdf_input(b"strongroom/r/1", &[7; 32], 256);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for round in 0..60 {
                        let object = fresh();
                        token.generate_key(&object, KeyKind::SYMMETRIC, &mut || true).unwrap();
                        let mac = token.mac(&object, &input).unwrap();
                        for _ in 0..20 {
                            assert_eq!(token.mac(&object, &input).unwrap(), mac, "{round}");
                            assert_eq!(
                                *token.mac(&root(), &input).unwrap().expose(),
                                hmac_sha256(&ROOT_MATERIAL, &[&input])
                            );
                        }
                        token.destroy(object.id).unwrap();
                        token.mac(&object, &input).unwrap_err();
                    }
                });
            }
        });
        assert_eq!(token.list().unwrap().len(), 1);
    });
}

#[test]
fn imports_lists_and_writes_at_once_do_not_disturb_each_other() {
    on_each_make(|place| {
        let token = place.token();
        let pair = Pair::generate(&token, WrappingKeySpec::Rsa2048, WrappingAlgorithm::RsaesOaepSha256);
        let in_token = Pair::generate(&token, WrappingKeySpec::Rsa2048, WrappingAlgorithm::RsaesOaepSha1);
        let expected = hmac_sha256(&[5; 32], &[&fingerprint_input()]);
        let identity = Identity::Mac(SecretBytes::new(expected.to_vec()));
        let identity = &identity;
        std::thread::scope(|scope| {
            for pair in [&pair, &in_token, &pair, &in_token] {
                let (token, blob) = (&token, pair.wrap(&[5; 32]));
                scope.spawn(move || {
                    for _ in 0..40 {
                        let probed = token.probe_wrapped(&pair.wrapped(&blob), KeyKind::SYMMETRIC).unwrap();
                        assert_eq!(probed, *identity);
                        let object = fresh();
                        token.unwrap_key(&pair.wrapped(&blob), &object, KeyKind::SYMMETRIC, &mut || true).unwrap();
                        assert_eq!(*token.mac(&object, &fingerprint_input()).unwrap().expose(), expected);
                        token.destroy(object.id).unwrap();
                    }
                });
            }
            for _ in 0..2 {
                scope.spawn(|| {
                    for _ in 0..40 {
                        token.list().unwrap();
                        let object = fresh();
                        token.generate_key(&object, KeyKind::SYMMETRIC, &mut || true).unwrap();
                        token.destroy(object.id).unwrap();
                        token.mac(&object, &[0; 55]).unwrap_err();
                        token.check().unwrap();
                    }
                });
            }
        });
        assert_eq!(token.list().unwrap().len(), 3);
    });
}

/// The process is logged out afterwards; it may be before, where what came last needs no login.
fn log_out(witness: &Witness) {
    match witness.session().logout() {
        Ok(()) | Err(Error::Pkcs11(RvError::UserNotLoggedIn, _)) => {}
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn a_logout_makes_handles_stale_and_the_token_logs_in_again() {
    on_each_make(|place| {
        let token = place.token();
        let witness = Witness::open(place);
        let (object, input) = (fresh(), [0; 55]);
        token.generate_key(&object, KeyKind::SYMMETRIC, &mut || true).unwrap();
        let mac = token.mac(&object, &input).unwrap();
        for _ in 0..3 {
            log_out(&witness);
            assert_eq!(token.mac(&object, &input).unwrap(), mac);
            log_out(&witness);
            token.check().unwrap();
            log_out(&witness);
            token.generate_key(&fresh(), KeyKind::SYMMETRIC, &mut || true).unwrap();
            log_out(&witness);
            token.generate_random(&mut [0; 8]).unwrap();
        }
        log_out(&witness);
        token.destroy(object.id).unwrap();
        assert_eq!(token.list().unwrap().len(), 4);
    });
}

#[test]
fn more_threads_than_sessions_wait_for_each_other() {
    on_each_make(|place| {
        let token = place.token();
        std::thread::scope(|scope| {
            for _ in 0..32 {
                scope.spawn(|| {
                    for _ in 0..50 {
                        token.mac(&root(), &[1; 55]).unwrap();
                    }
                });
            }
        });
    });
}
