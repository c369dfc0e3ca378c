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

#[test]
fn a_full_disk_refuses_whole_batches_and_service_resumes_when_there_is_room() {
    // With a handler in place the write fails instead of ending the process.
    signal_hook::flag::register(SIGXFSZ, Arc::new(AtomicBool::new(false))).unwrap();
    let dirs = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    for (dir, durability) in dirs.iter().zip([Durability::Write, Durability::Fsync]) {
        let log = AuditLog::open(dir.path(), "node", durability).unwrap();
        log.append(&[body(0)]).unwrap();
        let file = dir.path().join("node-000001.jsonl");
        let good = std::fs::read(&file).unwrap();

        // There is room for one record and a half of the three.
        limit_file_size(Some(good.len() as u64 + 500));
        let partly = log.append(&[body(1), body(2), body(3)]);
        let length = std::fs::metadata(&file).unwrap().len();
        limit_file_size(Some(good.len() as u64));
        let not_at_all = log.append(&[body(4)]);
        let unchanged = std::fs::read(&file).unwrap();
        limit_file_size(None);

        assert!(matches!(partly, Err(AuditError::ShortWrite { written: 500, .. })), "{partly:?}");
        assert!(matches!(not_at_all, Err(AuditError::Write(_))), "{not_at_all:?}");
        assert_eq!(length, good.len() as u64, "the part that was written is cut");
        assert_eq!(unchanged, good);

        log.append(&[body(5)]).unwrap();
        let report = verify(dir.path()).unwrap();
        assert_eq!((report.first_break, report.nodes[0].lines), (None, 3));
        let text = std::fs::read_to_string(&file).unwrap();
        assert!(text.contains("\"number\":5,") && !text.contains("\"number\":1,") && !text.contains("\"number\":4,"));
    }
}
