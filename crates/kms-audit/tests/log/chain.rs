//! Whatever is altered, removed or moved is found.

use std::path::Path;

use kms_audit::{AuditError, AuditLog, Durability, Fault, verify};

use crate::{body, filled, lines, open, path};

#[test]
fn a_log_written_over_several_starts_chains() {
    let dir = tempfile::tempdir().unwrap();
    for start in 0..3 {
        let log = open(dir.path());
        log.append(&[body(start * 2), body(start * 2 + 1)]).unwrap();
        log.append(&[]).unwrap();
    }
    let report = verify(dir.path()).unwrap();
    assert_eq!(report.first_break, None);
    assert_eq!((report.nodes[0].lines, report.nodes[0].files), (7, 1));
    assert_eq!(report.nodes[0].head.as_ref().map(|head| (head.file, head.seq)), Some((1, 6)));
    let lines = lines(dir.path(), 1);
    assert_eq!(lines[0]["recordType"], "header");
    assert_eq!(lines[0]["node"], "node");
    for (index, line) in lines[1..].iter().enumerate() {
        assert_eq!(line["number"], index);
        assert_eq!(line["seq"], index + 1);
    }
}

/// What a chain shows by itself, or with the head noted elsewhere.
fn is_found(dir: &Path, noted: Option<&kms_audit::Head>) -> bool {
    let report = verify(dir).unwrap();
    report.first_break.is_some() || report.nodes[0].head.as_ref() != noted
}

#[test]
fn any_changed_byte_is_found() {
    let dir = filled(4);
    let noted = verify(dir.path()).unwrap().nodes[0].head.clone();
    let whole = std::fs::read(path(dir.path(), 1)).unwrap();
    for index in 0..whole.len() {
        for flip in [0x01, 0x80] {
            let mut damaged = whole.clone();
            damaged[index] ^= flip;
            std::fs::write(path(dir.path(), 1), &damaged).unwrap();
            assert!(is_found(dir.path(), noted.as_ref()), "byte {index} with {flip}");
        }
    }
}

#[test]
fn any_removed_or_doubled_byte_is_found() {
    let dir = filled(3);
    let noted = verify(dir.path()).unwrap().nodes[0].head.clone();
    let whole = std::fs::read(path(dir.path(), 1)).unwrap();
    for index in 0..whole.len() {
        let mut shorter = whole.clone();
        shorter.remove(index);
        let mut longer = whole.clone();
        longer.insert(index, whole[index]);
        for damaged in [shorter, longer] {
            std::fs::write(path(dir.path(), 1), &damaged).unwrap();
            assert!(is_found(dir.path(), noted.as_ref()), "byte {index}");
        }
    }
}

#[test]
fn a_removed_doubled_or_swapped_line_is_found_and_named() {
    let dir = filled(5);
    let text = std::fs::read_to_string(path(dir.path(), 1)).unwrap();
    let whole: Vec<&str> = text.lines().collect();
    let check = |lines: &[&str], line: u64, faults: &[Fault]| {
        std::fs::write(path(dir.path(), 1), lines.join("\n") + "\n").unwrap();
        let found = verify(dir.path()).unwrap().first_break.unwrap();
        assert_eq!((found.path, found.line), (path(dir.path(), 1), line));
        assert!(faults.contains(&found.fault), "{:?}", found.fault);
    };
    for index in 0..whole.len() - 1 {
        let expected = if index == 0 { Fault::Header } else { Fault::Sequence };
        let mut removed = whole.clone();
        removed.remove(index);
        check(&removed, index as u64, &[expected]);
        let mut swapped = whole.clone();
        swapped.swap(index, index + 1);
        check(&swapped, index as u64, &[expected]);
        let mut doubled = whole.clone();
        doubled.insert(index, whole[index]);
        check(&doubled, index as u64 + 1, &[Fault::Sequence]);
    }
}

#[test]
fn a_line_with_a_new_content_and_the_right_links_is_found_by_its_successor() {
    let dir = filled(3);
    let text = std::fs::read_to_string(path(dir.path(), 1)).unwrap();
    std::fs::write(path(dir.path(), 1), text.replace("\"number\":1}", "\"number\":7}")).unwrap();
    let found = verify(dir.path()).unwrap().first_break.unwrap();
    assert_eq!((found.line, found.fault), (3, Fault::Hash));
}

#[test]
fn a_log_that_is_broken_in_the_middle_does_not_open_and_names_the_line() {
    let dir = filled(5);
    let whole = std::fs::read_to_string(path(dir.path(), 1)).unwrap();
    let damaged = whole.replace("\"number\":2}", "\"number\":9}");
    std::fs::write(path(dir.path(), 1), &damaged).unwrap();
    let error = AuditLog::open(dir.path(), "node", Durability::Write).unwrap_err();
    assert!(matches!(error, AuditError::Broken { line: 4, fault: Fault::Hash, .. }), "{error:?}");
    assert_eq!(std::fs::read_to_string(path(dir.path(), 1)).unwrap(), damaged);
}

#[test]
fn the_header_of_another_node_or_number_does_not_open() {
    let dir = filled(2);
    std::fs::copy(path(dir.path(), 1), path(dir.path(), 2)).unwrap();
    let error = AuditLog::open(dir.path(), "node", Durability::Write).unwrap_err();
    assert!(matches!(error, AuditError::Broken { line: 0, fault: Fault::Header, .. }), "{error:?}");
    assert!(verify(dir.path()).unwrap().first_break.is_some());
}

#[test]
fn damage_in_a_long_file_is_named_by_its_line_too() {
    let dir = tempfile::tempdir().unwrap();
    let batch: Vec<_> = (0..3_000).map(body).collect();
    open(dir.path()).append(&batch).unwrap();
    let whole = std::fs::read_to_string(path(dir.path(), 1)).unwrap();
    assert!(whole.len() > 256 << 10);
    std::fs::write(path(dir.path(), 1), whole.replace("\"number\":2990}", "\"number\":1}")).unwrap();
    let error = AuditLog::open(dir.path(), "node", Durability::Write).unwrap_err();
    assert!(matches!(error, AuditError::Broken { line: 2992, fault: Fault::Hash, .. }), "{error:?}");
    let found = verify(dir.path()).unwrap().first_break.unwrap();
    assert_eq!((found.line, found.fault), (2992, Fault::Hash));
}
