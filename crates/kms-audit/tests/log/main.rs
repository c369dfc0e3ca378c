//! The log on a real disk: chain, damage, repair, many writers.
#![expect(clippy::unwrap_used, reason = "the helpers of a test may panic as the test itself")]

mod chain;
mod concurrent;
mod files;
mod late;
mod tend;
mod torn;
mod torn_blocks;

use std::path::{Path, PathBuf};

use kms_audit::{AuditLog, Durability};

fn body(number: usize) -> Vec<u8> {
    format!(r#""eventName":"Encrypt","number":{number}}}"#).into_bytes()
}

fn open(dir: &Path) -> AuditLog {
    AuditLog::open(dir, "node", Durability::Write).unwrap()
}

fn path(dir: &Path, number: u64) -> PathBuf {
    dir.join(format!("node-{number:06}.jsonl"))
}

/// A log of a header and `count` records, closed again.
fn filled(count: usize) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let log = open(dir.path());
    for number in 0..count {
        log.append(&[body(number)]).unwrap();
    }
    dir
}

fn lines(dir: &Path, number: u64) -> Vec<serde_json::Value> {
    let text = std::fs::read_to_string(path(dir, number)).unwrap();
    text.trim_end_matches('\0').lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}
