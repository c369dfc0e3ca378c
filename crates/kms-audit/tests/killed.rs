//! A process that is killed while it writes, at any moment and in the middle of a commit: what it was told is written is
//! there, and the next start goes on by itself.
#![expect(clippy::unwrap_used, reason = "the helpers of a test may panic as the test itself")]

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use kms_audit::{AuditLog, Durability, verify};
use rustix::process::{Signal, getpid, kill_process};

const FOLDER: &str = "AUDIT_TEST_FOLDER";
const DURABILITY: &str = "AUDIT_TEST_DURABILITY";
/// The commit that is torn by a kill, and a bit for each of its blocks that reaches the file.
const TORN: &str = "AUDIT_TEST_TORN";

fn batch(number: u64) -> Vec<Vec<u8>> {
    let body = |part| format!(r#""number":{number},"part":{part},"padding":"{}"}}"#, "p".repeat(2_000)).into_bytes();
    (0..1 + number % 7).map(body).collect()
}

/// Not a test by itself: the process that the tests kill. It says each number once the log has taken its batch.
#[test]
fn a_writer_for_the_other_tests() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let durability =
        if std::env::var(DURABILITY).unwrap() == "durable" { Durability::Durable } else { Durability::Write };
    let torn: Option<(u64, String)> = std::env::var(TORN).ok().map(|torn| {
        let (commit, blocks) = torn.split_once(' ').unwrap();
        (commit.parse().unwrap(), blocks.to_owned())
    });
    let log = AuditLog::open(Path::new(&folder), "node", durability).unwrap().with_file_size(300 << 10);
    for number in 0.. {
        if let Some((_, blocks)) = torn.as_ref().filter(|(commit, _)| *commit == number) {
            fail::cfg("audit.torn", &format!("return({blocks})")).unwrap();
            fail::cfg_callback("audit.after_torn", || kill_process(getpid(), Signal::KILL).unwrap()).unwrap();
        }
        log.append(&batch(number)).unwrap();
        let mut out = std::io::stdout();
        writeln!(out, "written {number}").and_then(|()| out.flush()).unwrap();
    }
}

/// Runs the writer until it dies, by its own hand or after so many numbers, and gives how many it said.
fn run(folder: &Path, durability: &str, torn: Option<(u64, u64)>, most: u64) -> u64 {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "a_writer_for_the_other_tests", "--nocapture", "--test-threads", "1"]);
    command.env(FOLDER, folder).env(DURABILITY, durability).stdout(Stdio::piped()).stderr(Stdio::null());
    if let Some((commit, blocks)) = torn {
        command.env(TORN, format!("{commit} {blocks}"));
    }
    let mut child = command.spawn().unwrap();
    let mut said = 0;
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        // The harness writes its own words before the first.
        said += u64::from(line.unwrap().contains("written "));
        if said == most {
            child.kill().unwrap();
        }
    }
    assert!(!child.wait().unwrap().success());
    said
}

/// How often each batch is whole in the files.
fn whole_batches(folder: &Path, count: u64) -> Vec<u64> {
    let mut parts = vec![0; usize::try_from(count).unwrap()];
    for entry in std::fs::read_dir(folder).unwrap() {
        let text = std::fs::read(entry.unwrap().path()).unwrap();
        for line in text.split(|byte| *byte == b'\n') {
            let Ok(record) = serde_json::from_slice::<serde_json::Value>(line) else { continue };
            let Some(number) = record["number"].as_u64().filter(|number| *number < count) else { continue };
            parts[usize::try_from(number).unwrap()] += 1;
        }
    }
    parts.iter().zip(0..).map(|(parts, number)| parts / (1 + number % 7)).collect()
}

fn survives(folder: &Path, durability: &str, said: u64) {
    let durability = if durability == "durable" { Durability::Durable } else { Durability::Write };
    AuditLog::open(folder, "node", durability).unwrap().append(&[br#""last":true}"#.to_vec()]).unwrap();
    let report = verify(folder).unwrap();
    assert_eq!(report.first_break, None);
    assert!(whole_batches(folder, said).iter().all(|times| *times == 1), "an answered batch is lost");
}

#[test]
fn a_kill_at_any_moment_costs_no_answered_record() {
    for durability in ["write", "durable"] {
        for most in [1, 20, 47, 90, 133] {
            let dir = tempfile::tempdir().unwrap();
            let said = run(dir.path(), durability, None, most);
            assert!(said >= most);
            survives(dir.path(), durability, said);
        }
    }
}

#[test]
fn a_kill_in_the_middle_of_a_commit_leaves_a_torn_end_that_the_next_file_names() {
    // Commit 6 has seven records, so four blocks or so.
    for blocks in [0b0001, 0b0010, 0b0101, 0b1000, 0b1110] {
        let dir = tempfile::tempdir().unwrap();
        let said = run(dir.path(), "durable", Some((6, blocks)), u64::MAX);
        assert_eq!(said, 6);
        survives(dir.path(), "durable", said);
        assert_eq!(verify(dir.path()).unwrap().nodes[0].torn, 1, "blocks {blocks:b}");
    }
}
