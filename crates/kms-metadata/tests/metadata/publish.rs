//! Publish and lease between nodes on one database (design.md 6, object-protocol.md 5).

use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use kms_metadata::KeyChange;
use uuid::Uuid;

use crate::fixture::{database, eventually, key_facts, node_with_lease, object_of, start};

const LEASE: Duration = Duration::from_secs(5);
const SHORT: Duration = Duration::from_millis(1200);

fn disable() -> KeyChange {
    KeyChange { enabled: Some(false), ..KeyChange::default() }
}

#[test]
fn when_a_change_returns_every_node_has_dropped_the_key() {
    let database = database();
    let nodes: Vec<_> = (0..3).map(|_| node_with_lease(&database, LEASE)).collect();
    let mut facts = key_facts();
    nodes[0].write(|tx| tx.insert_key(&facts, &[])).unwrap();
    for round in 0..20 {
        let publisher = &nodes[round % 3];
        let heard: Vec<_> = nodes.iter().map(|node| node.notes.heard_of(&facts.address)).collect();
        let begun = Instant::now();
        publisher.write(|tx| tx.update_key(&facts, &disable())).unwrap();
        for (number, node) in nodes.iter().enumerate() {
            assert!(node.notes.heard_of(&facts.address) > heard[number], "node {number} in round {round}");
        }
        assert!(begun.elapsed() < LEASE / 2, "acknowledged, not waited out: {:?}", begun.elapsed());
        facts.version += 1;
    }
}

#[test]
fn changes_to_objects_and_materials_are_published_as_changes_of_their_key() {
    let database = database();
    let (here, there) = (node_with_lease(&database, LEASE), node_with_lease(&database, LEASE));
    let facts = here.with_key();
    let object = object_of(&facts);
    here.write(|tx| tx.insert_object(&object)).unwrap();
    let steps: [&dyn Fn(); 4] = [
        &|| assert!(here.write(|tx| tx.mark_present(object.id)).unwrap()),
        &|| assert!(here.write(|tx| tx.condemn(object.id)).unwrap()),
        &|| assert_eq!(here.write(|tx| tx.condemn_of_key(&facts.address, None)).unwrap(), [object.id]),
        &|| here.write(|tx| tx.put_material(&facts.address, &facts.materials[0])).unwrap(),
    ];
    for (number, step) in steps.iter().enumerate() {
        let heard = there.notes.heard_of(&facts.address);
        step();
        assert_eq!(there.notes.heard_of(&facts.address), heard + 1, "step {number}");
    }
}

#[test]
fn what_is_read_or_rolled_back_is_not_published() {
    let database = database();
    let (here, there) = (node_with_lease(&database, LEASE), node_with_lease(&database, LEASE));
    let facts = here.with_key();
    let heard = there.notes.heard_of(&facts.address);
    let missed = here.write(|tx| {
        tx.update_key(&facts, &disable())?;
        tx.update_key(&facts, &disable())
    });
    assert_eq!(missed, Err(kms_metadata::MetadataError::VersionChanged));
    here.read(|tx| tx.find_key(facts.address.region, facts.address.key_id)).unwrap();
    let other = here.with_key();
    eventually("a later change", || there.notes.heard_of(&other.address) > 0);
    assert_eq!(there.notes.heard_of(&facts.address), heard);
}

#[test]
fn a_lone_node_waits_for_nothing() {
    let database = database();
    let node = node_with_lease(&database, LEASE);
    let begun = Instant::now();
    for _ in 0..10 {
        node.with_key();
    }
    assert!(begun.elapsed() < LEASE / 2);
}

#[test]
fn a_dead_node_delays_a_change_by_its_lease_and_no_longer() {
    let database = database();
    let node = node_with_lease(&database, LEASE);
    database.execute(&format!(
        "INSERT INTO nodes VALUES ('{}', '{}', now() + interval '900 ms', 'dead')",
        Uuid::new_v4(),
        Uuid::new_v4()
    ));
    let begun = Instant::now();
    let facts = node.with_key();
    assert!(begun.elapsed() > Duration::from_millis(500), "its lease was waited for: {:?}", begun.elapsed());
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
    let begun = Instant::now();
    node.write(|tx| tx.update_key(&facts, &disable())).unwrap();
    assert!(begun.elapsed() < Duration::from_millis(500), "its lease is over: {:?}", begun.elapsed());
}

#[test]
fn a_row_that_never_ends_is_waited_for_no_longer_than_a_lease_and_a_second() {
    let database = database();
    let node = node_with_lease(&database, SHORT);
    database.execute(&format!(
        "INSERT INTO nodes VALUES ('{}', '{}', now() + interval '1 hour', 'odd')",
        Uuid::new_v4(),
        Uuid::new_v4()
    ));
    let begun = Instant::now();
    node.with_key();
    assert!(begun.elapsed() >= SHORT, "{:?}", begun.elapsed());
    assert!(begun.elapsed() < SHORT + Duration::from_secs(3), "{:?}", begun.elapsed());
}

#[test]
fn the_row_of_a_node_never_ends_before_its_own_lease() {
    let database = database();
    let node = node_with_lease(&database, SHORT);
    let until = Instant::now() + 2 * SHORT;
    while Instant::now() < until {
        let row_holds = database.execute("SELECT (lease_until > now())::text FROM nodes").unwrap() == "true";
        assert!(row_holds || !node.holds_lease());
    }
    assert!(node.holds_lease(), "heartbeats keep it alive over two leases");
}

#[test]
fn a_stopped_node_gives_its_lease_up_and_nobody_waits_for_it() {
    let database = database();
    let (here, gone) = (node_with_lease(&database, LEASE), node_with_lease(&database, LEASE));
    assert!(gone.holds_lease());
    gone.metadata.stop();
    assert!(!gone.holds_lease(), "its own lease ends at once");
    let begun = Instant::now();
    here.with_key();
    assert!(begun.elapsed() < LEASE / 2);
    let facts = gone.with_key();
    assert!(here.notes.heard_of(&facts.address) > 0, "its transactions still work and are published");
}

#[test]
fn the_last_clone_ends_the_listener() {
    let database = database();
    let node = node_with_lease(&database, LEASE);
    let clone = node.metadata.clone();
    drop(node);
    assert!(clone.ping().is_ok());
    drop(clone);
    let listeners = "SELECT count(*)::text FROM pg_stat_activity \
        WHERE datname = current_database() AND application_name = 'strongroom listener'";
    eventually("the listener's connection ends", || database.execute(listeners).unwrap() == "0");
    assert_eq!(database.execute("SELECT (lease_until > now())::text FROM nodes").unwrap(), "false");
}

#[test]
fn a_restarted_node_takes_its_row_over_and_the_process_before_it_loses_its_lease() {
    let database = database();
    let here = node_with_lease(&database, LEASE);
    let old = node_with_lease(&database, SHORT);
    let new = start(&database, old.node_id, SHORT).unwrap();
    eventually("the old process loses its lease", || !old.holds_lease());
    thread::sleep(SHORT);
    assert!(new.holds_lease() && !old.holds_lease());
    let begun = Instant::now();
    here.with_key();
    assert!(begun.elapsed() < SHORT, "only the new process is waited for, and it acknowledges");
    assert_eq!(database.execute("SELECT count(*)::text FROM nodes").unwrap(), "2");
}

#[test]
fn a_node_begins_with_a_flush_and_a_lease_that_holds() {
    let database = database();
    let node = node_with_lease(&database, LEASE);
    assert!(node.holds_lease());
    assert_eq!(node.notes.flushes.load(Ordering::SeqCst), 1);
}

#[test]
fn a_change_of_very_many_keys_flushes_the_others() {
    let database = database();
    let (here, there) = (node_with_lease(&database, LEASE), node_with_lease(&database, LEASE));
    let flushes = there.notes.flushes.load(Ordering::SeqCst);
    here.write(|tx| (0..200).try_for_each(|_| tx.insert_key(&key_facts(), &[]))).unwrap();
    assert_eq!(there.notes.flushes.load(Ordering::SeqCst), flushes + 1);
}

#[test]
fn a_foreign_notification_flushes_and_harms_nothing() {
    let database = database();
    let node = node_with_lease(&database, LEASE);
    let flushes = node.notes.flushes.load(Ordering::SeqCst);
    database.execute("NOTIFY kms_change, 'nonsense'");
    eventually("a flush", || node.notes.flushes.load(Ordering::SeqCst) > flushes);
    node.with_key();
    assert!(node.holds_lease());
}

#[test]
fn many_publishers_at_once_all_get_their_acknowledgements() {
    let database = database();
    let nodes: Vec<_> = (0..2).map(|_| node_with_lease(&database, LEASE)).collect();
    let begun = Instant::now();
    thread::scope(|scope| {
        for node in &nodes {
            for _ in 0..4 {
                scope.spawn(move || (0..5).for_each(|_| drop(node.with_key())));
            }
        }
    });
    assert!(begun.elapsed() < LEASE, "{:?}", begun.elapsed());
}
