//! Records that are appended late: looked for first, marked, and counted when two lines tell of one event.

use std::collections::HashSet;

use kms_audit::{AuditLog, Durability, late_body, verify};
use uuid::Uuid;

use crate::open;

fn record(event: Uuid) -> String {
    format!(r#"{{"eventName":"DisableKey","eventID":"{event}","requestParameters":{{"eventID":"{}"}}}}"#, Uuid::nil())
}

fn body(event: Uuid) -> Vec<u8> {
    record(event)[1..].into()
}

#[test]
fn what_the_files_hold_is_found_whatever_file_it_is_in() {
    let dir = tempfile::tempdir().unwrap();
    let events: Vec<Uuid> = (0..3).map(|_| Uuid::new_v4()).collect();
    open(dir.path()).append(&[body(events[0]), br#""other":1}"#.to_vec()]).unwrap();
    open(dir.path()).with_file_size(1).append(&[body(events[1])]).unwrap();
    AuditLog::open(dir.path(), "other", Durability::Write).unwrap().append(&[body(events[2])]).unwrap();
    let wanted: HashSet<Uuid> = events.iter().copied().chain([Uuid::nil()]).collect();
    let found = open(dir.path()).find(&wanted).unwrap();
    assert_eq!(found, HashSet::from([events[0], events[1]]), "neither another node's nor what a caller sent");
}

#[test]
fn two_lines_of_one_event_are_told() {
    let dir = tempfile::tempdir().unwrap();
    let (once, twice) = (Uuid::new_v4(), Uuid::new_v4());
    let dead = AuditLog::open(dir.path(), "dead", Durability::Write).unwrap();
    dead.append(&[body(twice)]).unwrap();
    let bodies = [once, twice].map(|event| late_body(&record(event), Some("dead")).unwrap());
    open(dir.path()).append(&bodies).unwrap();
    let report = verify(dir.path()).unwrap();
    assert_eq!((report.late, report.doubles, report.first_break), (2, 1, None));
}
