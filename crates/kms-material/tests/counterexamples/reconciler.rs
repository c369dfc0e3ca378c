//! C12: objects that come and go while the reconciler looks.

use std::sync::Arc;

use kms_core::key_state::KeyState;

use crate::place::exception;
use crate::world::World;

#[test]
fn c12_an_object_that_is_made_while_the_reconciler_looks_is_left_alone() {
    let world = World::new();
    let key = world.n1.new_key();
    let maker = Arc::clone(&world.n1);
    world.n2.hsm.before_list(move || assert!(maker.import(&key, 1).is_ok()));
    let report = world.n2.keeper.reconcile(true).unwrap();
    assert_eq!((report.unknown, report.missing), (vec![], vec![]));
    assert_eq!((world.n2.state(&key), world.objects(&key)), (KeyState::Enabled, 1));
    world.n2.use_key(&key).unwrap();
}

#[test]
fn c12_an_object_that_is_deleted_while_the_reconciler_looks_is_not_missed() {
    let world = World::new();
    let key = world.n1.new_key();
    world.n1.import(&key, 1).unwrap();
    let deleter = Arc::clone(&world.n1);
    // The first listing is that of the sweep; the second one comes after the rows were read.
    world.n2.hsm.before_list(|| ());
    world.n2.hsm.before_list(move || assert!(deleter.delete(&key).is_ok()));
    let report = world.n2.keeper.reconcile(true).unwrap();
    assert_eq!(report.missing, []);
    assert_eq!(world.objects(&key), 0);
}

#[test]
fn what_the_token_lost_is_reported_and_its_row_is_kept() {
    let world = World::new();
    let key = world.n1.new_key();
    world.n1.import(&key, 1).unwrap();
    let object = world.n1.facts(&key).unwrap().current().unwrap().object.unwrap();
    kms_core::Hsm::destroy(&*world.n1.hsm, object).unwrap();
    assert_eq!(world.n2.keeper.reconcile(true).unwrap().missing, [object]);
    assert_eq!(world.n2.open_rows(&key), [object]);
    world.n2.delete(&key).unwrap();
}

#[test]
fn a_pair_that_the_token_lost_is_given_up_and_its_import_token_has_expired() {
    let world = World::new();
    let key = world.n1.new_key();
    let (pair, encrypted) = world.n1.wrap(&key, 1).unwrap();
    let object = world.n1.present_pairs().pop().unwrap();
    for id in world.n1.present_pairs() {
        kms_core::Hsm::destroy(&*world.n1.hsm, id).unwrap();
    }
    let refused = world.n1.import_wrapped(&key, &pair, &encrypted, None);
    assert_eq!(exception(refused), "ExpiredImportTokenException");
    let report = world.n2.keeper.reconcile(true).unwrap();
    assert!(report.missing_pairs > 0, "{report:?}");
    assert_eq!(report.missing, []);
    assert!(!world.n2.present_pairs().contains(&object));
    assert_eq!(world.n2.keeper.reconcile(true).unwrap().missing_pairs, 0);
    world.n1.import(&key, 1).unwrap();
}

#[test]
fn an_object_that_cannot_be_destroyed_holds_up_nothing_else() {
    let world = World::new();
    let (n1, n2) = (&world.n1, &world.n2);
    let [stubborn, condemned, lost] = [n1.new_key(), n1.new_key(), n1.new_key()];
    for key in [&stubborn, &condemned, &lost] {
        n1.import(key, 1).unwrap();
    }
    n2.hsm.keep(n1.open_rows(&stubborn)[0]);
    for key in [&stubborn, &condemned] {
        n1.hsm.fail_once(crate::faulty::Fault::DestroyIsUnknown);
        n1.delete(key).unwrap_err();
    }
    let missing = n1.open_rows(&lost)[0];
    kms_core::Hsm::destroy(&*world.n1.hsm, missing).unwrap();
    let report = n2.keeper.reconcile(true).unwrap();
    assert!(report.unfinished > 0, "{report:?}");
    assert_eq!(report.missing, [missing]);
    assert_eq!((world.objects(&condemned), n2.open_rows(&condemned)), (0, vec![]));
    assert_eq!((world.objects(&stubborn), n2.open_rows(&stubborn).len()), (1, 1));
    n1.keeper.reconcile(false).unwrap();
    assert_eq!((world.objects(&stubborn), n2.open_rows(&stubborn)), (0, vec![]));
    n1.delete(&lost).unwrap();
}
