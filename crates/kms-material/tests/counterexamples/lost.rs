//! C5 and amendment A6: acknowledgements that are lost.

use std::thread;

use kms_core::key_state::KeyState;

use crate::pause::Pause;
use crate::place::exception;
use crate::world::World;

#[test]
fn c5_an_import_whose_last_acknowledgement_is_lost_looks_and_keeps_its_object() {
    let world = World::new();
    let n1 = &world.n1;
    let key = n1.new_key();
    lose_acknowledgement_from("material.import.claimed");
    n1.import(&key, 1).unwrap();
    assert_eq!((n1.state(&key), world.objects(&key)), (KeyState::Enabled, 1));
    let report = world.n2.keeper.reconcile(true).unwrap();
    assert_eq!((report.undone, report.missing), (0, vec![]));
    world.n2.use_key(&key).unwrap();
}

#[test]
fn c5_an_import_whose_commit_never_happened_looks_and_destroys_its_object() {
    let world = World::new();
    let (n1, n2) = (&world.n1, &world.n2);
    let key = n1.new_key();
    thread::scope(|scope| {
        let pause = Pause::at("material.import.before_commit");
        let import = scope.spawn(|| n1.import(&key, 1));
        pause.wait();
        world.break_open_transactions();
        pause.go();
        assert_eq!(exception(import.join().unwrap()), "DependencyTimeoutException");
    });
    assert_eq!((n2.state(&key), world.objects(&key)), (KeyState::PendingImport, 0));
    assert_eq!(n2.open_rows(&key), []);
}

#[test]
fn an_import_whose_first_acknowledgement_is_lost_ends_and_the_reconciler_undoes_its_row() {
    let world = World::new();
    let (n1, n2) = (&world.n1, &world.n2);
    let key = n1.new_key();
    n1.hsm.after_probe(|| fail::cfg("metadata.commit_lost", "1*return").unwrap());
    assert_eq!(exception(n1.import(&key, 1)), "DependencyTimeoutException");
    assert_eq!(n1.open_rows(&key).len(), 1);
    assert_eq!(n2.keeper.reconcile(true).unwrap().undone, 1);
    assert_eq!((n2.state(&key), world.objects(&key)), (KeyState::PendingImport, 0));
    n2.import(&key, 1).unwrap();
    n1.use_key(&key).unwrap();
}

#[test]
fn a_delete_whose_acknowledgement_is_lost_fails_and_its_repetition_confirms() {
    let world = World::new();
    let (n1, n2) = (&world.n1, &world.n2);
    let key = n1.new_key();
    n1.import(&key, 1).unwrap();
    fail::cfg("metadata.commit_lost", "1*return").unwrap();
    assert_eq!(exception(n1.delete(&key)), "DependencyTimeoutException");
    assert_eq!(n1.state(&key), KeyState::PendingImport, "it was committed, though");
    n2.delete(&key).unwrap();
    assert_eq!(world.objects(&key), 0);
    assert_eq!(n2.open_rows(&key), []);
}

/// The first commit after the passage of this point is answered by nobody.
fn lose_acknowledgement_from(point: &str) {
    fail::cfg_callback(point, || fail::cfg("metadata.commit_lost", "1*return").unwrap()).unwrap();
}
