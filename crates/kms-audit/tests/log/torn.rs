//! Torn ends are cut and named, wherever the tear is.

use kms_audit::verify;
use serde_json::Value;

use crate::{body, filled, lines, open, path};

/// Independent of the code under test.
fn sha256(bytes: &[u8]) -> String {
    use sha2::Digest as _;
    sha2::Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn assert_repaired(record: &Value, offset: usize, cut: &[u8]) {
    assert_eq!(record["recordType"], "repaired");
    assert_eq!(record["offset"], offset);
    assert_eq!(record["length"], cut.len());
    assert_eq!(record["sha256"], sha256(cut));
}

#[test]
fn a_last_line_torn_at_any_byte_is_cut_and_named_and_the_chain_goes_on() {
    let dir = filled(3);
    let file = path(dir.path(), 1);
    let whole = std::fs::read(&file).unwrap();
    let start = whole[..whole.len() - 1].iter().rposition(|byte| *byte == b'\n').unwrap() + 1;
    for end in start + 1..whole.len() {
        std::fs::write(&file, &whole[..end]).unwrap();
        open(dir.path()).append(&[body(9)]).unwrap();
        let lines = lines(dir.path(), 1);
        assert_eq!(lines.len(), 5, "torn at {end}");
        assert_repaired(&lines[3], start, &whole[start..end]);
        assert_eq!(lines[4]["number"], 9);
        assert_eq!(verify(dir.path()).unwrap().first_break, None, "torn at {end}");
    }
}

#[test]
fn a_whole_last_line_is_left_alone() {
    let dir = filled(3);
    let before = std::fs::read(path(dir.path(), 1)).unwrap();
    drop(open(dir.path()));
    assert_eq!(std::fs::read(path(dir.path(), 1)).unwrap(), before);
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
    let lines = lines(dir.path(), 1);
    assert_repaired(&lines[3], start, &bytes[start..]);
    assert_eq!(verify(dir.path()).unwrap().first_break, None);
}

#[test]
fn a_torn_end_of_many_blocks_is_named_whole() {
    let dir = filled(2);
    let file = path(dir.path(), 1);
    let mut bytes = std::fs::read(&file).unwrap();
    let start = bytes.len();
    bytes.extend(std::iter::repeat_n(0, 1_000_000));
    std::fs::write(&file, &bytes).unwrap();
    open(dir.path()).append(&[body(2)]).unwrap();
    assert_repaired(&lines(dir.path(), 1)[3], start, &bytes[start..]);
    assert_eq!(verify(dir.path()).unwrap().first_break, None);
}

#[test]
fn a_repair_that_was_killed_half_way_is_named_in_its_turn() {
    let dir = filled(2);
    let file = path(dir.path(), 1);
    let mut torn = std::fs::read(&file).unwrap();
    let start = torn.len();
    torn.extend(std::iter::repeat_n(b'x', 1000));
    std::fs::write(&file, &torn).unwrap();
    drop(open(dir.path()));
    let repaired = std::fs::read(&file).unwrap();
    // The kill came after the repair's record was written over the torn line, before the rest was cut.
    let mut half = torn.clone();
    half[start..repaired.len()].copy_from_slice(&repaired[start..]);
    std::fs::write(&file, &half).unwrap();
    open(dir.path()).append(&[body(2)]).unwrap();
    let lines = lines(dir.path(), 1);
    assert_repaired(&lines[3], start, &torn[start..]);
    assert_repaired(&lines[4], repaired.len(), &torn[repaired.len()..]);
    assert_eq!(verify(dir.path()).unwrap().first_break, None);
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
            assert_repaired(&lines[1], 0, torn.as_bytes());
        }
        assert_eq!(lines[lines.len() - 1]["number"], 2);
        assert_eq!(verify(dir.path()).unwrap().first_break, None);
    }
}
