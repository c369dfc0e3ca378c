//! Torn ends in a file that grows by each write: they stay where they are, and the next file names them.

use kms_audit::{AuditError, AuditLog, Durability, Fault, verify};
use serde_json::Value;

use crate::{body, filled, lines, open, path};

/// Independent of the code under test.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    use sha2::Digest as _;
    sha2::Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(crate) fn assert_named(header: &Value, offset: usize, torn: &[u8]) {
    assert_eq!(header["begun"], "torn");
    assert_eq!(header["torn"]["offset"], offset);
    assert_eq!(header["torn"]["length"], torn.len());
    assert_eq!(header["torn"]["sha256"], sha256(torn));
}

#[test]
fn a_last_line_torn_at_any_byte_stays_and_is_named_and_the_chain_goes_on() {
    let whole = {
        let dir = filled(3);
        std::fs::read(path(dir.path(), 1)).unwrap()
    };
    let start = whole[..whole.len() - 1].iter().rposition(|byte| *byte == b'\n').unwrap() + 1;
    for end in start + 1..whole.len() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(path(dir.path(), 1), &whole[..end]).unwrap();
        open(dir.path()).append(&[body(9)]).unwrap();
        assert_eq!(std::fs::read(path(dir.path(), 1)).unwrap(), &whole[..end], "torn at {end}");
        let lines = lines(dir.path(), 2);
        assert_named(&lines[0], start, &whole[start..end]);
        assert_eq!((&lines[0]["previous"]["seq"], &lines[1]["number"]), (&2.into(), &9.into()));
        let report = verify(dir.path()).unwrap();
        assert_eq!((report.first_break, report.nodes[0].torn), (None, 1), "torn at {end}");
    }
}

#[test]
fn a_whole_last_line_is_left_alone() {
    let dir = filled(3);
    let before = std::fs::read(path(dir.path(), 1)).unwrap();
    drop(open(dir.path()));
    assert_eq!(std::fs::read(path(dir.path(), 1)).unwrap(), before);
    assert!(!path(dir.path(), 2).exists());
}

#[test]
fn a_torn_end_that_was_changed_after_it_was_named_is_found() {
    let dir = filled(2);
    let mut bytes = std::fs::read(path(dir.path(), 1)).unwrap();
    bytes.extend(b"{\"seq\":3,");
    std::fs::write(path(dir.path(), 1), &bytes).unwrap();
    open(dir.path()).append(&[body(2)]).unwrap();
    assert_eq!(verify(dir.path()).unwrap().first_break, None);
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    std::fs::write(path(dir.path(), 1), &bytes).unwrap();
    let found = verify(dir.path()).unwrap().first_break.unwrap();
    assert_eq!((found.path, found.line, found.fault), (path(dir.path(), 1), 3, Fault::Surplus));
}

#[test]
fn a_last_line_with_a_hole_in_it_is_torn_too() {
    let dir = filled(2);
    let file = path(dir.path(), 1);
    let mut bytes = std::fs::read(&file).unwrap();
    let start = bytes.len();
    bytes.extend([0; 9000]);
    bytes.extend(b"\"a\":1}\n");
    std::fs::write(&file, &bytes).unwrap();
    open(dir.path()).append(&[body(2)]).unwrap();
    assert_named(&lines(dir.path(), 2)[0], start, &bytes[start..]);
    assert_eq!(verify(dir.path()).unwrap().first_break, None);
}

#[test]
fn zeros_after_the_last_line_are_space_and_not_torn() {
    for durability in [Durability::Write, Durability::Durable] {
        let dir = filled(2);
        let file = path(dir.path(), 1);
        let mut bytes = std::fs::read(&file).unwrap();
        bytes.extend(std::iter::repeat_n(0, 1_000_000));
        std::fs::write(&file, &bytes).unwrap();
        assert_eq!(verify(dir.path()).unwrap().first_break, None);
        AuditLog::open(dir.path(), "node", durability).unwrap().append(&[body(2)]).unwrap();
        let report = verify(dir.path()).unwrap();
        assert_eq!((report.first_break, report.nodes[0].torn), (None, 0));
    }
}

#[test]
fn a_whole_record_after_a_torn_one_is_damage_and_no_tear() {
    let dir = filled(4);
    let file = path(dir.path(), 1);
    let mut bytes = std::fs::read(&file).unwrap();
    let second = bytes.iter().position(|byte| *byte == b'\n').unwrap() + 1;
    bytes[second..second + 20].fill(0);
    std::fs::write(&file, &bytes).unwrap();
    let error = AuditLog::open(dir.path(), "node", Durability::Write).unwrap_err();
    assert!(matches!(error, AuditError::Broken { line: 1, fault: Fault::NotARecord, .. }), "{error:?}");
    assert_eq!(std::fs::read(&file).unwrap(), bytes, "nothing was changed");
}

#[test]
fn a_file_whose_header_never_reached_the_disk_is_begun_again_after_the_one_before() {
    let dir = filled(2);
    for torn in ["", "{\"seq\":0,\"prev\":\"00"] {
        std::fs::write(path(dir.path(), 2), torn).unwrap();
        open(dir.path()).append(&[body(2)]).unwrap();
        let lines = lines(dir.path(), 2);
        assert_eq!((&lines[0]["begun"], &lines[0]["previous"]["seq"]), (&"headerLost".into(), &2.into()));
        if !torn.is_empty() {
            assert_eq!(lines[0]["torn"]["sha256"], sha256(torn.as_bytes()));
        }
        assert_eq!(lines[lines.len() - 1]["number"], 2);
        assert_eq!(verify(dir.path()).unwrap().first_break, None);
    }
}
