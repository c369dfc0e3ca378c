//! Objects without a row, and the command that may destroy them.

use kms_core::hsm::{KeyKind, TokenObject};
use kms_core::{Hsm, KeyId, ObjectId};
use kms_material::UnknownObject;

use crate::world::World;

/// An object of a key that no row knows.
fn put_unknown(world: &World) -> UnknownObject {
    let region = world.n1.new_key().region;
    let object = TokenObject::of_key(ObjectId::random(), region, KeyId::random());
    world.n1.hsm.generate_key(&object, KeyKind::SYMMETRIC, &mut || true).unwrap();
    UnknownObject { id: object.id, label: object.label, is_secret_key: true }
}

fn is_in_token(world: &World, id: ObjectId) -> bool {
    world.n1.hsm.list().unwrap().iter().any(|found| found.id == Some(id))
}

#[test]
fn an_unknown_object_is_reported_by_all_and_destroyed_by_nobody_unasked() {
    let world = World::new();
    let unknown = put_unknown(&world);
    assert!(world.n2.keeper.reconcile(true).unwrap().unknown.contains(&unknown.id));
    let inspector = world.inspector();
    assert!(inspector.compare().unwrap().unknown.contains(&unknown));
    assert!(is_in_token(&world, unknown.id));
    assert!(inspector.destroy_unknown(&unknown).unwrap());
    assert!(!is_in_token(&world, unknown.id));
    assert!(!world.n2.keeper.reconcile(true).unwrap().unknown.contains(&unknown.id));
    assert!(!inspector.destroy_unknown(&unknown).unwrap(), "a tombstone stays");
}

#[test]
fn a_command_that_dies_after_its_row_leaves_a_condemned_object_that_any_node_finishes() {
    let world = World::new();
    let unknown = put_unknown(&world);
    let inspector = world.inspector();
    fail::cfg("material.unknown.condemned", "1*return").unwrap();
    inspector.destroy_unknown(&unknown).unwrap_err();
    let findings = inspector.compare().unwrap();
    assert!(findings.destroying.iter().any(|row| row.id == unknown.id), "{findings:?}");
    assert!(is_in_token(&world, unknown.id));
    world.n2.keeper.reconcile(true).unwrap();
    assert!(!is_in_token(&world, unknown.id));
    assert!(!inspector.compare().unwrap().destroying.iter().any(|row| row.id == unknown.id));
}

#[test]
fn an_object_that_has_a_row_is_never_taken_for_unknown() {
    let world = World::new();
    let key = world.n1.new_key();
    world.n1.import(&key, 1).unwrap();
    let id = world.n1.facts(&key).unwrap().current().unwrap().object.unwrap();
    let label = TokenObject::of_key(id, key.region, key.key_id).label;
    let inspector = world.inspector();
    assert!(!inspector.destroy_unknown(&UnknownObject { id, label, is_secret_key: true }).unwrap());
    world.n2.use_key(&key).unwrap();
    assert_eq!(world.objects(&key), 1);
}
