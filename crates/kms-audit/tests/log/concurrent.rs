//! Many writers at once.

use std::thread;

use kms_audit::{AuditLog, Durability, verify};

use crate::{lines, path};

const WRITERS: usize = 8;
const BATCHES: usize = 25;

fn write_from_many_threads(durability: Durability) {
    let dir = tempfile::tempdir().unwrap();
    let log = AuditLog::open(dir.path(), "node", durability).unwrap();
    thread::scope(|scope| {
        for writer in 0..WRITERS {
            let (log, dir) = (&log, &dir);
            scope.spawn(move || {
                for batch in 0..BATCHES {
                    let record = |part| format!(r#""writer":{writer},"batch":{batch},"part":"{part}"}}"#).into_bytes();
                    log.append(&[record("first"), record("second")]).unwrap();
                    let text = std::fs::read_to_string(path(dir.path(), 1)).unwrap();
                    let own = format!(r#""writer":{writer},"batch":{batch},"part":"second"}}"#);
                    assert!(text.contains(&own), "answered before it was written");
                }
            });
        }
    });
    let records = lines(dir.path(), 1);
    assert_eq!(records.len(), 1 + 2 * WRITERS * BATCHES);
    let mut next = [0; WRITERS];
    for pair in records[1..].chunks(2) {
        let writer = usize::try_from(pair[0]["writer"].as_u64().unwrap()).unwrap();
        assert_eq!(pair[0]["batch"], next[writer], "out of order");
        assert_eq!((&pair[1]["writer"], &pair[1]["batch"]), (&pair[0]["writer"], &pair[0]["batch"]));
        assert_eq!((&pair[0]["part"], &pair[1]["part"]), (&"first".into(), &"second".into()));
        next[writer] += 1;
    }
    assert_eq!(verify(dir.path()).unwrap().first_break, None);
}

#[test]
fn concurrent_durable_writers_keep_order_and_chain() {
    write_from_many_threads(Durability::Durable);
}

#[test]
fn concurrent_writers_keep_order_and_chain() {
    write_from_many_threads(Durability::Write);
}
