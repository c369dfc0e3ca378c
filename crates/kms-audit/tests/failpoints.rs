//! Faults that no test can bring about on a sound disk. Failpoints are global, so each test holds a `FailScenario`,
//! which lets one run at a time.
#![expect(clippy::unwrap_used, reason = "the helpers of a test may panic as the test itself")]

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use fail::FailScenario;
use kms_audit::{AuditError, AuditLog, Durability, verify};

fn body(number: usize) -> Vec<u8> {
    format!(r#""number":{number}}}"#).into_bytes()
}

fn numbers(dir: &Path, file: u64) -> Vec<u64> {
    let text = std::fs::read_to_string(dir.join(format!("node-{file:06}.jsonl"))).unwrap();
    let records = text.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    records.filter_map(|record| record["number"].as_u64()).collect()
}

#[test]
fn nothing_counts_of_a_batch_that_fails_before_or_after_its_write() {
    let scenario = FailScenario::setup();
    let dir = tempfile::tempdir().unwrap();
    let log = AuditLog::open(dir.path(), "node", Durability::Write).unwrap();
    log.append(&[body(0)]).unwrap();
    for name in ["audit.before_write", "audit.after_write"] {
        fail::cfg(name, "return").unwrap();
        assert!(matches!(log.append(&[body(1), body(2)]), Err(AuditError::Write(_))), "{name}");
        fail::remove(name);
        assert_eq!(verify(dir.path()).unwrap().nodes[0].lines, 2, "{name}");
    }
    log.append(&[body(3)]).unwrap();
    assert_eq!(numbers(dir.path(), 1), [0, 3]);
    assert_eq!(verify(dir.path()).unwrap().first_break, None);
    scenario.teardown();
}

#[test]
fn after_a_failed_sync_the_chain_goes_on_in_a_new_file_from_the_last_durable_line() {
    let scenario = FailScenario::setup();
    let dir = tempfile::tempdir().unwrap();
    let log = AuditLog::open(dir.path(), "node", Durability::Fsync).unwrap();
    log.append(&[body(0)]).unwrap();
    fail::cfg("audit.sync", "return").unwrap();
    assert!(matches!(log.append(&[body(1)]), Err(AuditError::Sync(_))));
    assert!(matches!(log.append(&[body(2)]), Err(AuditError::Sync(_))));
    fail::remove("audit.sync");
    log.append(&[body(3)]).unwrap();

    let report = verify(dir.path()).unwrap();
    assert_eq!(report.first_break, None);
    assert_eq!((report.nodes[0].files, report.nodes[0].unanswered), (3, 2));
    assert_eq!(numbers(dir.path(), 3), [3]);
    drop(log);
    let log = AuditLog::open(dir.path(), "node", Durability::Fsync).unwrap();
    log.append(&[body(4)]).unwrap();
    assert_eq!(numbers(dir.path(), 3), [3, 4]);

    // A durable line of a file that was given up is still vouched for.
    let first = dir.path().join("node-000001.jsonl");
    let text = std::fs::read_to_string(&first).unwrap();
    std::fs::write(&first, text.replace("\"number\":0}", "\"number\":7}")).unwrap();
    assert!(verify(dir.path()).unwrap().first_break.is_some());
    scenario.teardown();
}

#[test]
fn service_resumes_when_the_next_file_can_be_begun_at_last() {
    let scenario = FailScenario::setup();
    let dir = tempfile::tempdir().unwrap();
    let log = AuditLog::open(dir.path(), "node", Durability::Fsync).unwrap();
    // A folder in the way of the draft stands for a disk that refuses new files.
    let obstacle = dir.path().join(".node-000002.new");
    std::fs::create_dir(&obstacle).unwrap();
    fail::cfg("audit.sync", "1*return").unwrap();
    assert!(matches!(log.append(&[body(0)]), Err(AuditError::Sync(_))));
    assert!(matches!(log.append(&[body(1)]), Err(AuditError::File { .. })));
    std::fs::remove_dir(&obstacle).unwrap();
    log.append(&[body(2)]).unwrap();
    assert_eq!(numbers(dir.path(), 2), [2]);
    assert_eq!(verify(dir.path()).unwrap().first_break, None);
    scenario.teardown();
}

#[test]
fn concurrent_durable_writers_share_a_sync() {
    let scenario = FailScenario::setup();
    let dir = tempfile::tempdir().unwrap();
    let log = AuditLog::open(dir.path(), "node", Durability::Fsync).unwrap();
    let syncs = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&syncs);
    fail::cfg_callback("audit.sync", move || {
        counted.fetch_add(1, Ordering::Relaxed);
        thread::sleep(Duration::from_millis(20));
    })
    .unwrap();
    thread::scope(|scope| {
        for writer in 0..8 {
            let log = &log;
            scope.spawn(move || (0..5).for_each(|_| log.append(&[body(writer)]).unwrap()));
        }
    });
    assert_eq!(numbers(dir.path(), 1).len(), 40);
    let syncs = syncs.load(Ordering::Relaxed);
    assert!((5..=20).contains(&syncs), "40 appends took {syncs} syncs");
    scenario.teardown();
}

#[test]
fn every_writer_that_a_failed_sync_was_for_is_told() {
    const WRITERS: usize = 16;
    let scenario = FailScenario::setup();
    let dir = tempfile::tempdir().unwrap();
    let log = AuditLog::open(dir.path(), "node", Durability::Fsync).unwrap();
    // The sync waits until all have written, so some belong to its own group and some to the next.
    let watched = dir.path().to_owned();
    fail::cfg_callback("audit.before_sync", move || {
        while numbers(&watched, 1).len() < WRITERS {
            thread::sleep(Duration::from_millis(1));
        }
    })
    .unwrap();
    fail::cfg("audit.sync", "1*return").unwrap();
    thread::scope(|scope| {
        for number in 0..WRITERS {
            let log = &log;
            scope.spawn(move || assert!(matches!(log.append(&[body(number)]), Err(AuditError::Sync(_)))));
        }
    });
    log.append(&[body(99)]).unwrap();
    let report = verify(dir.path()).unwrap();
    assert_eq!(report.first_break, None);
    assert_eq!(report.nodes[0].unanswered, WRITERS as u64, "they were written, and nobody was told that they count");
    assert_eq!(numbers(dir.path(), 2), [99]);
    scenario.teardown();
}

#[test]
fn what_could_not_be_cut_at_once_is_cut_before_the_next_write() {
    let scenario = FailScenario::setup();
    let dir = tempfile::tempdir().unwrap();
    let log = AuditLog::open(dir.path(), "node", Durability::Write).unwrap();
    fail::cfg("audit.after_write", "1*return").unwrap();
    fail::cfg("audit.truncate", "2*return").unwrap();
    assert!(matches!(log.append(&[body(1), body(2)]), Err(AuditError::Write(_))));
    assert_eq!(numbers(dir.path(), 1), [1, 2], "the cut failed");
    assert!(matches!(log.append(&[body(3)]), Err(AuditError::Write(_))), "nothing is written before the cut");
    log.append(&[body(4)]).unwrap();
    assert_eq!(numbers(dir.path(), 1), [4]);
    assert_eq!(verify(dir.path()).unwrap().first_break, None);
    scenario.teardown();
}
