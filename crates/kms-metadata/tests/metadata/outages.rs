//! Connections that end, and a Postgres that refuses.

use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use kms_metadata::{KeyChange, MetadataError};
use kms_test::TestDatabase;

use crate::fixture::{TestNode, database, eventually, node_with_lease, one, start};

const SHORT: Duration = Duration::from_millis(1200);

/// Ends the connections of this name.
fn end_connections(database: &TestDatabase, application: &str) {
    database.execute(&format!(
        "SELECT count(pg_terminate_backend(pid, 5000))::text FROM pg_stat_activity \
         WHERE datname = current_database() AND application_name = '{application}'"
    ));
}

fn disable(node: &TestNode, facts: &kms_core::KeyFacts) -> Result<(), MetadataError> {
    node.write(|tx| tx.update_key(facts, &KeyChange { enabled: Some(false), ..KeyChange::default() }))
}

#[test]
fn a_pool_whose_connections_were_all_closed_recovers_unnoticed() {
    let one = one();
    let facts = one.node.with_key();
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                one.node
                    .read(|_| {
                        thread::sleep(Duration::from_millis(200));
                        Ok(())
                    })
                    .unwrap()
            });
        }
    });
    end_connections(&one.database, "strongroom");
    one.node.read(|tx| tx.find_key(facts.address.region, facts.address.key_id)).unwrap().unwrap();
    end_connections(&one.database, "strongroom");
    disable(&one.node, &facts).unwrap();
    end_connections(&one.database, "strongroom");
    one.node.metadata.ping().unwrap();
}

#[test]
fn a_connection_that_ends_within_a_transaction_is_unavailable_and_nothing_is_committed() {
    let one = one();
    let facts = one.node.with_key();
    let find = || one.node.read(|tx| tx.find_key(facts.address.region, facts.address.key_id)).unwrap().unwrap().facts;
    let outcome = one.node.write(|tx| {
        tx.update_key(&facts, &KeyChange { enabled: Some(false), ..KeyChange::default() })?;
        end_connections(&one.database, "strongroom");
        tx.list_tags(facts.address.region, facts.address.key_id)
    });
    assert!(matches!(outcome, Err(MetadataError::Unavailable(_))), "{outcome:?}");
    assert_eq!(find(), facts);
    disable(&one.node, &facts).unwrap();
    assert_eq!(find().version, 2);
}

#[test]
fn a_connection_that_ends_just_before_commit_leaves_the_outcome_open() {
    let one = one();
    let facts = one.node.with_key();
    let outcome = one.node.write(|tx| {
        tx.insert_object(&crate::fixture::object_of(&facts))?;
        end_connections(&one.database, "strongroom");
        Ok(())
    });
    assert!(matches!(outcome, Err(MetadataError::OutcomeUnknown(_))), "{outcome:?}");
    let objects = one.node.read(|tx| tx.objects_of_key(facts.address.region, facts.address.key_id)).unwrap();
    assert_eq!(objects, []);
}

/// Waits until a statement of the pool's connections is being worked on, then runs this over its backend's id.
fn while_it_runs(database: &TestDatabase, words: &str, end: &str) {
    let sql = format!(
        "SELECT {end}::text FROM pg_stat_activity WHERE datname = current_database() \
         AND application_name = 'strongroom' AND state = 'active' AND {words}"
    );
    eventually("a statement that runs", || {
        let counted = sql.replacen(end, "count(*)", 1);
        database.execute(&counted).as_deref().is_some_and(|count| count != "0")
    });
    database.execute(&sql);
}

#[test]
fn a_connection_that_ends_within_a_statement_is_unavailable() {
    let one = one();
    let facts = one.node.with_key();
    let (region, key_id) = (facts.address.region, facts.address.key_id);
    let outcome = one.node.write(|tx| {
        tx.lock_key(region, key_id)?;
        Ok(thread::scope(|scope| {
            let waiting = scope.spawn(|| one.node.write(|tx| tx.lock_key(region, key_id)));
            while_it_runs(&one.database, "wait_event_type = 'Lock'", "pg_terminate_backend(pid, 5000)");
            waiting.join().unwrap()
        }))
    });
    assert!(matches!(outcome, Ok(Err(MetadataError::Unavailable(_)))), "{outcome:?}");
}

#[test]
fn a_connection_that_ends_within_a_commit_leaves_the_outcome_open() {
    let one = one();
    let facts = one.node.with_key();
    one.database.execute(
        "CREATE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(30); RETURN NULL; END'",
    );
    one.database.execute(
        "CREATE CONSTRAINT TRIGGER dawdle AFTER UPDATE ON keys DEFERRABLE INITIALLY DEFERRED \
         FOR EACH ROW EXECUTE FUNCTION dawdle()",
    );
    let outcome = thread::scope(|scope| {
        let committing = scope.spawn(|| disable(&one.node, &facts));
        while_it_runs(&one.database, "query = 'COMMIT'", "pg_terminate_backend(pid, 5000)");
        committing.join().unwrap()
    });
    assert!(matches!(outcome, Err(MetadataError::OutcomeUnknown(_))), "{outcome:?}");
}

#[test]
fn the_lock_of_a_process_that_dies_is_free_again() {
    let one = one();
    let facts = one.node.with_key();
    let (region, key_id) = (facts.address.region, facts.address.key_id);
    let outcome = one.node.write(|tx| {
        tx.lock_key(region, key_id)?;
        end_connections(&one.database, "strongroom");
        assert!(one.node.write(|tx| tx.lock_key(region, key_id))?.is_some());
        tx.lock_key(region, key_id)
    });
    assert!(matches!(outcome, Err(MetadataError::Unavailable(_))), "{outcome:?}");
}

#[test]
fn a_listener_that_lost_its_connection_flushes_and_goes_on() {
    let database = database();
    let (here, there) = (node_with_lease(&database, SHORT), node_with_lease(&database, SHORT));
    let facts = here.with_key();
    let flushes = there.notes.flushes.load(Ordering::SeqCst);
    end_connections(&database, "strongroom listener");
    eventually("a flush after coming back", || there.notes.flushes.load(Ordering::SeqCst) > flushes);
    eventually("a lease again", || here.holds_lease() && there.holds_lease());
    let heard = there.notes.heard_of(&facts.address);
    disable(&here, &facts).unwrap();
    assert_eq!(there.notes.heard_of(&facts.address), heard + 1);
}

#[test]
fn the_lease_of_a_node_whose_listener_is_cut_off_ends_and_a_change_waits_for_that() {
    let database = database();
    let here = node_with_lease(&database, SHORT);
    let cut_off = node_with_lease(&database, SHORT);
    let facts = here.with_key();
    let elsewhere = TestDatabase::new();
    let allow = |word: &str| {
        elsewhere.execute(&format!("ALTER DATABASE {} ALLOW_CONNECTIONS {word}", database.name()));
    };
    // The publisher's pooled connection stays; nobody can connect anew, so no listener comes back.
    let heard = cut_off.notes.heard_of(&facts.address);
    here.write(|tx| {
        tx.update_key(&facts, &KeyChange { enabled: Some(false), ..KeyChange::default() })?;
        allow("false");
        elsewhere.execute(&format!(
            "SELECT count(pg_terminate_backend(pid, 5000))::text FROM pg_stat_activity \
             WHERE datname = '{}' AND application_name = 'strongroom listener'",
            database.name()
        ));
        assert!(cut_off.holds_lease(), "it may serve what it has cached for a while");
        Ok(())
    })
    .unwrap();
    assert_eq!(cut_off.notes.heard_of(&facts.address), heard, "the node was cut off");
    assert!(!cut_off.holds_lease(), "the change returned while the node may serve what it has cached");
    eventually("the lease ends", || !cut_off.holds_lease());
    allow("true");
    eventually("the lease is held again", || cut_off.holds_lease() && here.holds_lease());
}

#[test]
fn without_a_schema_or_without_a_server_a_node_does_not_start() {
    let empty = TestDatabase::new();
    let started = start(&empty, uuid::Uuid::new_v4(), SHORT).map(drop);
    assert!(matches!(&started, Err(MetadataError::Other(text)) if text.contains("nodes")), "{started:?}");
    let gone = TestDatabase::new();
    let maintenance = TestDatabase::new();
    maintenance.execute(&format!("DROP DATABASE {}", gone.name()));
    let started = start(&gone, uuid::Uuid::new_v4(), SHORT).map(drop);
    assert!(matches!(started, Err(MetadataError::Unavailable(_))), "{started:?}");
}
