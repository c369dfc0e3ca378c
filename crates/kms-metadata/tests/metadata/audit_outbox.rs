//! Audit records that are committed with their change.

use kms_metadata::MetadataError;
use uuid::Uuid;

use std::time::Duration;

use crate::fixture::{One, assert_refused, node_with_lease, one};

/// A record of this node, so many seconds old.
fn record_of(one: &One, node: &str, age: u32) -> Uuid {
    let event = Uuid::new_v4();
    one.database
        .execute(&format!(
            "WITH made AS (INSERT INTO audit_outbox (event_id, request_id, record, node, created_at) \
             VALUES ('{event}', 'r', '{{}}', '{node}', now() - interval '{age} s') RETURNING 1) \
             SELECT count(*)::text FROM made"
        ))
        .unwrap();
    event
}

#[test]
fn a_node_takes_its_own_records_at_once_those_of_the_dead_after_a_minute_and_any_after_ten() {
    let one = one();
    let living = node_with_lease(&one.database, Duration::from_secs(5));
    let (own, peer) = (format!("node {}", one.node.node_id), format!("node {}", living.node_id));
    let taken =
        [record_of(&one, &own, 0), record_of(&one, "gone", 61), record_of(&one, &peer, 601), record_of(&one, &own, 9)];
    let left = [record_of(&one, "gone", 50), record_of(&one, &peer, 590)];
    let rows = one.node.write(|tx| tx.lock_audit(100)).unwrap();
    assert_eq!(rows.iter().map(|row| row.event_id).collect::<Vec<_>>(), taken);
    assert_eq!((rows[1].node.as_str(), rows[1].record.as_str()), ("gone", "{}"));
    one.node.write(|tx| tx.delete_audit(&taken)).unwrap();
    assert!(one.node.write(|tx| tx.lock_audit(100)).unwrap().is_empty());
    let mut expected = left.map(|id| id.to_string());
    expected.sort();
    let rest = "SELECT string_agg(event_id::text, ' ' ORDER BY event_id::text) FROM audit_outbox";
    assert_eq!(one.database.execute(rest).unwrap(), expected.join(" "));
}

#[test]
fn of_two_nodes_that_look_at_once_one_gets_a_record() {
    let one = one();
    let other = node_with_lease(&one.database, Duration::from_secs(5));
    record_of(&one, "gone", 61);
    one.node
        .write(|tx| {
            assert_eq!(tx.lock_audit(100)?.len(), 1);
            assert!(other.write(|tx| tx.lock_audit(100))?.is_empty());
            Ok(())
        })
        .unwrap();
}

#[test]
fn records_are_kept_in_order_with_the_node_that_wrote_them() {
    let one = one();
    for record in ["{\"a\":1}", "{\"b\":\"ä\"}"] {
        one.node.write(|tx| tx.insert_audit(Uuid::new_v4(), "request", record.as_bytes())).unwrap();
    }
    one.node.write(|tx| tx.insert_audit(Uuid::new_v4(), "another", b"{}")).unwrap();
    let records = one.node.read(|tx| tx.audit_records("request")).unwrap();
    assert_eq!(records, ["{\"a\":1}", "{\"b\":\"ä\"}"]);
    let node = one.database.execute("SELECT DISTINCT node FROM audit_outbox").unwrap();
    assert_eq!(node, format!("node {}", one.node.node_id));
}

#[test]
fn an_event_is_recorded_once_and_only_with_its_change() {
    let one = one();
    let event = Uuid::new_v4();
    let rolled_back: Result<(), MetadataError> = one.node.write(|tx| {
        tx.insert_audit(event, "request", b"{}")?;
        Err(MetadataError::NotFound)
    });
    assert_eq!(rolled_back, Err(MetadataError::NotFound));
    assert!(one.node.read(|tx| tx.audit_records("request")).unwrap().is_empty());
    let insert = || one.node.write(|tx| tx.insert_audit(event, "request", b"{}"));
    insert().unwrap();
    assert_eq!(insert(), Err(MetadataError::AlreadyExists("audit_outbox_event_id_key".into())));
}

#[test]
fn a_record_is_text() {
    let one = one();
    assert_refused(one.node.write(|tx| tx.insert_audit(Uuid::new_v4(), "request", &[0xff])), "UTF-8");
}
