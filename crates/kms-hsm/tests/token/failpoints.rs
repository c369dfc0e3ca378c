//! What happens between two steps: failpoints move the folder away in the middle of a call, or hide what token it is.

use std::fs;
use std::path::PathBuf;

use fail::FailScenario;
use kms_core::hsm::KeyKind;
use kms_core::key_spec::WrappingKeySpec;
use kms_core::{Hsm, HsmError};

use crate::conformance::wrapping::{Pair, algorithms, import};
use crate::place::{Place, fresh, own_process, root};
use crate::witness::Witness;
use crate::worker::Worker;

fn rename_at(failpoint: &str, (from, to): (PathBuf, PathBuf)) {
    fail::cfg_callback(failpoint, move || {
        // The second call of the test finds it moved already.
        let _moved = fs::rename(&from, &to);
    })
    .unwrap();
}

fn away(place: &Place) -> (PathBuf, PathBuf) {
    (place.tokens(), place.beside("elsewhere"))
}

#[test]
fn a_folder_that_goes_during_a_destroy_proves_nothing() {
    own_process(|place| {
        for failpoint in ["hsm.locked", "hsm.before_destroy", "hsm.after_destroy"] {
            // A process that has looked while the folder was away stays blind, so each case has its own.
            let mut worker = Worker::start_after_establishing(place);
            let object = fresh();
            assert_eq!(worker.tell("make", &object), "Ok(())");
            assert_eq!(worker.tell(&format!("destroy-without-folder-at-{failpoint}"), &object), "Err(TokenUnknown)");
            fs::rename(place.beside("elsewhere"), place.tokens()).unwrap();
            assert_eq!(Worker::start(place).tell("destroy", &object), "Ok(())");
        }
    });
}

/// The worker's part of the test above.
pub(crate) fn lose_folder_at(place: &Place, failpoint: &str) {
    rename_at(failpoint, away(place));
}

#[test]
fn a_folder_that_flaps_during_a_destroy_is_no_success_unless_the_object_is_gone() {
    own_process(|place| {
        let _scenario = FailScenario::setup();
        let token = place.token();
        let object = fresh();
        token.generate_key(&object, KeyKind::SYMMETRIC, &mut || true).unwrap();
        let (here, there) = away(place);
        rename_at("hsm.before_destroy", (here.clone(), there.clone()));
        rename_at("hsm.after_destroy", (there, here));
        let destroyed = token.destroy(object.id);
        fail::remove("hsm.before_destroy");
        let expected = if destroyed.is_ok() { "Err(ObjectMissing)" } else { "Ok(())" };
        assert_eq!(Worker::start(place).tell("use", &object), expected, "{destroyed:?}");
    });
}

#[test]
fn a_folder_that_goes_before_a_create_makes_no_claim_true() {
    own_process(|place| {
        let _scenario = FailScenario::setup();
        let token = place.token();
        rename_at("hsm.before_create", away(place));
        let made = token.generate_key(&fresh(), KeyKind::SYMMETRIC, &mut || true);
        assert!(matches!(made, Err(HsmError::Unavailable(_))), "{made:?}");
    });
}

#[test]
fn a_token_of_which_nothing_is_known_is_served_too() {
    own_process(|place| {
        let _scenario = FailScenario::setup();
        fail::cfg("hsm.generic_quirks", "return").unwrap();
        let token = place.token();
        assert_eq!(token.identity().quirks, "generic");
        let witness = Witness::open(place);
        assert_eq!(witness.token_objects(), 2, "the self-test left nothing");
        for algorithm in algorithms(&token) {
            import(&token, &Pair::generate(&token, WrappingKeySpec::Rsa2048, algorithm));
        }
        let object = fresh();
        token.generate_key(&object, KeyKind::SYMMETRIC, &mut || true).unwrap();
        let mac = token.mac(&object, &[0; 55]).unwrap();
        witness.session().logout().unwrap();
        assert_eq!(token.mac(&object, &[0; 55]).unwrap(), mac);
        let mut other = Worker::start(place);
        assert_eq!(other.tell("destroy", &object), "Ok(())");
        assert!(matches!(token.mac(&object, &[0; 55]), Err(HsmError::ObjectMissing)));
        token.destroy(object.id).unwrap();
        assert_eq!(token.list().unwrap().len(), 1);
        token.mac(&root(), &[0; 55]).unwrap();
    });
}

#[test]
fn an_object_used_while_the_folder_flaps_is_neither_missing_nor_destroyed() {
    own_process(|place| {
        let token = place.token();
        let object = fresh();
        token.generate_key(&object, KeyKind::SYMMETRIC, &mut || true).unwrap();
        let witness = Witness::open(place);
        let handle = witness.handle(object.id);
        fs::rename(place.tokens(), place.beside("elsewhere")).unwrap();
        // Any use of the object in this moment hides it from this process for good; the sentinel was not looked at.
        witness.session().get_attributes(handle, &[cryptoki::object::AttributeType::Label]).unwrap_err();
        fs::rename(place.beside("elsewhere"), place.tokens()).unwrap();
        assert_eq!(token.check().ok(), Some(()), "the sentinel alone does not show it");
        let used = token.mac(&object, &[0; 55]);
        assert!(matches!(used, Err(HsmError::TokenUnknown)), "{used:?}");
        assert!(matches!(token.destroy(object.id), Err(HsmError::TokenUnknown)));
        assert!(matches!(token.list(), Err(HsmError::TokenUnknown)));
        assert!(matches!(token.check(), Err(HsmError::TokenUnknown)), "from now on the process knows that it is blind");
        let mut other = Worker::start(place);
        assert_eq!(other.tell("use", &object), "Ok(())");
        assert_eq!(other.tell("destroy", &object), "Ok(())");
    });
}
