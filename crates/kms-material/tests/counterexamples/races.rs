//! C6 to C8: two imports of one key.

use std::thread;

use kms_core::key_state::KeyState;
use time::macros::datetime;

use crate::pause::Pause;
use crate::place::exception;
use crate::world::World;

const LATER: kms_core::Timestamp = datetime!(2027-01-01 00:00 UTC);

#[test]
fn c6_a_slow_import_of_present_material_does_not_overwrite_the_expiry_of_a_later_one() {
    let world = World::new();
    let (n1, n2) = (&world.n1, &world.n2);
    let key = n1.new_key();
    n1.import_until(&key, 1, Some(LATER)).unwrap();
    thread::scope(|scope| {
        let pause = Pause::at("material.import.before_reimport");
        let slow = scope.spawn(|| n1.import_until(&key, 1, Some(LATER)));
        pause.wait();
        n2.import(&key, 1).unwrap();
        pause.go();
        assert_eq!(exception(slow.join().unwrap()), "DependencyTimeoutException");
    });
    assert_eq!(n1.facts(&key).unwrap().current().unwrap().valid_to, None);
    assert_eq!((n1.state(&key), world.objects(&key)), (KeyState::Enabled, 1));
}

#[test]
fn c6_a_slow_first_import_does_not_overwrite_the_expiry_of_a_later_one() {
    let world = World::new();
    let (n1, n2) = (&world.n1, &world.n2);
    let key = n1.new_key();
    thread::scope(|scope| {
        let pause = Pause::at("material.import.announced");
        let slow = scope.spawn(|| n1.import_until(&key, 1, Some(LATER)));
        pause.wait();
        n2.import(&key, 1).unwrap();
        pause.go();
        assert_eq!(exception(slow.join().unwrap()), "DependencyTimeoutException");
    });
    assert_eq!(n1.facts(&key).unwrap().current().unwrap().valid_to, None);
    assert_eq!((n1.state(&key), world.objects(&key)), (KeyState::Enabled, 1));
}

#[test]
fn c7_two_imports_of_one_material_give_one_object() {
    let world = World::new();
    let (n1, n2) = (&world.n1, &world.n2);
    for point in ["material.import.announced", "material.import.made"] {
        let key = n1.new_key();
        thread::scope(|scope| {
            let pause = Pause::at(point);
            let slow = scope.spawn(|| n1.import(&key, 1));
            pause.wait();
            let fast = n2.import(&key, 1);
            pause.go();
            let outcomes = [slow.join().unwrap(), fast];
            assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1, "{point}: {outcomes:?}");
        });
        assert_eq!((n1.state(&key), world.objects(&key)), (KeyState::Enabled, 1), "{point}");
        assert_eq!(n1.open_rows(&key).len(), 1, "{point}");
        n2.use_key(&key).unwrap();
    }
}

#[test]
fn c8_of_two_first_imports_one_becomes_the_material_and_the_other_is_refused() {
    let world = World::new();
    let (n1, n2) = (&world.n1, &world.n2);
    let key = n1.new_key();
    let material = thread::scope(|scope| {
        let pause = Pause::at("material.import.announced");
        let slow = scope.spawn(|| n1.import(&key, 1));
        pause.wait();
        let material = n2.import(&key, 2).unwrap();
        pause.go();
        assert_eq!(exception(slow.join().unwrap()), "DependencyTimeoutException");
        material
    });
    assert_eq!(exception(n1.import(&key, 1)), "IncorrectKeyMaterialException");
    let facts = n1.facts(&key).unwrap();
    assert_eq!(facts.materials.iter().map(|known| known.id).collect::<Vec<_>>(), [material]);
    assert_eq!((n1.state(&key), world.objects(&key)), (KeyState::Enabled, 1));
    n1.use_key(&key).unwrap();
}
