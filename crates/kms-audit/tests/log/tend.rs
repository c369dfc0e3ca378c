//! A log that is looked after: a file that is gone, a new day, a file that is full.

use kms_audit::{AuditError, AuditLog, Durability, verify};
use time::macros::datetime;
use time::{Duration, OffsetDateTime};

use crate::{body, lines, open, path};

/// A day after any that a file of these tests can have been written on.
const LATER: OffsetDateTime = datetime!(2100-01-01 00:00 UTC);

fn both() -> [(tempfile::TempDir, AuditLog); 2] {
    [Durability::Write, Durability::Durable].map(|durability| {
        let dir = tempfile::tempdir().unwrap();
        let log = AuditLog::open(dir.path(), "node", durability).unwrap().with_file_size(40 << 10);
        (dir, log)
    })
}

#[test]
fn a_file_moved_away_is_noticed_and_the_chain_goes_on_in_the_next() {
    for (dir, log) in both() {
        log.append(&[body(0)]).unwrap();
        let away = tempfile::tempdir().unwrap();
        std::fs::rename(path(dir.path(), 1), path(away.path(), 1)).unwrap();
        log.append(&[body(1)]).unwrap();
        assert!(matches!(log.tend(LATER), Err(AuditError::Moved(moved)) if moved == path(dir.path(), 1)));
        log.append(&[body(2)]).unwrap();
        log.tend(LATER).unwrap();
        assert!(!path(dir.path(), 1).exists());
        let second = lines(dir.path(), 2);
        assert_eq!((&second[0]["begun"], &second[1]["number"]), (&"moved".into(), &2.into()));
        std::fs::rename(path(away.path(), 1), path(dir.path(), 1)).unwrap();
        let report = verify(dir.path()).unwrap();
        assert_eq!((report.first_break, report.nodes[0].lines), (None, 5));
    }
}

#[test]
fn a_deleted_file_is_put_back_with_all_that_was_answered() {
    for (dir, log) in both() {
        log.append(&[body(0)]).unwrap();
        std::fs::remove_file(path(dir.path(), 1)).unwrap();
        log.append(&[body(1)]).unwrap();
        assert!(matches!(log.tend(LATER), Err(AuditError::Moved(_))));
        log.append(&[body(2)]).unwrap();
        log.tend(LATER).unwrap();
        let first = lines(dir.path(), 1);
        assert_eq!((&first[1]["number"], &first[2]["number"]), (&0.into(), &1.into()));
        assert_eq!(verify(dir.path()).unwrap().first_break, None);
    }
}

#[test]
fn a_file_cut_under_the_log_is_noticed_and_the_next_one_goes_on() {
    for (dir, log) in both() {
        log.append(&[body(0)]).unwrap();
        std::fs::File::options().write(true).open(path(dir.path(), 1)).unwrap().set_len(100).unwrap();
        assert!(matches!(log.tend(LATER), Err(AuditError::Moved(cut)) if cut == path(dir.path(), 1)));
        log.append(&[body(1)]).unwrap();
        log.tend(LATER).unwrap();
        assert_eq!(lines(dir.path(), 2)[1]["number"], 1);
        assert!(verify(dir.path()).unwrap().first_break.is_some(), "what was cut off is missed");
        drop(log);
        open(dir.path()).append(&[body(2)]).unwrap();
    }
}

#[test]
fn a_deleted_folder_is_made_again() {
    let parent = tempfile::tempdir().unwrap();
    let dir = parent.path().join("audit");
    let log = open(&dir);
    log.append(&[body(0)]).unwrap();
    std::fs::remove_dir_all(&dir).unwrap();
    assert!(matches!(log.tend(LATER), Err(AuditError::Moved(_))));
    log.append(&[body(1)]).unwrap();
    let report = verify(&dir).unwrap();
    assert_eq!((report.first_break, report.nodes[0].lines), (None, 4));
}

#[test]
fn the_first_look_of_a_day_begins_a_new_file_unless_nothing_was_written() {
    for (dir, log) in both() {
        log.tend(LATER).unwrap();
        log.append(&[body(0)]).unwrap();
        log.tend(LATER + Duration::hours(23)).unwrap();
        assert!(!path(dir.path(), 2).exists());
        log.tend(LATER + Duration::days(1)).unwrap();
        assert_eq!(lines(dir.path(), 2)[0]["begun"], "rotated");
        log.tend(LATER + Duration::days(2)).unwrap();
        assert!(!path(dir.path(), 3).exists(), "a file of nothing but its header is used on");
        let length = std::fs::metadata(path(dir.path(), 1)).unwrap().len();
        let text = std::fs::read_to_string(path(dir.path(), 1)).unwrap();
        assert_eq!(length, text.trim_end_matches('\0').len() as u64, "its space is given back");
    }
}

#[test]
fn a_file_of_an_earlier_day_is_left_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    open(dir.path()).append(&[body(0)]).unwrap();
    let log = open(dir.path());
    log.tend(LATER).unwrap();
    assert!(path(dir.path(), 2).exists());
}

#[test]
fn files_are_rotated_by_size_and_a_missing_or_exchanged_one_is_found() {
    for (dir, log) in both() {
        for number in 0..60 {
            log.append(&[format!(r#""number":{number},"padding":"{}"}}"#, "p".repeat(3_000)).into_bytes()]).unwrap();
        }
        let newest = (1..).take_while(|number| path(dir.path(), *number).exists()).last().unwrap();
        assert!(newest >= 5, "{newest} files");
        for number in 1..newest {
            assert!(std::fs::metadata(path(dir.path(), number)).unwrap().len() <= 40 << 10);
        }
        assert_eq!(verify(dir.path()).unwrap().first_break, None);
        let away = dir.path().join("away");
        std::fs::rename(path(dir.path(), 3), &away).unwrap();
        assert_eq!(verify(dir.path()).unwrap().first_break.unwrap().path, path(dir.path(), 3));
        std::fs::copy(path(dir.path(), 2), path(dir.path(), 3)).unwrap();
        assert!(verify(dir.path()).unwrap().first_break.is_some());
        std::fs::rename(&away, path(dir.path(), 3)).unwrap();
        assert_eq!(verify(dir.path()).unwrap().first_break, None);
    }
}

#[test]
fn space_made_ahead_is_given_back_at_the_end_and_a_change_of_mode_begins_the_next_file() {
    let dir = tempfile::tempdir().unwrap();
    let log = AuditLog::open(dir.path(), "node", Durability::Durable).unwrap();
    log.tend(LATER).unwrap();
    log.append(&[body(0)]).unwrap();
    assert!(std::fs::metadata(path(dir.path(), 1)).unwrap().len() > 1 << 20);
    log.trim().unwrap();
    assert_eq!(std::fs::metadata(path(dir.path(), 1)).unwrap().len(), 8192);
    log.append(&[body(1)]).unwrap();
    drop(log);
    open(dir.path()).append(&[body(2)]).unwrap();
    assert_eq!(lines(dir.path(), 2)[0]["block"], 1);
    assert_eq!(verify(dir.path()).unwrap().first_break, None);
}
