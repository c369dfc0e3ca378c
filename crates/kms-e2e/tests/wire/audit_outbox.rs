//! Rows of `audit_outbox`: each is in a file once, whatever became of the request and of its node.

use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kms_e2e::{Server, ServerOptions, fresh_account, material, wrap};
use kms_local::{DATABASE, EphemeralFolder, PostgresAddress};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::audit::lines;
use crate::http::Connection;
use crate::signer::Request;

struct Place {
    folder: EphemeralFolder,
}

impl Place {
    fn new() -> Self {
        let folder = EphemeralFolder::new("strongroom-e2e-").unwrap();
        std::fs::create_dir(folder.path().join("failpoints")).unwrap();
        Self { folder }
    }

    fn data(&self) -> std::path::PathBuf {
        self.folder.path().join("data")
    }

    fn start(&self) -> Server {
        let failpoint_dir = Some(self.folder.path().join("failpoints"));
        Server::start_in(&self.data(), &ServerOptions { failpoint_dir, ..ServerOptions::default() }).unwrap()
    }

    /// What the server does at its next passage of this point.
    fn at(&self, failpoint: &str, action: &str) {
        std::fs::write(self.folder.path().join("failpoints").join(failpoint), action).unwrap();
    }

    fn sql(&self, statement: &str) -> String {
        let postgres = PostgresAddress::new(self.data().join("postgres-run"));
        postgres.execute(DATABASE, statement, Duration::from_secs(10)).unwrap().unwrap_or_default()
    }

    fn records(&self) -> Vec<Value> {
        lines(&self.data()).iter().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// The records of an event or request once there are so many of them.
    fn eventually(&self, count: usize, is_it: impl Fn(&Value) -> bool) -> Vec<Value> {
        let since = Instant::now();
        loop {
            let found: Vec<Value> = self.records().into_iter().filter(|record| is_it(record)).collect();
            if found.len() >= count {
                return found;
            }
            assert!(since.elapsed() < Duration::from_secs(30), "{found:?}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn no_row_remains(&self) {
        let since = Instant::now();
        while self.sql("SELECT count(*)::text FROM audit_outbox") != "0" {
            assert!(since.elapsed() < Duration::from_secs(30), "rows stay");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

fn ask(server: &Server, account: &str, operation: &str, body: Value) -> Connection {
    let mut connection = Connection::to(server);
    connection.send(&Request::of_account(account, operation, body).bytes()).unwrap();
    connection
}

fn import(server: &Server, account: &str, key: &Value) {
    let wish = json!({"KeyId": key, "WrappingAlgorithm": "RSAES_OAEP_SHA_256", "WrappingKeySpec": "RSA_2048"});
    let parameters = ask(server, account, "GetParametersForImport", wish).answer().json();
    let public_key = STANDARD.decode(parameters["PublicKey"].as_str().unwrap()).unwrap();
    let algorithm = aws_sdk_kms::types::AlgorithmSpec::RsaesOaepSha256;
    let wrapped = STANDARD.encode(wrap(&public_key, &algorithm, &material(5)).unwrap());
    let import = json!({"KeyId": key, "ImportToken": parameters["ImportToken"], "EncryptedKeyMaterial": wrapped,
                        "ExpirationModel": "KEY_MATERIAL_DOES_NOT_EXPIRE"});
    assert_eq!(ask(server, account, "ImportKeyMaterial", import).answer().status, 200);
}

#[test]
fn a_row_goes_once_its_record_is_in_the_file_and_is_not_appended_again() {
    let place = Place::new();
    let mut server = place.start();
    let account = fresh_account();
    for _ in 0..20 {
        assert_eq!(ask(&server, &account, "CreateKey", json!({})).answer().status, 200);
    }
    place.no_row_remains();
    // A process that died after its append and before the row was gone would leave it as it is put back here.
    place.at("metadata.after_commit", "kill");
    drop(ask(&server, &account, "CreateKey", json!({})));
    while !server.has_ended() {
        std::thread::sleep(Duration::from_millis(10));
    }
    let written = place.records().into_iter().find(|record| record["eventName"] == "CreateKey").unwrap();
    let node: String = lines(&place.data())[0].split("\"node\":\"").nth(1).unwrap().chars().take(36).collect();
    let _server = place.start();
    let held = written["eventID"].as_str().unwrap();
    place.sql(&format!(
        "INSERT INTO audit_outbox (event_id, request_id, record, node) VALUES ('{held}', 'r', '{{\"eventID\":\"{held}\"}}', '{node}')"
    ));
    place.no_row_remains();
    let of_event = place.records().into_iter().filter(|record| record["eventID"] == held);
    assert_eq!(of_event.count(), 1, "the file held it already");
}

#[test]
fn the_record_of_a_change_whose_node_was_killed_follows_once_with_an_addendum() {
    let place = Place::new();
    let mut server = place.start();
    let account = fresh_account();
    place.at("metadata.after_commit", "kill");
    drop(ask(&server, &account, "CreateKey", json!({"Description": "killed"})));
    while !server.has_ended() {
        std::thread::sleep(Duration::from_millis(10));
    }
    let is_it = |record: &Value| record["eventName"] == "CreateKey";
    let was_committed = place.records().iter().filter(|record| is_it(record)).count() == 0;
    assert!(was_committed, "killed before its append");
    let _server = place.start();
    // The first commit of a CreateKey announces the object; its record goes with the last. Either the key is there with
    // its record, or neither.
    let event = Uuid::new_v4();
    place.sql(&format!(
        "INSERT INTO audit_outbox (event_id, request_id, record, node, created_at) \
         VALUES ('{event}', 'r', '{{\"eventID\":\"{event}\"}}', 'a dead node', now() - interval '61 s')"
    ));
    let found = place.eventually(1, |record| record["eventID"] == event.to_string().as_str());
    assert_eq!(found[0]["addendum"], json!({"reason": "DELIVERY_DELAY"}));
    assert_eq!(found[0]["additionalEventData"], json!({"forwardedFrom": "a dead node"}));
    place.no_row_remains();
    let keys = place.sql("SELECT count(*)::text FROM keys WHERE description = 'killed'");
    let records = place.records().iter().filter(|record| is_it(record)).count();
    assert_eq!(keys, records.to_string(), "a key has its record");
}

/// Postgres with all its processes stands still until this is dropped.
struct Stopped(Vec<rustix::process::Pid>);

impl Stopped {
    fn postgres(data: &std::path::Path) -> Self {
        let text = std::fs::read_to_string(data.join("postgres/postmaster.pid")).unwrap();
        let postmaster = text.lines().next().unwrap();
        let children = std::fs::read_to_string(format!("/proc/{postmaster}/task/{postmaster}/children")).unwrap();
        let pids = std::iter::once(postmaster).chain(children.split_whitespace());
        let pids: Vec<_> = pids.map(|pid| rustix::process::Pid::from_raw(pid.parse().unwrap()).unwrap()).collect();
        for pid in &pids {
            let _ended_meanwhile = rustix::process::kill_process(*pid, rustix::process::Signal::STOP);
        }
        Self(pids)
    }
}

impl Drop for Stopped {
    fn drop(&mut self) {
        for pid in &self.0 {
            let _ended_meanwhile = rustix::process::kill_process(*pid, rustix::process::Signal::CONT);
        }
    }
}

#[test]
fn a_request_that_times_out_has_its_one_record() {
    let place = Place::new();
    let server = place.start();
    let account = fresh_account();
    let stopped = Stopped::postgres(&place.data());
    let waiting: Vec<Connection> = (0..20).map(|_| ask(&server, &account, "ListKeys", json!({}))).collect();
    let answers: Vec<_> = waiting.into_iter().map(|mut connection| connection.answer()).collect();
    let refused: Vec<Value> = place.records().into_iter().filter(|record| record["eventName"] == "ListKeys").collect();
    drop(stopped);
    for answer in &answers {
        assert_eq!((answer.status, &answer.json()["__type"]), (500, &json!("DependencyTimeoutException")));
        let of_it: Vec<_> = refused.iter().filter(|record| record["requestID"] == answer.request_id()).collect();
        assert_eq!(of_it.len(), 1, "recorded before its answer: {of_it:?}");
        assert_eq!(of_it[0]["errorCode"], "DependencyTimeoutException");
    }
    // What was abandoned ends at last, and is not recorded again.
    let since = Instant::now();
    while ask(&server, &account, "ListKeys", json!({})).answer().status != 200 {
        assert!(since.elapsed() < Duration::from_secs(60), "it does not come back");
    }
    let refused = place.records().into_iter().filter(|record| record["errorCode"] == "DependencyTimeoutException");
    let ids: std::collections::HashSet<_> = answers.iter().map(|answer| answer.request_id().to_owned()).collect();
    let again = refused.filter(|record| ids.contains(record["requestID"].as_str().unwrap_or_default())).count();
    assert_eq!(again, answers.len());
}

#[test]
fn a_delete_that_fails_after_its_first_transaction_leaves_its_refusal_and_the_change_as_two_events() {
    let place = Place::new();
    let mut server = place.start();
    let account = fresh_account();
    let made = ask(&server, &account, "CreateKey", json!({"Origin": "EXTERNAL"})).answer().json();
    let key = &made["KeyMetadata"]["KeyId"];
    import(&server, &account, key);
    place.at("material.delete.condemned", "stop");
    let mut deleting = ask(&server, &account, "DeleteImportedKeyMaterial", json!({"KeyId": key}));
    let committed = "SELECT count(*)::text FROM audit_outbox WHERE record LIKE '%DeleteImportedKeyMaterial%'";
    let since = Instant::now();
    while place.sql(committed) != "1" {
        assert!(since.elapsed() < Duration::from_secs(30), "the change is not committed");
    }
    std::thread::sleep(Duration::from_millis(200));
    // Its second step finds no table to write to. Other threads of the stopped server may hold locks on it.
    place.sql("SELECT count(pg_terminate_backend(pid))::text FROM pg_stat_activity WHERE pid <> pg_backend_pid()");
    place.sql("ALTER TABLE key_objects RENAME TO key_objects_away");
    server.signal(rustix::process::Signal::CONT).unwrap();
    let answer = deleting.answer();
    place.sql("ALTER TABLE key_objects_away RENAME TO key_objects");
    assert_eq!(answer.status, 500, "{}", answer.text());
    let request_id = answer.request_id().to_owned();
    let found = place.eventually(2, |record| record["requestID"] == request_id.as_str());
    let (refused, changed): (Vec<_>, Vec<_>) = found.iter().partition(|record| record.get("errorCode").is_some());
    assert_eq!((refused.len(), changed.len()), (1, 1), "{found:?}");
    assert_eq!(refused[0]["errorCode"], answer.json()["__type"]);
    assert_ne!(refused[0]["eventID"], changed[0]["eventID"]);
    assert_eq!(changed[0]["addendum"], json!({"reason": "DELIVERY_DELAY"}));
    assert_eq!(changed[0]["responseElements"]["keyId"], made["KeyMetadata"]["Arn"]);
    place.no_row_remains();
    server.stop().unwrap();
    let report = kms_audit::verify(&place.data().join("audit")).unwrap();
    assert_eq!((report.first_break, report.late, report.doubles), (None, 1, 0));
}
