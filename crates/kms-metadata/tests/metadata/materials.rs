//! Materials: upsert, order, expiry.

use kms_core::key_spec::{ExpirationModel, MaterialState};
use kms_core::{KeyMaterialId, Material};
use kms_metadata::MetadataError;
use time::Duration;

use crate::fixture::{NOW, address, material, object_of, one};

#[test]
fn putting_a_material_again_changes_it_and_keeps_its_place() {
    let one = one();
    let facts = one.node.with_key();
    let put = |material: &Material| one.node.write(|tx| tx.put_material(&facts.address, material)).unwrap();
    put(&material(2, MaterialState::PendingRotation));
    let forgotten = Material {
        description: None,
        expiration_model: Some(ExpirationModel::DoesNotExpire),
        valid_to: None,
        ..material(1, MaterialState::NonCurrent)
    };
    put(&forgotten);
    let rotated = Material { public_key: Some(vec![0x30; 8192]), ..material(2, MaterialState::Current) };
    put(&rotated);
    let found = one.node.read(|tx| tx.find_key(facts.address.region, facts.address.key_id)).unwrap().unwrap();
    assert_eq!(found.facts.materials, [forgotten, rotated]);
}

#[test]
fn a_material_needs_its_key() {
    let one = one();
    let orphan = one.node.write(|tx| tx.put_material(&address(), &material(1, MaterialState::Current)));
    assert!(matches!(orphan, Err(MetadataError::Other(text)) if text.contains("key_materials_key")));
}

#[test]
fn a_material_shows_the_object_that_is_present_and_no_other() {
    let one = one();
    let facts = one.node.with_key();
    let shown = || {
        let row = one.node.read(|tx| tx.find_key(facts.address.region, facts.address.key_id)).unwrap().unwrap();
        row.facts.materials[0].object
    };
    let object = object_of(&facts);
    one.node.write(|tx| tx.insert_object(&object)).unwrap();
    assert_eq!(shown(), None);
    one.node.write(|tx| tx.mark_present(object.id)).unwrap();
    assert_eq!(shown(), Some(object.id));
    one.node.write(|tx| tx.condemn(object.id)).unwrap();
    assert_eq!(shown(), None);
}

#[test]
fn a_material_in_two_tokens_is_listed_once() {
    let one = one();
    let facts = one.node.with_key();
    for token in ["default", "second"] {
        let mut object = object_of(&facts);
        object.token = token.into();
        one.node.write(|tx| tx.insert_object(&object)).unwrap();
        one.node.write(|tx| tx.mark_present(object.id)).unwrap();
    }
    let found = one.node.read(|tx| tx.find_key(facts.address.region, facts.address.key_id)).unwrap().unwrap();
    assert_eq!(found.facts.materials.len(), 1);
}

#[test]
fn material_is_expired_from_its_valid_to_on_while_it_has_an_object() {
    let one = one();
    let facts = one.node.with_key();
    let expired = |now| one.node.read(|tx| tx.expired_materials("default", now, 9)).unwrap();
    assert_eq!(expired(NOW), [], "there is no object to destroy");
    let object = object_of(&facts);
    one.node.write(|tx| tx.insert_object(&object)).unwrap();
    assert_eq!(expired(NOW), [], "nor is there while it is being made");
    one.node.write(|tx| tx.mark_present(object.id)).unwrap();
    assert_eq!(expired(NOW - Duration::milliseconds(1)), []);
    assert_eq!(expired(NOW), [(facts.address, KeyMaterialId([1; 32]))]);
    one.node.write(|tx| tx.condemn(object.id)).unwrap();
    assert_eq!(expired(NOW), []);
}
