//! Processes that are killed in the middle of their writes.

use std::time::Duration;

use kms_core::Hsm;
use kms_core::hsm::KeyKind;

use crate::place::{fresh, on_each_make};
use crate::worker::Worker;

#[test]
fn processes_killed_while_they_write_cost_no_other_key_and_can_be_cleaned_up_after() {
    on_each_make(|place| {
        let token = place.token();
        let stable = fresh();
        token.generate_key(&stable, KeyKind::SYMMETRIC, &mut || true).unwrap();
        for round in 0..40 {
            let objects: Vec<_> = (0..20).map(|_| fresh()).collect();
            let mut worker = Worker::start(place);
            for object in &objects {
                worker.order("make", object);
                worker.order("destroy", object);
                worker.order("make", object);
            }
            std::thread::sleep(Duration::from_micros(500 + round * 613 % 20_000));
            drop(worker);
            token.list().unwrap();
            for object in &objects {
                token.destroy(object.id).unwrap();
            }
            token.mac(&stable, &[0; 55]).unwrap();
        }
        let left = token.list().unwrap();
        let nameless = left.iter().filter(|found| found.id.is_none()).count();
        println!("{nameless} objects without a name were left");
        assert_eq!(left.len() - nameless, 2, "{left:?}");
    });
}
