//! A disk that takes no more. The limit on the size of files (`RLIMIT_FSIZE`) belongs to the whole process, so this
//! file holds one test alone.
#![expect(clippy::unwrap_used, reason = "the helpers of a test may panic as the test itself")]

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use kms_audit::{AuditError, AuditLog, Durability, verify};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

const SIGXFSZ: i32 = rustix::process::Signal::XFSZ.as_raw();

fn body(number: usize) -> Vec<u8> {
    format!(r#""number":{number},"padding":"{}"}}"#, "p".repeat(200)).into_bytes()
}

fn limit_file_size(bytes: Option<u64>) {
    let maximum = getrlimit(Resource::Fsize).maximum;
    setrlimit(Resource::Fsize, Rlimit { current: bytes.or(maximum), maximum }).unwrap();
}

const NOON: time::OffsetDateTime = time::macros::datetime!(2026-11-24 12:00 UTC);

#[test]
fn a_full_disk_refuses_whole_batches_and_service_resumes_when_there_is_room() {
    // With a handler in place the write fails instead of ending the process.
    signal_hook::flag::register(SIGXFSZ, Arc::new(AtomicBool::new(false))).unwrap();
    a_growing_file();
    a_file_with_space_ahead();
}

fn a_growing_file() {
    let dir = tempfile::tempdir().unwrap();
    let log = AuditLog::open(dir.path(), "node", Durability::Write).unwrap();
    log.append(&[body(0)]).unwrap();
    let file = dir.path().join("node-000001.jsonl");
    let good = std::fs::read(&file).unwrap();

    // There is room for one record and a half of the three.
    limit_file_size(Some(good.len() as u64 + 500));
    let partly = log.append(&[body(1), body(2), body(3)]);
    let length = std::fs::metadata(&file).unwrap().len();
    limit_file_size(Some(good.len() as u64));
    let not_at_all = log.append(&[body(4)]);
    let tended = log.tend(NOON);
    let unchanged = std::fs::read(&file).unwrap();
    limit_file_size(None);

    assert!(matches!(partly, Err(AuditError::ShortWrite { written: 500, .. })), "{partly:?}");
    assert!(matches!(not_at_all, Err(AuditError::Write(_))), "{not_at_all:?}");
    assert!(matches!(tended, Err(AuditError::Write(_))), "{tended:?}");
    assert_eq!(length, good.len() as u64, "the part that was written is cut");
    assert_eq!(unchanged, good);
    goes_on(&log, dir.path(), 2);
}

fn a_file_with_space_ahead() {
    let dir = tempfile::tempdir().unwrap();
    let log = AuditLog::open(dir.path(), "node", Durability::Durable).unwrap().with_file_size(64 << 10);
    log.append(&[body(0)]).unwrap();
    let file = dir.path().join("node-000001.jsonl");
    let good = std::fs::read(&file).unwrap();

    limit_file_size(Some(good.len() as u64));
    let too_much: Vec<_> = (1..=4).flat_map(|_| std::iter::repeat_n(body(1), 20)).collect();
    let refused = [log.append(&too_much), log.append(&too_much)];
    let unchanged = std::fs::read(&file).unwrap();
    // Space made ahead is there.
    let within_its_space = (0..100).take_while(|_| log.append(&[body(2)]).is_ok()).count();
    let tended = log.tend(NOON);
    limit_file_size(None);

    assert!(refused.iter().all(|refused| matches!(refused, Err(AuditError::Write(_)))), "{refused:?}");
    assert!(matches!(tended, Err(AuditError::Write(_))), "{tended:?}");
    assert_eq!(unchanged, good);
    assert_eq!(within_its_space, 2);
    goes_on(&log, dir.path(), 3);
}

/// With room again records are written, and one tells how many batches were refused.
fn goes_on(log: &AuditLog, dir: &std::path::Path, refused: u64) {
    log.append(&[body(5)]).unwrap();
    log.tend(NOON).unwrap();
    assert_eq!(verify(dir).unwrap().first_break, None);
    let text = std::fs::read_to_string(dir.join("node-000001.jsonl")).unwrap();
    assert!(text.contains("\"number\":5,") && !text.contains("\"number\":1,") && !text.contains("\"number\":4,"));
    let told: Vec<&str> = text.lines().filter(|line| line.contains("interrupted")).collect();
    assert_eq!(told.len(), 1);
    let told: serde_json::Value = serde_json::from_str(told[0]).unwrap();
    assert_eq!((&told["recordType"], &told["count"]), (&"interrupted".into(), &refused.into()));
}
