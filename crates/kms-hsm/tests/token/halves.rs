//! Halves of objects that a kill leaves very early, before they say of themselves that they are token objects.

use std::path::PathBuf;

use kms_core::Hsm;

use crate::place::{Place, fresh, own_process};
use crate::worker::Worker;

/// An object file of SoftHSM 2.6.1 that ends after its first attribute: generation 1, `CKA_CLASS` (0), a number (2),
/// `CKO_SECRET_KEY` (4), each in eight bytes.
const FIRST_ATTRIBUTE: [u64; 4] = [1, 0, 2, 4];

/// What a maker leaves that is killed after the first attribute.
fn leave_a_half(place: &Place) -> PathBuf {
    let slot = std::fs::read_dir(place.config().softhsm_folder.unwrap()).unwrap().next().unwrap().unwrap().path();
    let name = slot.join(uuid::Uuid::new_v4().to_string());
    std::fs::write(name.with_extension("lock"), "").unwrap();
    let file = name.with_extension("object");
    std::fs::write(&file, FIRST_ATTRIBUTE.map(u64::to_be_bytes).concat()).unwrap();
    file
}

#[test]
fn a_half_from_before_the_start_is_discarded_at_the_start() {
    own_process(|place| {
        drop(Worker::start_after_establishing(place));
        let half = leave_a_half(place);
        let token = place.token();
        assert!(!half.exists());
        token.list().unwrap();
    });
}

#[test]
fn a_half_of_another_process_is_discarded_while_the_token_is_open() {
    own_process(|place| {
        let token = place.token();
        let mut other = Worker::start(place);
        let half = leave_a_half(place);
        // Only what is written after it makes a process look at the folder anew.
        assert_eq!(other.tell("make", &fresh()), "Ok(())");
        assert_eq!(token.discard_torn().unwrap(), 1);
        assert!(!half.exists());
        assert_eq!(token.discard_torn().unwrap(), 0);
        token.list().unwrap();
    });
}
