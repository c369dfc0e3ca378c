//! A folder that becomes read-only under the log: what is open can be written on, nothing new can be made. The test runs itself again in a mount namespace of its
//! own, which needs no root: what is mounted there is seen by nobody else.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::path::Path;
use std::process::Command;

use kms_audit::{AuditLog, Durability, verify};

const INSIDE: &str = "STRONGROOM_READ_ONLY_TEST_FOLDER";
const FILE_SIZE: u64 = 4 << 10;
const LAST: usize = 60;

fn body(number: usize) -> Vec<u8> {
    format!(r#""number":{number},"padding":"{}"}}"#, "p".repeat(200)).into_bytes()
}

#[test]
fn a_log_whose_folder_becomes_read_only_grows_on_in_its_open_file_and_no_other_log_begins_there() {
    if let Some(folder) = std::env::var_os(INSIDE) {
        return inside(Path::new(&folder));
    }
    let folder = tempfile::tempdir().unwrap();
    let status = Command::new("unshare")
        .args(["--user", "--map-root-user", "--mount", "--"])
        .arg(std::env::current_exe().unwrap())
        .arg("--nocapture")
        .env(INSIDE, folder.path())
        .status()
        .unwrap();
    assert!(status.success(), "{status}");
}

fn inside(folder: &Path) {
    let log = AuditLog::open(folder, "node", Durability::Write).unwrap().with_file_size(FILE_SIZE);
    log.append(&[body(0)]).unwrap();
    mount(&["--bind", &folder.display().to_string()], folder);
    mount(&["-o", "remount,ro,bind"], folder);
    // Far past its size: no record is refused because a next file cannot be made.
    for number in 1..LAST {
        log.append(&[body(number)]).unwrap();
    }
    assert_eq!(files(folder), 1);
    assert!(AuditLog::open(folder, "other", Durability::Write).is_err());

    assert!(Command::new("umount").arg("--lazy").arg(folder).status().unwrap().success());
    log.append(&[body(LAST)]).unwrap();
    assert_eq!(files(folder), 2, "the next file is begun as soon as it can be");
    let report = verify(folder).unwrap();
    assert!(report.first_break.is_none(), "{report:?}");
    assert_eq!(records(folder), (0..=LAST).collect::<Vec<_>>());
}

fn logs(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut paths: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "jsonl"));
    paths.sort();
    paths
}

fn files(folder: &Path) -> usize {
    logs(folder).len()
}

/// The numbers of all records, in their order.
fn records(folder: &Path) -> Vec<usize> {
    let text: String = logs(folder).iter().map(|path| std::fs::read_to_string(path).unwrap()).collect();
    let after = text.split("\"number\":").skip(1);
    after.map(|rest| rest.split(',').next().unwrap().parse().unwrap()).collect()
}

fn mount(arguments: &[&str], folder: &Path) {
    assert!(Command::new("mount").args(arguments).arg(folder).status().unwrap().success());
}
