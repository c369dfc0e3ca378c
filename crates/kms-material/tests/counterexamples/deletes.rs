//! C10 and C11: deletes that meet deletes, and the final deletion of a key.

use std::thread;

use kms_core::key_state::KeyState;
use kms_core::{KeyAddress, Timestamp};
use kms_material::ServiceStep;
use kms_metadata::KeyChange;
use time::macros::datetime;

use crate::pause::Pause;
use crate::place::{audit, exception};
use crate::world::World;

const PAST: Timestamp = datetime!(2026-11-01 00:00 UTC);
const LATER: Timestamp = datetime!(2027-01-01 00:00 UTC);

fn scheduled_for(date: Timestamp) -> KeyChange {
    KeyChange { deletion_date: Some(Some(date)), ..KeyChange::default() }
}

#[test]
fn c10_a_second_delete_does_not_answer_before_the_object_of_the_first_is_gone() {
    let world = World::new();
    let (n1, n2) = (&world.n1, &world.n2);
    let key = n1.new_key();
    n1.import(&key, 1).unwrap();
    thread::scope(|scope| {
        let pause = Pause::at("material.delete.condemned");
        let first = scope.spawn(|| n1.delete(&key));
        pause.wait();
        assert_eq!((n2.state(&key), world.objects(&key)), (KeyState::PendingImport, 1));
        n2.delete(&key).unwrap();
        assert_eq!(world.objects(&key), 0, "the second delete answered");
        pause.go();
        first.join().unwrap().unwrap();
    });
    assert_eq!(n1.open_rows(&key), []);
}

#[test]
fn c11_a_cancelled_deletion_computes_the_state_from_the_rows() {
    let world = World::new();
    let (n1, n2) = (&world.n1, &world.n2);
    let key = n1.new_key();
    n1.import(&key, 1).unwrap();
    n1.change(&key, &scheduled_for(LATER)).unwrap();
    n2.delete(&key).unwrap();
    assert_eq!((n1.state(&key), world.objects(&key)), (KeyState::PendingDeletion, 0));
    let cancelled = KeyChange { deletion_date: Some(None), enabled: Some(false), ..KeyChange::default() };
    n2.change(&key, &cancelled).unwrap();
    assert_eq!(n1.state(&key), KeyState::PendingImport);
    let enabled = KeyChange { enabled: Some(true), ..KeyChange::default() };
    n2.change(&key, &enabled).unwrap();
    assert_eq!(n1.state(&key), KeyState::PendingImport, "the switch alone enables nothing");
}

#[test]
fn c11_a_final_deletion_that_has_begun_is_finished_by_whoever_comes_next() {
    let world = World::new();
    let (n1, n2) = (&world.n1, &world.n2);
    let key = n1.new_key();
    n1.import(&key, 1).unwrap();
    n1.change(&key, &scheduled_for(PAST)).unwrap();
    let purge = |node: &crate::place::Node| {
        let record = |step, of: &KeyAddress| {
            assert_eq!((step, of), (ServiceStep::KeyDeleted, &key));
            audit(serde_json::Value::Null)
        };
        let mut committed = Vec::new();
        let purged = node.keeper.purge_due(&record, &mut committed).unwrap();
        (purged, committed.len())
    };
    thread::scope(|scope| {
        let pause = Pause::at("material.purge.condemned");
        let first = scope.spawn(|| purge(n1));
        pause.wait();
        let row = n2.keeper.metadata().read(|tx| tx.find_key(key.region, key.key_id)).unwrap().unwrap();
        assert!(row.purge_started_at.is_some(), "CancelKeyDeletion refuses from here on");
        assert_eq!(exception(n2.delete(&key)), "NotFoundException");
        assert_eq!(exception(n2.import(&key, 1)), "KMSInvalidStateException");
        assert_eq!(purge(n2), (1, 0), "the record went with the beginning");
        assert!(n2.facts(&key).is_none());
        pause.go();
        assert_eq!(first.join().unwrap(), (0, 1));
    });
    assert_eq!(world.objects(&key), 0);
}

#[test]
fn a_key_that_cannot_be_purged_now_holds_up_no_other_and_is_recorded_once() {
    let world = World::new();
    let n1 = &world.n1;
    let [stubborn, other] = [n1.new_key(), n1.new_key()];
    for key in [&stubborn, &other] {
        n1.import(key, 1).unwrap();
        n1.change(key, &scheduled_for(PAST)).unwrap();
    }
    n1.hsm.keep(n1.open_rows(&stubborn)[0]);
    let mut committed = Vec::new();
    let record = |_, _: &KeyAddress| audit(serde_json::Value::Null);
    for _ in 0..2 {
        n1.keeper.purge_due(&record, &mut committed).unwrap_err();
    }
    assert!(n1.facts(&other).is_none() && n1.facts(&stubborn).is_some());
    assert_eq!(committed.len(), 2, "one record a key, when its deletion begins");
    assert_eq!(world.n2.keeper.purge_due(&record, &mut committed).unwrap(), 1);
    assert_eq!((committed.len(), world.objects(&stubborn)), (2, 0));
}
