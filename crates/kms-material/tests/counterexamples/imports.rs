//! C1 to C4, C9: imports that are overtaken.

use std::thread;

use kms_core::key_state::KeyState;
use kms_metadata::KeyChange;
use time::macros::datetime;

use crate::pause::{Pause, die_at};
use crate::place::exception;
use crate::world::World;

#[test]
fn c1_a_delete_that_meets_an_object_in_the_making_is_not_answered_with_success() {
    let world = World::new();
    let (n1, n2) = (&world.n1, &world.n2);
    let key = n1.new_key();
    thread::scope(|scope| {
        let pause = Pause::at("material.import.made");
        let import = scope.spawn(|| n1.import(&key, 1));
        pause.wait();
        assert_eq!(exception(n2.delete(&key)), "DependencyTimeoutException");
        pause.go();
        import.join().unwrap().unwrap();
    });
    assert_eq!((n2.state(&key), world.objects(&key)), (KeyState::Enabled, 1));
    assert!(n2.delete(&key).unwrap().is_some());
    assert_eq!((n1.state(&key), world.objects(&key)), (KeyState::PendingImport, 0));
    assert_eq!(n1.open_rows(&key), []);
}

#[test]
fn c1_a_delete_after_the_death_of_an_import_finds_the_object_that_it_left() {
    let world = World::new();
    let (n1, n2) = (&world.n1, &world.n2);
    let key = n1.new_key();
    die_at("material.import.made");
    thread::scope(|scope| scope.spawn(|| n1.import(&key, 1)).join().unwrap_err());
    assert_eq!(world.objects(&key), 1, "the dead import left its object");
    n2.delete(&key).unwrap();
    assert_eq!(world.objects(&key), 0);
    assert_eq!(n2.open_rows(&key), []);
}

#[test]
fn c2_an_import_that_began_before_an_acknowledged_delete_never_enables_the_key() {
    let world = World::new();
    let (n1, n2) = (&world.n1, &world.n2);
    let key = n1.new_key();
    thread::scope(|scope| {
        let pause = Pause::at("material.import.announced");
        let import = scope.spawn(|| n1.import(&key, 1));
        pause.wait();
        assert_eq!(n2.delete(&key).unwrap(), None);
        pause.go();
        assert_eq!(exception(import.join().unwrap()), "DependencyTimeoutException");
    });
    assert_eq!((n1.state(&key), world.objects(&key)), (KeyState::PendingImport, 0));
    assert_eq!(n1.open_rows(&key), []);
    n1.import(&key, 1).unwrap();
    n2.use_key(&key).unwrap();
}

#[test]
fn c3_the_reconciler_leaves_an_import_alone_whose_creator_lives() {
    let world = World::new();
    let (n1, n2) = (&world.n1, &world.n2);
    let key = n1.new_key();
    thread::scope(|scope| {
        let pause = Pause::at("material.import.made");
        let import = scope.spawn(|| n1.import(&key, 1));
        pause.wait();
        assert_eq!(n2.keeper.reconcile(true).unwrap().undone, 0);
        pause.go();
        import.join().unwrap().unwrap();
    });
    assert_eq!((n2.state(&key), world.objects(&key)), (KeyState::Enabled, 1));
    n2.use_key(&key).unwrap();
}

#[test]
fn c3_a_reconciler_that_dies_in_the_middle_leaves_no_enabled_key_without_object() {
    let world = World::new();
    let (n1, n2) = (&world.n1, &world.n2);
    let key = n1.new_key();
    thread::scope(|scope| {
        let pause = Pause::at("material.import.announced");
        let import = scope.spawn(|| n1.import(&key, 1));
        pause.wait();
        die_at("material.finish.before_destroy");
        scope.spawn(|| n2.keeper.reconcile(true)).join().unwrap_err();
        assert_eq!(n2.open_rows(&key).len(), 1, "it died between the row and the object");
        pause.go();
        assert_eq!(exception(import.join().unwrap()), "DependencyTimeoutException");
    });
    n2.keeper.reconcile(true).unwrap();
    assert_eq!((n1.state(&key), world.objects(&key)), (KeyState::PendingImport, 0));
    assert_eq!(n1.open_rows(&key), []);
}

#[test]
fn c4_an_import_whose_row_was_undone_makes_no_object() {
    let world = World::new();
    let (n1, n2) = (&world.n1, &world.n2);
    let key = n1.new_key();
    thread::scope(|scope| {
        let pause = Pause::at("material.import.announced");
        let import = scope.spawn(|| n1.import(&key, 1));
        pause.wait();
        assert_eq!(n2.keeper.reconcile(true).unwrap().undone, 1);
        assert_eq!(n2.open_rows(&key), []);
        pause.go();
        assert_eq!(exception(import.join().unwrap()), "DependencyTimeoutException");
    });
    assert_eq!((n1.state(&key), world.objects(&key)), (KeyState::PendingImport, 0));
}

#[test]
fn c9_a_key_whose_deletion_is_scheduled_meanwhile_takes_no_import() {
    let world = World::new();
    let (n1, n2) = (&world.n1, &world.n2);
    let key = n1.new_key();
    let date = datetime!(2027-01-01 00:00 UTC);
    let schedule = KeyChange { deletion_date: Some(Some(date)), ..KeyChange::default() };
    thread::scope(|scope| {
        let pause = Pause::at("material.import.announced");
        let import = scope.spawn(|| n1.import(&key, 1));
        pause.wait();
        n2.change(&key, &schedule).unwrap();
        pause.go();
        assert_eq!(exception(import.join().unwrap()), "KMSInvalidStateException");
    });
    assert_eq!((n1.state(&key), world.objects(&key)), (KeyState::PendingDeletion, 0));
    assert_eq!(n1.open_rows(&key), []);
}
