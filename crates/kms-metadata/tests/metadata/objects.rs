//! Rows of token objects: states that only go forward, unique intents, claims.

use std::thread;

use kms_core::hsm::ObjectKind;
use kms_core::{KeyMaterialId, ObjectId};
use kms_metadata::{MetadataError, NewObject, ObjectState};
use time::Duration;

use crate::fixture::{One, assert_refused, internal_object, object_of, one};

fn insert(one: &One, object: &NewObject) -> ObjectId {
    one.node.write(|tx| tx.insert_object(object)).unwrap();
    object.id
}

fn state(one: &One, id: ObjectId) -> ObjectState {
    one.node.read(|tx| tx.find_object(id)).unwrap().unwrap().state
}

#[test]
fn an_object_comes_back_as_it_was_inserted() {
    let one = one();
    let facts = one.node.with_key();
    let kinds = [ObjectKind::Wrapping, ObjectKind::Root, ObjectKind::Sentinel];
    for object in [object_of(&facts)].into_iter().chain(kinds.map(internal_object)) {
        insert(&one, &object);
        let row = one.node.read(|tx| tx.find_object(object.id)).unwrap().unwrap();
        assert_eq!((row.id, row.kind, &row.label), (object.id, object.kind, &object.label));
        assert_eq!((row.key, &row.token, row.state), (object.key, &object.token, ObjectState::Creating));
    }
    assert_eq!(one.node.read(|tx| tx.find_object(ObjectId::random())).unwrap(), None);
}

#[test]
fn states_go_forward_one_step_and_each_step_is_made_once() {
    let one = one();
    let facts = one.node.with_key();
    let id = insert(&one, &object_of(&facts));
    let write = |step: fn(&mut kms_metadata::Tx<'_>, ObjectId) -> Result<bool, MetadataError>| {
        one.node.write(|tx| step(tx, id)).unwrap()
    };
    assert!(!write(|tx, id| tx.mark_destroyed(id)), "nothing is destroyed that was not condemned");
    assert!(write(|tx, id| tx.mark_present(id)));
    assert!(!write(|tx, id| tx.mark_present(id)));
    assert!(write(|tx, id| tx.condemn(id)));
    assert!(!write(|tx, id| tx.condemn(id)));
    assert!(!write(|tx, id| tx.mark_present(id)), "what is condemned never comes back");
    assert!(write(|tx, id| tx.mark_destroyed(id)));
    assert!(!write(|tx, id| tx.mark_destroyed(id)));
    assert!(!write(|tx, id| tx.condemn(id)));
    assert_eq!(state(&one, id), ObjectState::Destroyed);
}

#[test]
fn the_database_itself_refuses_backward_steps_deletion_and_a_new_identity() {
    let one = one();
    let facts = one.node.with_key();
    let id = insert(&one, &object_of(&facts));
    one.node.write(|tx| tx.mark_present(id)).unwrap();
    let refused = |statement: &str| {
        let sql = format!(
            "DO $$ BEGIN {statement}; RAISE 'done unrefused'; EXCEPTION WHEN restrict_violation THEN RETURN; END $$"
        );
        one.database.execute(&sql);
    };
    refused("UPDATE key_objects SET state = 'creating'");
    refused("UPDATE key_objects SET state = 'destroyed', destroyed_at = now()");
    refused("UPDATE key_objects SET label = 'another'");
    refused("UPDATE key_objects SET token = 'another'");
    refused("UPDATE key_objects SET key_id = gen_random_uuid()::text");
    refused("UPDATE key_objects SET region = NULL, account = NULL, key_id = NULL, material_id = NULL");
    refused("UPDATE key_objects SET object_id = gen_random_uuid()");
    refused("DELETE FROM key_objects");
    refused("TRUNCATE key_objects CASCADE");
    refused(
        "INSERT INTO key_objects (object_id, kind, label, token, state, claimed_by) \
         VALUES (gen_random_uuid(), 'root', 'x', 'default', 'present', 'x')",
    );
    assert_eq!(state(&one, id), ObjectState::Present);
}

#[test]
fn an_object_id_is_never_used_again_even_after_its_object_is_destroyed() {
    let one = one();
    let facts = one.node.with_key();
    let object = object_of(&facts);
    insert(&one, &object);
    one.node.write(|tx| tx.condemn(object.id)).unwrap();
    one.node.write(|tx| tx.mark_destroyed(object.id)).unwrap();
    let again = one.node.write(|tx| tx.insert_object(&object));
    assert_eq!(again, Err(MetadataError::AlreadyExists("key_objects_pkey".into())));
}

#[test]
fn a_material_has_one_object_in_the_making_and_one_present_per_token() {
    let one = one();
    let facts = one.node.with_key();
    let first = insert(&one, &object_of(&facts));
    let second = object_of(&facts);
    let taken = |name: &str| Err(MetadataError::AlreadyExists(name.into()));
    assert_eq!(one.node.write(|tx| tx.insert_object(&second)), taken("key_objects_one_creating"));
    one.node.write(|tx| tx.mark_present(first)).unwrap();
    insert(&one, &second);
    let two_present = one.node.write(|tx| tx.mark_present(second.id).map(drop));
    assert_eq!(two_present, taken("key_objects_one_present"));
    let elsewhere = NewObject { token: "second".into(), ..object_of(&facts) };
    insert(&one, &elsewhere);
    assert!(one.node.write(|tx| tx.mark_present(elsewhere.id)).unwrap());
}

#[test]
fn objects_of_the_deployment_do_not_count_against_each_other() {
    let one = one();
    for _ in 0..3 {
        let id = insert(&one, &internal_object(ObjectKind::Wrapping));
        insert(&one, &internal_object(ObjectKind::Wrapping));
        assert!(one.node.write(|tx| tx.mark_present(id)).unwrap());
    }
}

#[test]
fn an_object_without_material_belongs_to_no_key() {
    let one = one();
    let keyed = NewObject { kind: ObjectKind::Root, ..object_of(&one.node.with_key()) };
    assert_refused(one.node.write(|tx| tx.insert_object(&keyed)), "key_objects_key_has_material");
}

#[test]
fn generated_material_is_bound_to_its_key_once_before_it_is_present() {
    let one = one();
    let facts = one.node.with_key();
    let (address, material) = (facts.address, facts.materials[0].id);
    let bind = |id| one.node.write(|tx| tx.bind_object(id, &address, &material));
    let id = insert(&one, &internal_object(ObjectKind::Key));
    assert_refused(one.node.write(|tx| tx.mark_present(id)), "key_objects_material_has_key");
    bind(id).unwrap();
    assert_eq!(bind(id), Err(MetadataError::NotFound), "it has its key");
    assert!(one.node.write(|tx| tx.mark_present(id)).unwrap());
    let row = one.node.read(|tx| tx.find_object(id)).unwrap().unwrap();
    assert_eq!(row.key, Some((address, material)));
    let condemned = insert(&one, &internal_object(ObjectKind::Key));
    one.node.write(|tx| tx.condemn(condemned)).unwrap();
    assert_eq!(bind(condemned), Err(MetadataError::NotFound), "what is condemned gets no key");
}

#[test]
fn an_attempt_is_given_up_only_while_it_is_unfinished() {
    let one = one();
    let facts = one.node.with_key();
    let id = insert(&one, &object_of(&facts));
    let give_up = |id| one.node.write(|tx| tx.condemn_creating(id)).unwrap();
    one.node.write(|tx| tx.mark_present(id)).unwrap();
    assert!(!give_up(id));
    assert_eq!(state(&one, id), ObjectState::Present);
    let unfinished = insert(&one, &object_of(&facts));
    assert!(give_up(unfinished));
    assert_eq!(state(&one, unfinished), ObjectState::Destroying);
}

#[test]
fn condemning_a_key_takes_every_living_object_and_names_earlier_ones_too() {
    let one = one();
    let facts = one.node.with_key();
    let of_material = |number| {
        let mut object = object_of(&facts);
        object.key = Some((facts.address, KeyMaterialId([number; 32])));
        object
    };
    let present = insert(&one, &of_material(1));
    one.node.write(|tx| tx.mark_present(present)).unwrap();
    let creating = insert(&one, &of_material(1));
    let other_material = insert(&one, &of_material(2));
    let neighbour = insert(&one, &object_of(&one.node.with_key()));
    let condemn = |material: Option<u8>| {
        let material = material.map(|number| KeyMaterialId([number; 32]));
        let mut ids = one.node.write(|tx| tx.condemn_of_key(&facts.address, material.as_ref())).unwrap();
        ids.sort();
        ids
    };
    let sorted = |mut ids: Vec<ObjectId>| {
        ids.sort();
        ids
    };
    assert_eq!(condemn(Some(1)), sorted(vec![present, creating]));
    assert_eq!(state(&one, other_material), ObjectState::Creating);
    assert_eq!(condemn(None), sorted(vec![present, creating, other_material]));
    one.node.write(|tx| tx.mark_destroyed(present)).unwrap();
    assert_eq!(condemn(Some(1)), [creating]);
    assert_eq!(state(&one, neighbour), ObjectState::Creating);
}

#[test]
fn a_claimed_object_is_passed_over_by_those_who_do_not_wait() {
    let one = one();
    let id = insert(&one, &internal_object(ObjectKind::Wrapping));
    one.node
        .write(|tx| {
            assert_eq!(tx.lock_object(id)?.map(|row| row.id), Some(id));
            assert_eq!(one.node.write(|tx| tx.try_lock_object(id))?, None);
            Ok(())
        })
        .unwrap();
    assert_eq!(one.node.write(|tx| tx.try_lock_object(id)).unwrap().map(|row| row.id), Some(id));
}

#[test]
fn of_a_creator_and_a_destroyer_exactly_one_gets_the_object() {
    let one = one();
    for _ in 0..20 {
        let facts = one.node.with_key();
        let id = insert(&one, &object_of(&facts));
        let (made, condemned) = thread::scope(|scope| {
            let creator = scope.spawn(|| one.node.write(|tx| tx.mark_present(id)).unwrap());
            let destroyer = scope.spawn(|| one.node.write(|tx| tx.condemn(id)).unwrap());
            (creator.join().unwrap(), destroyer.join().unwrap())
        });
        assert!(condemned, "a destroyer always gets it: before the creator, or what the creator made");
        assert_eq!(state(&one, id), ObjectState::Destroying, "made first: {made}");
    }
}

#[test]
fn objects_are_listed_by_state_age_token_and_key() {
    let one = one();
    let facts = one.node.with_key();
    let present = insert(&one, &object_of(&facts));
    one.node.write(|tx| tx.mark_present(present)).unwrap();
    let creating = insert(&one, &object_of(&facts));
    let condemned = insert(&one, &internal_object(ObjectKind::Wrapping));
    one.node.write(|tx| tx.condemn(condemned)).unwrap();
    let created_at = one.node.read(|tx| tx.find_object(creating)).unwrap().unwrap().created_at;
    one.node
        .read(|tx| {
            let ids = |rows: Vec<kms_metadata::ObjectRow>| rows.iter().map(|row| row.id).collect::<Vec<_>>();
            assert_eq!(ids(tx.stale_creating("default", created_at, 9)?), []);
            assert_eq!(ids(tx.stale_creating("default", created_at + Duration::milliseconds(1), 9)?), [creating]);
            assert_eq!(ids(tx.destroying("default", 9)?), [condemned]);
            assert_eq!(ids(tx.destroying("second", 9)?), []);
            assert_eq!(ids(tx.stale_creating("second", created_at + Duration::milliseconds(1), 9)?), []);
            assert_eq!(ids(tx.present_of_token("default")?), [present]);
            assert_eq!(ids(tx.present_of_token("second")?), []);
            let mut of_key = ids(tx.objects_of_key(facts.address.region, facts.address.key_id)?);
            of_key.sort();
            let mut expected = vec![present, creating];
            expected.sort();
            assert_eq!(of_key, expected);
            let unknown = ObjectId::random();
            let states = tx.object_states(&[present, condemned, unknown])?;
            assert_eq!(states.len(), 2);
            assert_eq!(states[&present], ObjectState::Present);
            assert_eq!(states[&condemned], ObjectState::Destroying);
            Ok(())
        })
        .unwrap();
}
