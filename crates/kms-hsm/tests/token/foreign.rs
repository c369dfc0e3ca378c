//! Two processes on one SoftHSM folder: each sees what the other does (object-protocol.md C13, hsm-facts 0.5 and 2).

use std::io::BufReader;

use kms_core::hsm::KeyKind;
use kms_core::{Hsm, HsmError};

use crate::place::{fresh, own_process};
use crate::worker::{Worker, next_answer};

#[test]
fn what_another_process_makes_is_found_and_what_it_destroys_is_gone() {
    own_process(|place| {
        let token = place.token();
        let mut other = Worker::start(place);
        let object = fresh();
        assert_eq!(other.tell("make", &object), "Ok(())");
        token.mac(&object, &[0; 55]).unwrap();
        assert_eq!(other.tell("destroy", &object), "Ok(())");
        assert!(matches!(token.mac(&object, &[0; 55]), Err(HsmError::ObjectMissing)), "a cached handle is no key");
        token.destroy(object.id).unwrap();
    });
}

#[test]
fn two_processes_that_write_in_turn_never_miss_each_others_objects() {
    own_process(|place| {
        let token = place.token();
        let mut other = Worker::start(place);
        for round in 0..150 {
            let (theirs, ours) = (fresh(), fresh());
            assert_eq!(other.tell("make", &theirs), "Ok(())", "{round}");
            // This write without a read before it would make the other's object invisible here.
            token.generate_key(&ours, KeyKind::SYMMETRIC, &mut || true).unwrap();
            token.mac(&theirs, &[0; 55]).unwrap_or_else(|error| panic!("round {round}: {error}"));
            assert_eq!(other.tell("use", &ours), "Ok(())", "{round}");
            token.destroy(theirs.id).unwrap();
            assert_eq!(other.tell("use", &theirs), "Err(ObjectMissing)", "{round}");
            assert_eq!(other.tell("destroy", &ours), "Ok(())", "{round}");
            assert!(matches!(token.mac(&ours, &[0; 55]), Err(HsmError::ObjectMissing)), "{round}");
        }
    });
}

#[test]
fn two_processes_that_write_at_once_never_miss_each_others_objects() {
    own_process(|place| {
        let token = place.token();
        let mut other = Worker::start(place);
        let (theirs, ours): (Vec<_>, Vec<_>) = (0..60).map(|_| (fresh(), fresh())).unzip();
        for object in &theirs {
            other.order("make", object);
        }
        for object in &ours {
            token.generate_key(object, KeyKind::SYMMETRIC, &mut || true).unwrap();
        }
        for object in &theirs {
            assert_eq!(other.next_answer(), "Ok(())");
            token.mac(object, &[0; 55]).unwrap();
        }
        for object in &ours {
            assert_eq!(other.tell("use", object), "Ok(())");
        }
        assert_eq!(token.list().unwrap().len(), 121);
    });
}

#[test]
fn an_independent_process_counts_the_objects() {
    own_process(|place| {
        let token = place.token();
        token.generate_key(&fresh(), KeyKind::SYMMETRIC, &mut || true).unwrap();
        let scan = place.spawn("count").wait_with_output().unwrap();
        assert!(scan.status.success());
        let census = next_answer(&mut BufReader::new(&scan.stdout[..]));
        assert_eq!(census, "TokenCensus { secret_keys: 2, private_keys: 0, data_objects: 1 }");
    });
}
