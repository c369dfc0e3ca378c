//! Names, modes, locks, and the chain from file to file.

use std::os::unix::fs::PermissionsExt as _;

use kms_audit::{AuditError, AuditLog, Durability, Fault, begin_next_file, verify};
use sha2::Digest as _;

use crate::{body, filled, lines, open, path};

#[test]
fn folder_and_file_are_for_their_owner_alone() {
    let parent = tempfile::tempdir().unwrap();
    let dir = parent.path().join("audit");
    let _log = open(&dir);
    let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&dir), 0o700);
    assert_eq!(mode(&path(&dir, 1)), 0o600);
}

#[test]
fn a_second_writer_is_refused_until_the_first_is_gone() {
    let dir = tempfile::tempdir().unwrap();
    let first = open(dir.path());
    let second = AuditLog::open(dir.path(), "node", Durability::Write);
    assert!(matches!(second, Err(AuditError::Locked(_))));
    let other = AuditLog::open(dir.path(), "other", Durability::Write).unwrap();
    other.append(&[body(0)]).unwrap();
    drop(first);
    open(dir.path()).append(&[body(0)]).unwrap();
    let report = verify(dir.path()).unwrap();
    assert_eq!(report.nodes.iter().map(|node| node.node.as_str()).collect::<Vec<_>>(), ["node", "other"]);
    assert_eq!(report.first_break, None);
}

#[test]
fn a_batch_with_a_forged_line_is_refused_whole() {
    let dir = tempfile::tempdir().unwrap();
    let log = open(dir.path());
    let forged = b"\"a\":1}\n{\"seq\":9}".to_vec();
    assert!(matches!(log.append(&[body(0), forged]), Err(AuditError::Unfit)));
    assert_eq!(lines(dir.path(), 1).len(), 1);
}

#[test]
fn the_operator_can_begin_the_next_file_and_the_damage_stays_visible() {
    let dir = filled(3);
    let whole = std::fs::read_to_string(path(dir.path(), 1)).unwrap();
    let damaged = whole.replace("\"number\":1}", "\"number\":9}");
    std::fs::write(path(dir.path(), 1), &damaged).unwrap();
    let begun = begin_next_file(dir.path()).unwrap();
    assert_eq!((&begun[0].path, begun[0].line, begun[0].fault), (&path(dir.path(), 1), 3, Fault::Hash));
    assert_eq!(begun[0].next, path(dir.path(), 2));
    let log = AuditLog::open(dir.path(), "node", Durability::Durable).unwrap();
    for number in [3, 4] {
        log.append(&[body(number)]).unwrap();
    }
    drop(log);
    let second = lines(dir.path(), 2);
    assert_eq!(second.len(), 3);
    assert_eq!((&second[0]["begun"], &second[0]["previous"]["seq"]), (&"operator".into(), &3.into()));
    let damage = &second[0]["damage"];
    assert_eq!((&damage["line"], &damage["fault"]), (&3.into(), &Fault::Hash.to_string().into()));
    let sha256: String = sha2::Sha256::digest(&damaged).iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!((&damage["length"], &damage["sha256"]), (&damaged.len().into(), &sha256.into()));
    assert_eq!(std::fs::read_to_string(path(dir.path(), 1)).unwrap(), damaged);
    let found = verify(dir.path()).unwrap().first_break.unwrap();
    assert_eq!((found.path, found.line), (path(dir.path(), 1), 3));
    std::fs::write(path(dir.path(), 1), whole).unwrap();
    assert_eq!(verify(dir.path()).unwrap().first_break, None);
}

#[test]
fn no_next_file_is_begun_over_a_whole_or_torn_one_or_under_a_node_that_writes() {
    let dir = filled(2);
    assert_eq!(begin_next_file(dir.path()).unwrap(), []);
    let whole = std::fs::read_to_string(path(dir.path(), 1)).unwrap();
    std::fs::write(path(dir.path(), 1), whole.trim_end()).unwrap();
    assert_eq!(begin_next_file(dir.path()).unwrap(), [], "a start goes on after a torn end by itself");
    std::fs::write(path(dir.path(), 1), &whole).unwrap();
    let log = open(dir.path());
    std::fs::write(path(dir.path(), 1), whole.replace("\"number\":0}", "\"number\":9}")).unwrap();
    assert!(matches!(begin_next_file(dir.path()), Err(AuditError::Locked(_))));
    assert!(!path(dir.path(), 2).exists());
    drop(log);
    assert_eq!(begin_next_file(dir.path()).unwrap().len(), 1);
    assert_eq!(begin_next_file(dir.path()).unwrap(), [], "once is enough");
}

/// Three files of one record each after the header.
fn three_files() -> tempfile::TempDir {
    let dir = filled(1);
    for number in 1..3 {
        open(dir.path()).with_file_size(1).append(&[body(number)]).unwrap();
    }
    assert_eq!(verify(dir.path()).unwrap().first_break, None);
    dir
}

#[test]
fn the_last_line_of_a_file_that_has_a_successor_cannot_be_altered_cut_or_followed() {
    let dir = three_files();
    let whole = std::fs::read_to_string(path(dir.path(), 2)).unwrap();
    let header = whole.lines().next().unwrap();
    let altered = whole.replace("\"number\":1}", "\"number\":2}");
    let log = std::fs::read_to_string(path(dir.path(), 2)).unwrap();
    for (text, file, line, fault) in [
        (altered, 3, 0, Fault::Hash),
        (format!("{header}\n"), 2, 1, Fault::Missing),
        (format!("{log}{{}}\n"), 2, 2, Fault::Surplus),
        (log.trim_end().to_owned(), 2, 1, Fault::Torn),
    ] {
        std::fs::write(path(dir.path(), 2), text).unwrap();
        let found = verify(dir.path()).unwrap().first_break.unwrap();
        assert_eq!((found.path, found.line, found.fault), (path(dir.path(), file), line, fault));
    }
}

#[test]
fn a_file_missing_between_two_is_found_and_one_moved_away_at_the_front_is_told() {
    let dir = three_files();
    let kept = std::fs::read(path(dir.path(), 2)).unwrap();
    std::fs::remove_file(path(dir.path(), 2)).unwrap();
    let found = verify(dir.path()).unwrap().first_break.unwrap();
    assert_eq!((found.path, found.fault), (path(dir.path(), 2), Fault::Missing));
    std::fs::write(path(dir.path(), 2), kept).unwrap();
    std::fs::remove_file(path(dir.path(), 1)).unwrap();
    let report = verify(dir.path()).unwrap();
    assert_eq!((report.first_break, report.nodes[0].first_file), (None, 2));
}

#[test]
fn a_file_that_denies_the_one_before_it_is_found() {
    let other = tempfile::tempdir().unwrap();
    std::fs::write(path(other.path(), 2), "").unwrap();
    drop(open(other.path()));
    assert_eq!(lines(other.path(), 2)[0]["previous"], serde_json::Value::Null);
    let dir = filled(1);
    std::fs::copy(path(other.path(), 2), path(dir.path(), 2)).unwrap();
    let found = verify(dir.path()).unwrap().first_break.unwrap();
    assert_eq!((found.path, found.line, found.fault), (path(dir.path(), 2), 0, Fault::Hash));
}
