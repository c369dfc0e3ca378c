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
    let records =
        text.trim_end_matches('\0').lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
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
fn after_a_failed_write_the_chain_goes_on_in_a_new_file_from_the_last_durable_line() {
    let scenario = FailScenario::setup();
    let dir = tempfile::tempdir().unwrap();
    let log = AuditLog::open(dir.path(), "node", Durability::Durable).unwrap();
    log.append(&[body(0)]).unwrap();
    fail::cfg("audit.after_write", "return").unwrap();
    assert!(matches!(log.append(&[body(1)]), Err(AuditError::NotDurable(_))));
    assert!(matches!(log.append(&[body(2)]), Err(AuditError::NotDurable(_))));
    fail::remove("audit.after_write");
    log.append(&[body(3)]).unwrap();

    let report = verify(dir.path()).unwrap();
    assert_eq!(report.first_break, None);
    assert_eq!((report.nodes[0].files, report.nodes[0].unanswered), (3, 2));
    assert_eq!(numbers(dir.path(), 3), [3]);
    drop(log);
    let log = AuditLog::open(dir.path(), "node", Durability::Durable).unwrap();
    log.append(&[body(4)]).unwrap();
    assert_eq!(numbers(dir.path(), 3), [3, 4]);

    // A durable line of a file that was given up is still vouched for.
    let first = dir.path().join("node-000001.jsonl");
    let text = std::fs::read_to_string(&first).unwrap();
    assert!(text.ends_with('\0'), "what space it had stays with a file that was given up");
    std::fs::write(&first, text.replace("\"number\":0}", "\"number\":7}")).unwrap();
    assert!(verify(dir.path()).unwrap().first_break.is_some());
    scenario.teardown();
}

#[test]
fn service_resumes_when_the_next_file_can_be_begun_at_last() {
    let scenario = FailScenario::setup();
    let dir = tempfile::tempdir().unwrap();
    let log = AuditLog::open(dir.path(), "node", Durability::Durable).unwrap();
    // A folder in the way of the draft stands for a disk that refuses new files.
    let obstacle = dir.path().join(".node-000002.new");
    std::fs::create_dir(&obstacle).unwrap();
    fail::cfg("audit.after_write", "1*return").unwrap();
    assert!(matches!(log.append(&[body(0)]), Err(AuditError::NotDurable(_))));
    assert!(matches!(log.append(&[body(1)]), Err(AuditError::File { .. })));
    std::fs::remove_dir(&obstacle).unwrap();
    log.append(&[body(2)]).unwrap();
    assert_eq!(numbers(dir.path(), 2), [2]);
    assert_eq!(verify(dir.path()).unwrap().first_break, None);
    scenario.teardown();
}

#[test]
fn concurrent_durable_writers_share_a_write() {
    let scenario = FailScenario::setup();
    let dir = tempfile::tempdir().unwrap();
    let log = AuditLog::open(dir.path(), "node", Durability::Durable).unwrap();
    let writes = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&writes);
    fail::cfg_callback("audit.before_write", move || {
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
    let writes = writes.load(Ordering::Relaxed);
    assert!((5..=20).contains(&writes), "40 appends took {writes} writes");
    scenario.teardown();
}

#[test]
fn every_writer_of_a_failed_write_is_told_and_those_behind_it_come_into_the_next_file() {
    const WRITERS: usize = 16;
    let scenario = FailScenario::setup();
    let dir = tempfile::tempdir().unwrap();
    let log = AuditLog::open(dir.path(), "node", Durability::Durable).unwrap();
    fail::cfg_callback("audit.before_write", || thread::sleep(Duration::from_millis(50))).unwrap();
    // The first write passes; the second, for all that came meanwhile, fails.
    fail::cfg("audit.after_write", "1*off->1*return->off").unwrap();
    let outcomes: Vec<_> = thread::scope(|scope| {
        let log = &log;
        let writers: Vec<_> = (0..WRITERS).map(|number| scope.spawn(move || log.append(&[body(number)]))).collect();
        writers.into_iter().map(|writer| writer.join().unwrap()).collect()
    });
    log.append(&[body(99)]).unwrap();
    let told: Vec<u64> =
        (0..).zip(&outcomes).filter(|(_, outcome)| outcome.is_err()).map(|(number, _)| number).collect();
    assert!(told.len() >= 2, "one write was for several: {outcomes:?}");
    let report = verify(dir.path()).unwrap();
    assert_eq!((report.first_break, report.nodes[0].unanswered), (None, told.len() as u64));
    let mut kept = numbers(dir.path(), 1);
    kept.extend(numbers(dir.path(), 2));
    for number in 0..WRITERS as u64 {
        let times = kept.iter().filter(|kept| **kept == number).count();
        assert_eq!(times, 1, "{number} of {kept:?}");
    }
    assert!(numbers(dir.path(), 2).iter().all(|number| !told.contains(number)));
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
