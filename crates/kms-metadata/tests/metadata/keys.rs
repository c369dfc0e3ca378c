//! Keys: round trips, conditional updates, locks, deletion.

use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use kms_core::key_spec::MaterialState;
use kms_core::{AccountId, KeyFacts, KeyId, Region};
use kms_metadata::{KeyChange, KeyRow, MetadataError, TryLock};
use time::Duration as Span;

use crate::fixture::{NOW, address, assert_refused, key_facts, material, object_of, one};

#[test]
fn a_key_comes_back_as_it_was_inserted_in_the_order_of_its_materials() {
    let one = one();
    let mut facts = key_facts();
    facts.description = "ä".repeat(8192);
    facts.deletion_date = Some(NOW + Span::days(7));
    facts.materials = vec![
        material(9, MaterialState::NonCurrent),
        material(1, MaterialState::Current),
        material(5, MaterialState::PendingRotation),
    ];
    let tags = [("b".to_owned(), "2".to_owned()), ("a".to_owned(), String::new())];
    one.node.write(|tx| tx.insert_key(&facts, &tags)).unwrap();
    let address = facts.address;
    let found = one.node.read(|tx| tx.find_key(address.region, address.key_id)).unwrap();
    assert_eq!(found, Some(KeyRow { facts, purge_started_at: None }));
    let found = one.node.read(|tx| tx.list_tags(address.region, address.key_id)).unwrap();
    assert_eq!(found, [tags[1].clone(), tags[0].clone()]);
}

#[test]
fn a_key_is_found_in_its_own_region_only() {
    let one = one();
    let facts = one.node.with_key();
    let elsewhere = Region::parse("eu-central-2").unwrap();
    assert_eq!(one.node.read(|tx| tx.find_key(elsewhere, facts.address.key_id)).unwrap(), None);
    assert_eq!(one.node.read(|tx| tx.find_key(facts.address.region, KeyId::random())).unwrap(), None);
}

#[test]
fn a_key_id_is_given_once_in_a_region() {
    let one = one();
    let facts = one.node.with_key();
    let again = one.node.write(|tx| tx.insert_key(&facts, &[]));
    assert_eq!(again, Err(MetadataError::AlreadyExists("keys_pkey".into())));
}

#[test]
fn the_database_refuses_what_the_rules_forbid() {
    let one = one();
    let broken = |change: fn(&mut KeyFacts)| {
        let mut facts = key_facts();
        change(&mut facts);
        one.node.write(|tx| tx.insert_key(&facts, &[]))
    };
    assert_refused(broken(|facts| facts.description = "x".repeat(8193)), "keys_description_length");
    assert_refused(broken(|facts| facts.sealed_salt.clear()), "keys_sealed_salt_length");
    assert_refused(broken(|facts| facts.materials[0].valid_to = None), "key_materials_expiry_is_whole");
    assert_refused(broken(|facts| facts.materials[0].expiration_model = None), "key_materials_expiry_is_whole");
    assert_refused(
        broken(|facts| facts.materials[0].description = Some("x".repeat(257))),
        "key_materials_description_length",
    );
    let two_current = broken(|facts| facts.materials.push(material(2, MaterialState::Current)));
    assert_eq!(two_current, Err(MetadataError::AlreadyExists("key_materials_one_current".into())));
}

#[test]
fn an_update_sets_what_it_names_and_counts_the_versions_up() {
    let one = one();
    let mut facts = one.node.with_key();
    let change = KeyChange {
        description: Some("renamed".into()),
        enabled: Some(false),
        deletion_date: Some(Some(NOW)),
        purge_started_at: Some(NOW),
        material_changed: true,
    };
    one.node.write(|tx| tx.update_key(&facts, &change)).unwrap();
    facts.version = 2;
    facts.material_version = 2;
    facts.description = "renamed".into();
    facts.enabled = false;
    facts.deletion_date = Some(NOW);
    let found = one.node.read(|tx| tx.find_key(facts.address.region, facts.address.key_id)).unwrap();
    assert_eq!(found, Some(KeyRow { facts, purge_started_at: Some(NOW) }));
}

#[test]
fn an_update_without_a_change_touches_the_version_alone_and_a_deletion_can_be_cancelled() {
    let one = one();
    let mut facts = one.node.with_key();
    let schedule = KeyChange { deletion_date: Some(Some(NOW)), ..KeyChange::default() };
    one.node.write(|tx| tx.update_key(&facts, &schedule)).unwrap();
    facts.version = 2;
    let cancel = KeyChange { deletion_date: Some(None), ..KeyChange::default() };
    one.node.write(|tx| tx.update_key(&facts, &cancel)).unwrap();
    facts.version = 3;
    one.node.write(|tx| tx.update_key(&facts, &KeyChange::default())).unwrap();
    facts.version = 4;
    let found = one.node.read(|tx| tx.find_key(facts.address.region, facts.address.key_id)).unwrap();
    assert_eq!(found.map(|row| row.facts), Some(facts));
}

#[test]
fn a_purge_that_began_cannot_lose_its_deletion_date() {
    let one = one();
    let mut facts = one.node.with_key();
    let unscheduled = KeyChange { purge_started_at: Some(NOW), ..KeyChange::default() };
    assert_refused(one.node.write(|tx| tx.update_key(&facts, &unscheduled)), "keys_purge_is_scheduled");
    let scheduled = KeyChange { deletion_date: Some(Some(NOW)), ..unscheduled };
    one.node.write(|tx| tx.update_key(&facts, &scheduled)).unwrap();
    facts.version = 2;
    let cancel = KeyChange { deletion_date: Some(None), ..KeyChange::default() };
    assert_refused(one.node.write(|tx| tx.update_key(&facts, &cancel)), "keys_purge_is_scheduled");
}

#[test]
fn of_two_writers_with_one_version_exactly_one_wins() {
    let one = one();
    let facts = one.node.with_key();
    let outcomes: Vec<_> = thread::scope(|scope| {
        let write =
            |enabled| one.node.write(|tx| tx.update_key(&facts, &KeyChange { enabled, ..KeyChange::default() }));
        let writers: Vec<_> = (0..4).map(|number| scope.spawn(move || write(Some(number % 2 == 0)))).collect();
        writers.into_iter().map(|writer| writer.join().unwrap()).collect()
    });
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == Err(MetadataError::VersionChanged)).count(), 3);
}

#[test]
fn an_error_of_the_closure_rolls_everything_back() {
    let one = one();
    let facts = key_facts();
    let outcome: Result<(), MetadataError> = one.node.write(|tx| {
        tx.insert_key(&facts, &[])?;
        Err(MetadataError::NotFound)
    });
    assert_eq!(outcome, Err(MetadataError::NotFound));
    assert_eq!(one.node.read(|tx| tx.find_key(facts.address.region, facts.address.key_id)).unwrap(), None);
    assert_eq!(one.node.notes.heard_of(&facts.address), 0);
}

#[test]
fn an_error_that_the_closure_passes_over_is_not_committed() {
    let one = one();
    let (known, fresh) = (one.node.with_key(), key_facts());
    let outcome = one.node.write(|tx| {
        tx.insert_key(&fresh, &[])?;
        let _passed_over = tx.insert_key(&known, &[]);
        Ok(())
    });
    assert_refused(outcome, "passed over");
    assert_eq!(one.node.read(|tx| tx.find_key(fresh.address.region, fresh.address.key_id)).unwrap(), None);
}

#[test]
fn a_read_can_neither_write_nor_lock() {
    let one = one();
    let facts = one.node.with_key();
    assert_refused(one.node.read(|tx| tx.insert_key(&key_facts(), &[])), "read-only");
    assert_refused(one.node.read(|tx| tx.lock_key(facts.address.region, facts.address.key_id)), "read-only");
}

#[test]
fn a_read_sees_one_snapshot() {
    let one = one();
    let facts = one.node.with_key();
    let find = |tx: &mut kms_metadata::Tx<'_>| tx.find_key(facts.address.region, facts.address.key_id);
    one.node
        .read(|tx| {
            let before = find(tx)?;
            one.node.write(|tx| tx.update_key(&facts, &KeyChange { enabled: Some(false), ..KeyChange::default() }))?;
            assert_eq!(find(tx)?, before);
            Ok(())
        })
        .unwrap();
    assert!(!one.node.read(find).unwrap().unwrap().facts.enabled);
}

#[test]
fn a_locked_key_is_busy_for_those_who_do_not_wait() {
    let one = one();
    let facts = one.node.with_key();
    let (region, key_id) = (facts.address.region, facts.address.key_id);
    let try_lock = |key_id| one.node.write(|tx| tx.try_lock_key(region, key_id)).unwrap();
    one.node
        .write(|tx| {
            assert_eq!(tx.lock_key(region, key_id)?.map(|row| row.facts.version), Some(1));
            assert_eq!(try_lock(key_id), TryLock::Busy);
            assert_eq!(try_lock(KeyId::random()), TryLock::Missing);
            Ok(())
        })
        .unwrap();
    assert!(matches!(try_lock(key_id), TryLock::Locked(row) if row.facts == facts));
}

#[test]
fn a_lock_that_was_waited_for_shows_what_its_holder_committed() {
    let one = one();
    let facts = one.node.with_key();
    let (region, key_id) = (facts.address.region, facts.address.key_id);
    let object = object_of(&facts);
    let (locked, is_locked) = mpsc::channel();
    thread::scope(|scope| {
        let (node, facts, object) = (&one.node, &facts, &object);
        scope.spawn(move || {
            node.write(|tx| {
                tx.lock_key(region, key_id)?;
                locked.send(()).unwrap();
                thread::sleep(Duration::from_millis(300));
                tx.insert_object(object)?;
                tx.mark_present(object.id)?;
                tx.update_key(facts, &KeyChange { material_changed: true, ..KeyChange::default() })
            })
            .unwrap();
        });
        is_locked.recv().unwrap();
        let row = node.write(|tx| tx.lock_key(region, key_id)).unwrap().unwrap();
        assert_eq!((row.facts.version, row.facts.materials[0].object), (2, Some(object.id)));
    });
}

#[test]
fn a_lock_that_is_not_free_in_time_is_a_lock_timeout() {
    let one = one();
    let facts = one.node.with_key();
    let (region, key_id) = (facts.address.region, facts.address.key_id);
    let begun = Instant::now();
    one.node
        .write(|tx| {
            tx.lock_key(region, key_id)?;
            let waited = one.node.write(|tx| tx.lock_key(region, key_id));
            assert_eq!(waited, Err(MetadataError::LockTimeout));
            Ok(())
        })
        .unwrap();
    assert!(begun.elapsed() < Duration::from_secs(10));
}

#[test]
fn a_key_is_deleted_only_when_its_objects_are_destroyed() {
    let one = one();
    let facts = key_facts();
    let (region, key_id) = (facts.address.region, facts.address.key_id);
    let object = object_of(&facts);
    let delete = || one.node.write(|tx| tx.delete_key(&facts));
    one.node.write(|tx| tx.insert_key(&facts, &[("a".into(), "b".into())])).unwrap();
    one.node.write(|tx| tx.insert_object(&object)).unwrap();
    assert_refused(delete(), "not destroyed");
    one.node.write(|tx| tx.condemn_of_key(&facts.address, None)).unwrap();
    assert_refused(delete(), "not destroyed");
    one.node.write(|tx| tx.mark_destroyed(object.id)).unwrap();
    delete().unwrap();
    assert_eq!(one.node.read(|tx| tx.find_key(region, key_id)).unwrap(), None);
    assert_eq!(one.node.read(|tx| tx.list_tags(region, key_id)).unwrap(), []);
    assert!(one.node.read(|tx| tx.find_object(object.id)).unwrap().is_some(), "the tombstone stays");
    assert_eq!(delete(), Err(MetadataError::VersionChanged));
}

#[test]
fn the_database_itself_keeps_a_key_whose_objects_are_not_destroyed() {
    let one = one();
    let facts = one.node.with_key();
    one.node.write(|tx| tx.insert_object(&object_of(&facts))).unwrap();
    let delete = "DO $$ BEGIN DELETE FROM key_materials; DELETE FROM keys; \
        EXCEPTION WHEN restrict_violation THEN RETURN; END $$";
    one.database.execute(delete);
    assert_eq!(one.database.execute("SELECT count(*)::text FROM keys").unwrap(), "1");
}

#[test]
fn keys_are_listed_by_the_text_of_their_ids_page_by_page() {
    let one = one();
    let other_account = AccountId::parse("999999999999").unwrap();
    let mut ids = Vec::new();
    for number in 0..5 {
        let mut facts = key_facts();
        facts.address = address();
        if number == 0 {
            facts.address.key_id = KeyId::from_parts([0xff; 16], true);
        }
        one.node.write(|tx| tx.insert_key(&facts, &[])).unwrap();
        ids.push(facts.address.key_id.to_string());
        facts.address.key_id = KeyId::random();
        facts.address.account = other_account;
        one.node.write(|tx| tx.insert_key(&facts, &[])).unwrap();
    }
    ids.sort();
    let key = address();
    let page = |after, limit| one.node.read(|tx| tx.list_keys(key.region, key.account, after, limit)).unwrap();
    let first = page(None, 3);
    let rest = page(first.last().copied(), 3);
    let listed: Vec<_> = first.iter().chain(&rest).map(KeyId::to_string).collect();
    assert_eq!((first.len(), listed), (3, ids));
}

#[test]
fn deletions_are_due_from_their_date_on() {
    let one = one();
    let mut addresses = Vec::new();
    for days in [2, 1, 3] {
        let mut facts = key_facts();
        facts.deletion_date = Some(NOW + Span::days(days));
        one.node.write(|tx| tx.insert_key(&facts, &[])).unwrap();
        addresses.push(facts.address);
    }
    one.node.with_key();
    let due = |now, limit| one.node.read(|tx| tx.due_deletions("default", now, limit)).unwrap();
    assert_eq!(due(NOW + Span::days(1) - Span::milliseconds(1), 9), []);
    assert_eq!(due(NOW + Span::days(2), 9), [addresses[1], addresses[0]]);
    assert_eq!(due(NOW + Span::days(9), 1), [addresses[1]]);
}
