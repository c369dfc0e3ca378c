//! A token that fails or vanishes in the middle: nothing is guessed.

use kms_core::key_state::KeyState;

use crate::faulty::Fault;
use crate::place::exception;
use crate::world::World;

#[test]
fn an_import_that_the_token_fails_leaves_neither_object_nor_row() {
    let world = World::new();
    let n1 = &world.n1;
    for fault in [Fault::UnwrapFailsAfterMaking, Fault::UnwrapFailsBeforeMaking] {
        let key = n1.new_key();
        n1.hsm.fail_once(fault);
        assert_eq!(exception(n1.import(&key, 1)), "KMSInternalException", "{fault:?}");
        assert_eq!((n1.state(&key), world.objects(&key)), (KeyState::PendingImport, 0), "{fault:?}");
        assert_eq!(n1.open_rows(&key), [], "{fault:?}");
        n1.import(&key, 1).unwrap();
    }
}

#[test]
fn an_object_that_fails_its_first_use_is_destroyed() {
    let world = World::new();
    let n1 = &world.n1;
    let key = n1.new_key();
    n1.hsm.fail_once(Fault::UseFails);
    assert_eq!(exception(n1.import(&key, 1)), "KMSInternalException");
    assert_eq!((n1.state(&key), world.objects(&key)), (KeyState::PendingImport, 0));
    assert_eq!(n1.open_rows(&key), []);
}

#[test]
fn a_delete_without_proof_is_not_answered_with_success() {
    let world = World::new();
    let (n1, n2) = (&world.n1, &world.n2);
    for fault in [Fault::DestroyIsUnknown, Fault::DestroyFailsAfterwards] {
        let key = n1.new_key();
        n1.import(&key, 1).unwrap();
        n1.hsm.fail_once(fault);
        n1.delete(&key).unwrap_err();
        assert_eq!(n1.open_rows(&key).len(), 1, "{fault:?}: the row stays until there is a proof");
        assert_eq!(n2.state(&key), KeyState::PendingImport, "{fault:?}: no node uses it any more");
        n2.keeper.reconcile(false).unwrap();
        assert_eq!(world.objects(&key), 0, "{fault:?}");
        assert_eq!(n2.open_rows(&key), [], "{fault:?}");
    }
}
