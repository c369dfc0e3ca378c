//! Audit records that are committed with their change.

use kms_metadata::MetadataError;
use uuid::Uuid;

use crate::fixture::{assert_refused, one};

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
