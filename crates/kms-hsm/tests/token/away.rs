//! The folder of the token is gone for a while (object-protocol.md C14): SoftHSM then answers searches with success and
//! nothing, and refuses handles as if the objects were destroyed.

use std::fs;

use kms_core::hsm::KeyKind;
use kms_core::{Hsm, HsmError};
use kms_hsm::{OpenError, Token};

use crate::place::{fresh, own_process};
use crate::worker::Worker;

#[test]
fn while_the_folder_is_away_nothing_is_proved_and_nothing_is_destroyed() {
    own_process(|place| {
        let token = place.token();
        let object = fresh();
        token.generate_key(&object, KeyKind::SYMMETRIC, &mut || true).unwrap();
        token.mac(&object, &[0; 55]).unwrap();
        fs::rename(place.tokens(), place.beside("elsewhere")).unwrap();
        for _ in 0..2 {
            assert!(matches!(token.destroy(object.id), Err(HsmError::TokenUnknown)));
            assert!(matches!(token.list(), Err(HsmError::TokenUnknown)));
            assert!(matches!(token.check(), Err(HsmError::TokenUnknown)));
            assert!(matches!(token.mac(&object, &[0; 55]), Err(HsmError::TokenUnknown)));
            assert!(matches!(
                token.generate_key(&fresh(), KeyKind::SYMMETRIC, &mut || true),
                Err(HsmError::TokenUnknown)
            ));
        }
        fs::rename(place.beside("elsewhere"), place.tokens()).unwrap();
        // This process stays blind for good and must not claim anything.
        for answer in [token.destroy(object.id), token.check()] {
            assert!(matches!(answer, Ok(()) | Err(HsmError::TokenUnknown)), "{answer:?}");
        }
        if token.check().is_err() {
            let mut other = Worker::start(place);
            assert_eq!(other.tell("use", &object), "Ok(())", "the object is still there");
        }
    });
}

#[test]
fn each_call_alone_notices_that_the_folder_is_away() {
    own_process(|place| {
        let object = fresh();
        let mut maker = Worker::start_after_establishing(place);
        assert_eq!(maker.tell("make", &object), "Ok(())");
        for verb in ["destroy", "list", "check", "use", "make"] {
            // A fresh process each: one that has looked is blind already.
            let mut other = Worker::start(place);
            fs::rename(place.tokens(), place.beside("elsewhere")).unwrap();
            assert_eq!(other.tell(verb, &object), "Err(TokenUnknown)", "{verb}");
            fs::rename(place.beside("elsewhere"), place.tokens()).unwrap();
            let later = other.tell("destroy", &fresh());
            assert!(["Ok(())", "Err(TokenUnknown)"].contains(&later.as_str()), "{later}");
            assert_eq!(maker.tell("use", &object), "Ok(())", "{verb} destroyed nothing");
        }
    });
}

#[test]
fn a_token_whose_folder_is_away_is_not_opened_nor_made_anew() {
    own_process(|place| {
        // Through a worker, so that the library has not been initialised in this process.
        drop(Worker::start_after_establishing(place));
        let slot_folder = place.token_object().parent().unwrap().to_owned();
        fs::rename(&slot_folder, place.beside("elsewhere")).unwrap();
        assert!(matches!(Token::open(place.config()), Err(OpenError::TokenMissing(_))));
        assert!(!slot_folder.exists());
        fs::rename(place.beside("elsewhere"), &slot_folder).unwrap();
        fs::rename(place.tokens(), place.beside("elsewhere")).unwrap();
        assert!(matches!(Token::open(place.config()), Err(OpenError::TokenMissing(_))));
        assert!(!place.tokens().exists());
    });
}
