//! The audit's files under a running server: gone, out of reach, durable, and `strongroom audit verify` over them.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use kms_e2e::{Server, ServerOptions, fresh_account, strongroom_binary};
use kms_local::EphemeralFolder;
use serde_json::json;

use crate::audit::records;
use crate::http::Connection;
use crate::signer::Request;

/// What `/health/ready` says.
fn ready(server: &Server) -> (u16, String) {
    let mut connection = Connection::to(server);
    connection.send(b"GET /health/ready HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    let answer = connection.answer();
    (answer.status, answer.text().to_owned())
}

fn eventually(what: &str, mut happened: impl FnMut() -> bool) {
    let since = Instant::now();
    while !happened() {
        assert!(since.elapsed() < Duration::from_secs(20), "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn call(server: &Server) -> u16 {
    let mut connection = Connection::to(server);
    let request = Request::of_account(&fresh_account(), "GenerateRandom", json!({"NumberOfBytes": 8}));
    connection.send(&request.bytes()).unwrap();
    connection.answer().status
}

fn files(data: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(data.join("audit")).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> = entries.filter(|path| path.extension().is_some_and(|end| end == "jsonl")).collect();
    files.sort();
    files
}

fn verify(folder: &Path) -> (i32, String) {
    audit("verify", folder)
}

/// Exit status of `strongroom audit COMMAND FOLDER`, and what was said.
fn audit(command: &str, folder: &Path) -> (i32, String) {
    let output = Command::new(strongroom_binary().unwrap()).args(["audit", command]).arg(folder).output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.code().unwrap(), String::from_utf8(text).unwrap())
}

#[test]
fn a_file_that_is_deleted_is_noticed_put_back_and_continued_in_the_next() {
    let mut server = Server::start().unwrap();
    assert_eq!(call(&server), 200);
    let first = files(server.data_dir()).remove(0);
    let before = records(server.data_dir()).len();
    std::fs::remove_file(&first).unwrap();
    eventually("it says so", || ready(&server).1.contains("the audit log cannot be written, or its file is gone"));
    eventually("it is well again", || ready(&server).0 == 200);
    assert_eq!(call(&server), 200);
    let data = server.data_dir().to_owned();
    assert_eq!(files(&data).len(), 2);
    assert_eq!(records(&data).len(), before + 1, "nothing is lost");
    server.stop().unwrap();
    let (status, text) = verify(&data.join("audit"));
    assert_eq!((status, text.contains("2 files from number 1")), (0, true), "{text}");
}

#[test]
fn while_the_folder_is_out_of_reach_the_server_is_not_ready_and_then_it_is() {
    let server = Server::start().unwrap();
    eventually("it is well", || ready(&server).0 == 200);
    let (audit, away) = (server.data_dir().join("audit"), server.data_dir().join("audit.away"));
    std::fs::rename(&audit, &away).unwrap();
    std::fs::write(&audit, "in the way").unwrap();
    eventually("it is not ready", || ready(&server).0 == 503);
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!(ready(&server).0, 503, "it stays so");
    std::fs::remove_file(&audit).unwrap();
    std::fs::rename(&away, &audit).unwrap();
    eventually("it is well again", || ready(&server).0 == 200);
    assert_eq!(call(&server), 200);
    assert_eq!(kms_audit::verify(&audit).unwrap().first_break, None);
}

#[test]
fn a_durable_server_that_is_killed_under_load_loses_no_answered_record() {
    let folder = EphemeralFolder::new("strongroom-e2e-").unwrap();
    let data = folder.path().join("data");
    let arguments = ["--audit", "durable"].map(str::to_owned).to_vec();
    let options = ServerOptions { arguments, ..ServerOptions::default() };
    let mut server = Server::start_in(&data, &options).unwrap();
    let mut answered = Vec::new();
    for _ in 0..4 {
        let heard = std::sync::Mutex::new(Vec::new());
        let address = &server;
        std::thread::scope(|scope| {
            for _ in 0..6 {
                scope.spawn(|| {
                    let account = fresh_account();
                    let mut connection = Connection::to(address);
                    let request = Request::of_account(&account, "GenerateRandom", json!({"NumberOfBytes": 8}));
                    for _ in 0..40 {
                        connection.send(&request.bytes()).unwrap();
                        heard.lock().unwrap().push(connection.answer().request_id().to_owned());
                    }
                });
            }
        });
        server.kill().unwrap();
        answered.extend(heard.into_inner().unwrap());
        server = Server::start_in(&data, &options).unwrap();
    }
    server.stop().unwrap();
    let records = records(&data);
    assert_eq!(answered.len(), 4 * 6 * 40);
    assert!(answered.iter().all(|id| records.contains_key(id)), "an answer without its record");
    let (status, text) = verify(&data.join("audit"));
    assert_eq!(status, 0, "{text}");
}

#[test]
fn verify_says_what_is_broken_and_where_by_text_and_exit_status() {
    let mut server = Server::start().unwrap();
    for _ in 0..5 {
        assert_eq!(call(&server), 200);
    }
    server.stop().unwrap();
    let audit = server.data_dir().join("audit");
    let (status, text) = verify(&audit);
    assert_eq!(status, 0, "{text}");
    assert!(
        text.contains("whole: no line was altered, removed or moved") && text.contains("last line: file 1"),
        "{text}"
    );
    let file = files(server.data_dir()).remove(0);
    let whole = std::fs::read_to_string(&file).unwrap();
    let lines: Vec<&str> = whole.lines().collect();
    for (damaged, fault) in [
        (
            whole.replacen("\"numberOfBytes\":8", "\"numberOfBytes\":9", 1),
            "its prev is not the hash of the line before",
        ),
        ([&lines[..2], &lines[3..]].concat().join("\n") + "\n", "its seq does not follow the line before"),
        (whole[..whole.len() - 5].to_owned(), "it is torn"),
    ] {
        std::fs::write(&file, damaged).unwrap();
        let (status, text) = verify(&audit);
        assert_eq!(status, 1, "{text}");
        assert!(text.contains("BROKEN at ") && text.contains(fault), "{text}");
    }
    let (status, text) = verify(&audit.join("nowhere"));
    assert_eq!((status, text.contains("could not be opened")), (2, true), "{text}");
    let empty = EphemeralFolder::new("strongroom-e2e-").unwrap();
    assert_eq!(verify(empty.path()).0, 2, "no file proves nothing");
}

#[test]
fn after_damage_a_start_is_refused_until_the_next_file_is_begun_and_no_running_node_loses_its_file() {
    let folder = EphemeralFolder::new("strongroom-e2e-").unwrap();
    let data = folder.path().join("data");
    let mut server = Server::start_in(&data, &ServerOptions::default()).unwrap();
    for _ in 0..3 {
        assert_eq!(call(&server), 200);
    }
    let audit_folder = data.join("audit");
    let (status, text) = audit("begin-next-file", &audit_folder);
    assert_eq!((status, text.contains("another process holds the audit log")), (1, true), "{text}");
    server.stop().unwrap();
    let (status, text) = audit("begin-next-file", &audit_folder);
    assert_eq!((status, text.contains("nothing was changed")), (1, true), "{text}");
    let damaged = files(&data).remove(0);
    let whole = std::fs::read_to_string(&damaged).unwrap();
    std::fs::write(&damaged, whole.replacen("\"numberOfBytes\":8", "\"numberOfBytes\":9", 1)).unwrap();
    let Err(refusal) = Server::start_in(&data, &ServerOptions::default()) else { panic!("it built on damage") };
    assert!(format!("{refusal:#}").contains("is broken at line"), "{refusal:#}");

    let (status, text) = audit("begin-next-file", &audit_folder);
    assert_eq!((status, text.contains("its prev is not the hash of the line before")), (0, true), "{text}");
    let mut server = Server::start_in(&data, &ServerOptions::default()).unwrap();
    assert_eq!(call(&server), 200);
    server.stop().unwrap();
    let (status, text) = verify(&audit_folder);
    assert_eq!((status, text.contains("BROKEN at ")), (1, true), "{text}");
    std::fs::rename(&damaged, data.join("damaged.jsonl")).unwrap();
    let (status, text) = verify(&audit_folder);
    assert_eq!((status, text.contains("from number 2")), (0, true), "{text}");
}
