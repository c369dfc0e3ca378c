//! A durable file after a power cut in the middle of a write: whatever became of the blocks of the last commit, each
//! answered record is there, the log opens, and the next file names what is torn.

use std::path::Path;

use kms_audit::{AuditError, AuditLog, Durability, verify};
use proptest::prelude::*;

use crate::torn::assert_named;
use crate::{lines, path};

const BLOCK: usize = 4096;

fn open(dir: &Path) -> Result<AuditLog, AuditError> {
    AuditLog::open(dir, "node", Durability::Durable).map(|log| log.with_file_size(256 << 10))
}

fn record(number: usize, length: usize) -> Vec<u8> {
    format!(r#""number":{number},"padding":"{}"}}"#, "p".repeat(length)).into_bytes()
}

/// A log with these commits, each a list of lengths of records; what it was before its last commit, and after.
fn written(commits: &[Vec<usize>]) -> (Vec<u8>, Vec<u8>, usize) {
    let dir = tempfile::tempdir_in("/dev/shm").unwrap();
    let log = open(dir.path()).unwrap();
    let mut number = 0;
    let (mut before, mut answered) = (Vec::new(), 0);
    for commit in commits {
        before = std::fs::read(path(dir.path(), 1)).unwrap();
        answered = number;
        let batch: Vec<_> = commit.iter().enumerate().map(|(index, length)| record(number + index, *length)).collect();
        log.append(&batch).unwrap();
        number += commit.len();
    }
    let after = std::fs::read(path(dir.path(), 1)).unwrap();
    before.resize(after.len(), 0);
    (before, after, answered)
}

fn numbers(dir: &Path, file: u64) -> Vec<u64> {
    let text = std::fs::read(path(dir, file)).unwrap();
    let records = text.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok());
    records.filter_map(|record: serde_json::Value| record["number"].as_u64()).collect()
}

/// Opens a log over this file and checks what it must keep.
fn recover(file: &[u8], answered: usize) {
    let dir = tempfile::tempdir_in("/dev/shm").unwrap();
    std::fs::write(path(dir.path(), 1), file).unwrap();
    let log = open(dir.path()).expect("it opens without anybody's help");
    log.append(&[record(1_000, 0)]).unwrap();
    let kept = std::fs::read(path(dir.path(), 1)).unwrap();
    let written = file.len() - file.iter().rev().take_while(|byte| **byte == 0).count();
    assert_eq!(&kept[..written], &file[..written], "no byte that was written is changed");
    let first = numbers(dir.path(), 1);
    assert!((0..answered as u64).all(|number| first.contains(&number)), "an answered record is lost: {first:?}");
    let report = verify(dir.path()).unwrap();
    assert_eq!(report.first_break, None);
    assert_eq!(report.nodes[0].torn, u64::from(path(dir.path(), 2).exists()));
    if report.nodes[0].torn == 1 {
        let header = &lines(dir.path(), 2)[0];
        let offset = usize::try_from(header["torn"]["offset"].as_u64().unwrap()).unwrap();
        assert_named(header, offset, &file[offset..written]);
        assert_eq!(numbers(dir.path(), 2), [1_000]);
    }
    drop(log);
    open(dir.path()).unwrap().append(&[record(1_001, 0)]).unwrap();
    assert_eq!(verify(dir.path()).unwrap().first_break, None, "the next start finds nothing torn");
}

#[test]
fn a_commit_fills_whole_blocks_and_none_is_written_twice() {
    let (before, after, answered) = written(&[vec![100], vec![1_000, 3_000, 10], vec![5_000]]);
    assert_eq!(answered, 4);
    let end = before.len() - before.iter().rev().take_while(|byte| **byte == 0).count();
    assert_eq!(end % BLOCK, 0);
    assert_eq!(before[..end], after[..end]);
    assert!(before[end..].iter().all(|byte| *byte == 0), "space made ahead");
}

#[test]
fn any_blocks_of_the_last_commit_may_be_missing_and_any_piece_of_each() {
    let (before, after, answered) = written(&[vec![100], vec![700; 12], vec![900; 16]]);
    let start = before.len() - before.iter().rev().take_while(|byte| **byte == 0).count();
    let blocks = (after.iter().rposition(|byte| *byte != 0).unwrap() + 1 - start).div_ceil(BLOCK);
    assert!(blocks >= 4, "{blocks}");
    for mask in 0..1_u32 << blocks {
        let mut torn = before.clone();
        for block in (0..blocks).filter(|block| mask >> block & 1 == 1) {
            let range = start + block * BLOCK..start + (block + 1) * BLOCK;
            torn[range.clone()].copy_from_slice(&after[range]);
        }
        recover(&torn, answered);
    }
}

#[test]
fn the_file_may_end_anywhere_in_the_last_commit() {
    let (before, after, answered) = written(&[vec![100], vec![300, 2_000, 300]]);
    let start = before.len() - before.iter().rev().take_while(|byte| **byte == 0).count();
    for end in (start..=start + BLOCK).step_by(29) {
        recover(&after[..end], answered);
        let mut zeroed = before.clone();
        zeroed[start..end].copy_from_slice(&after[start..end]);
        recover(&zeroed, answered);
    }
}

#[test]
fn a_damaged_commit_that_others_follow_is_no_tear_and_nothing_is_changed() {
    let (_, after, _) = written(&[vec![100], vec![900; 6], vec![100], vec![200]]);
    // The first is a change that still reads as a record; the commit after it does not follow.
    for (at, length) in [(2 * BLOCK + 300, 1), (2 * BLOCK, BLOCK), (3 * BLOCK - 50, 100)] {
        let dir = tempfile::tempdir_in("/dev/shm").unwrap();
        let mut damaged = after.clone();
        damaged[at..at + length].fill(if length == 1 { b'q' } else { 0 });
        assert_ne!(damaged, after);
        std::fs::write(path(dir.path(), 1), &damaged).unwrap();
        let error = open(dir.path()).unwrap_err();
        assert!(matches!(error, AuditError::Broken { .. }), "{error:?}");
        assert_eq!(std::fs::read(path(dir.path(), 1)).unwrap(), damaged);
        assert!(!path(dir.path(), 2).exists());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]
    #[test]
    fn no_torn_block_of_a_write_costs_an_answered_record(
        commits in prop::collection::vec(prop::collection::vec(0..3_000_usize, 1..6), 1..5),
        fates in prop::collection::vec((0..4_u8, any::<u64>()), 8),
    ) {
        let (before, after, answered) = written(&commits);
        let start = before.len() - before.iter().rev().take_while(|byte| **byte == 0).count();
        let mut torn = before.clone();
        let blocks = (start..after.len()).step_by(BLOCK).take_while(|at| after[*at] != 0 || after[*at + BLOCK - 1] != 0);
        for (at, (fate, seed)) in blocks.zip(fates.iter().cycle()) {
            let (old, new) = (&before[at..at + BLOCK], &after[at..at + BLOCK]);
            let split = usize::try_from(*seed % BLOCK as u64).unwrap();
            let block: Vec<u8> = match fate {
                0 => old.to_vec(),
                1 => new.to_vec(),
                2 => [&new[..split], &old[split..]].concat(),
                // What a disk that loses power in the middle of a sector may leave.
                _ => new.iter().enumerate().map(|(index, byte)| {
                    if index < split { *byte } else { (seed.rotate_left((index % 61) as u32) % 255) as u8 + 1 }
                }).collect(),
            };
            torn[at..at + BLOCK].copy_from_slice(&block);
        }
        recover(&torn, answered);
    }
}
