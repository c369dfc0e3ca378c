//! `strongroom doctor`: everything well beside a server and without one, each thing that is wrong by its name, and nothing
//! changed by looking.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;
use std::process::{Command, Output};

use kms_e2e::{Server, ServerOptions, client, fresh_account};
use kms_local::EphemeralFolder;
use kms_test::{TestDatabase, TestToken};
use serde_json::Value;

use super::support::{json, objects_folder, pkcs11_tool};
use crate::support::{REGION, eventually, new_key};

const WRONG: i32 = 3;

/// Verdict and text by name.
fn by_name(report: &Value) -> BTreeMap<&str, (&str, &str)> {
    let findings = report["findings"].as_array().unwrap();
    findings
        .iter()
        .map(|finding| {
            let member = |name: &str| finding[name].as_str().unwrap();
            (member("name"), (member("verdict"), member("text")))
        })
        .collect()
}

/// What is wrong, with the reasons.
fn wrongs(report: &Value) -> Vec<(String, String)> {
    let wrong = by_name(report).into_iter().filter(|(_, (verdict, _))| *verdict == "wrong");
    wrong.map(|(name, (_, text))| (name.to_owned(), text.to_owned())).collect()
}

#[tokio::test]
async fn beside_a_server_all_is_well_and_each_promised_point_is_looked_at() {
    let server = Server::start().unwrap();
    let client = client(server.endpoint(), &fresh_account(), REGION);
    new_key(&client).await;
    let (status, report) = json(&["doctor"], server.data_dir());
    assert_eq!((status, &report["well"], wrongs(&report)), (0, &Value::Bool(true), vec![]), "{report}");
    let findings = by_name(&report);
    for name in [
        "library",
        "token",
        "self-test",
        "write lock",
        "token.object",
        "audit files",
        "CKM_SHA256_HMAC",
        "CKM_RSA_X_509",
        "database",
        "clocks",
        "schema",
        "deployment",
        "root key",
    ] {
        assert_eq!(findings.get(name).map(|found| found.0), Some("ok"), "{name}: {report}");
    }
    assert!(findings["RSAES_OAEP_SHA_256"].1.contains("padding removed by the process"), "SoftHSM has no such OAEP");
    assert!(findings["RSAES_OAEP_SHA_1"].1.contains("in the token"));
    for name in ["audit folder", "token folder"] {
        assert!(findings[name].1.contains("MiB free"), "{report}");
    }
    for name in ["SYMMETRIC_DEFAULT ENCRYPT_DECRYPT", "ECC_NIST_P521 KEY_AGREEMENT", "RSA_4096 SIGN_VERIFY"] {
        assert_eq!(findings.get(name).map(|found| found.0), Some("ok"), "{name}: {report}");
    }
    assert!(findings["ECC_NIST_EDWARDS25519 SIGN_VERIFY"].1.contains("not ED25519_PH_SHA_512"), "{report}");
    let keys = report["tokens"][0]["keys"].as_array().unwrap();
    let row = |spec: &str| keys.iter().find(|row| row["keySpec"] == spec).unwrap();
    assert_eq!((&row("RSA_2048")["generate"], &row("RSA_2048")["promised"]), (&Value::Null, &Value::Bool(true)));
    assert_eq!(row("RSA_2048")["import"]["RSA_AES_KEY_WRAP_SHA_256"], Value::Null);
    assert!(row("SM2")["generate"].is_string() && row("SM2")["promised"] == Value::Bool(false), "{report}");
    new_key(&client).await;
}

#[tokio::test]
async fn without_a_server_it_changes_no_object_and_stops_what_it_started() {
    let folder = EphemeralFolder::new("strongroom-e2e-").unwrap();
    let data = folder.path().join("data");
    let mut server = Server::start_in(&data, &ServerOptions::default()).unwrap();
    new_key(&client(server.endpoint(), &fresh_account(), REGION)).await;
    server.stop().unwrap();
    let before = objects(&data.join("token"));
    assert!(before.len() > 2, "{before:?}");
    let (status, report) = json(&["doctor"], &data);
    assert_eq!((status, wrongs(&report)), (0, vec![]), "{report}");
    assert_eq!(objects(&data.join("token")), before);
    assert!(!data.join("postgres/postmaster.pid").exists(), "its Postgres is stopped");
}

#[tokio::test]
async fn an_audit_file_that_a_start_would_refuse_is_named() {
    let folder = EphemeralFolder::new("strongroom-e2e-").unwrap();
    let data = folder.path().join("data");
    let mut server = Server::start_in(&data, &ServerOptions::default()).unwrap();
    let client = client(server.endpoint(), &fresh_account(), REGION);
    // The last line could be altered without a trace: none after it has its hash.
    for _ in 0..2 {
        new_key(&client).await;
    }
    server.stop().unwrap();
    let file = std::fs::read_dir(data.join("audit")).unwrap().flatten().map(|entry| entry.path());
    let file = file.into_iter().find(|path| path.extension().is_some_and(|ending| ending == "jsonl")).unwrap();
    let whole = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, whole.replacen("CreateKey", "CreateKee", 1)).unwrap();
    let (status, report) = json(&["doctor"], &data);
    let wrong = wrongs(&report);
    assert_eq!((status, wrong.len(), &*wrong[0].0), (WRONG, 1, "audit files"), "{report}");
    assert!(wrong[0].1.contains("is broken at line"), "{report}");
}

#[tokio::test]
async fn what_is_wrong_with_the_token_is_named() {
    let folder = EphemeralFolder::new("strongroom-e2e-").unwrap();
    let data = folder.path().join("data");
    let mut server = Server::start_in(&data, &ServerOptions::default()).unwrap();
    let key = new_key(&client(server.endpoint(), &fresh_account(), REGION)).await;
    server.stop().unwrap();

    let label = format!("{REGION}/{}", key.key_id());
    let gone = pkcs11_tool(&data, &["--delete-object", "--type", "secrkey", "--label", &label]);
    assert!(gone.status.success(), "{gone:?}");
    let (status, report) = json(&["doctor"], &data);
    let wrong = wrongs(&report);
    assert_eq!((status, wrong.len(), &*wrong[0].0), (WRONG, 1, "rows and objects"), "{report}");
    assert!(wrong[0].1.starts_with("1 missing"), "{report}");

    let token_object = objects_folder(&data.join("token")).join("token.object");
    std::fs::write(&token_object, b"").unwrap();
    let (status, report) = json(&["doctor"], &data);
    assert_eq!(status, WRONG);
    assert!(by_name(&report)["token.object"].1.starts_with("torn; the next start"), "{report}");
    assert_eq!(std::fs::read(&token_object).unwrap(), b"", "a look restores nothing");

    std::fs::rename(data.join("token"), data.join("token.away")).unwrap();
    let (status, report) = json(&["doctor"], &data);
    let findings = by_name(&report);
    assert_eq!((status, findings["token"].0, findings["database"].0), (WRONG, "wrong", "ok"), "{report}");
    assert!(findings["token"].1.contains("is missing; restore it"), "{report}");
    assert!(!data.join("token").exists(), "nothing is made anew");
}

#[tokio::test]
async fn a_configuration_is_looked_at_before_and_after_its_first_start() {
    let (database, token) = (TestDatabase::new(), TestToken::new());
    let folder = EphemeralFolder::new("strongroom-e2e-").unwrap();
    let config = folder.path().join("strongroom.toml");
    let data = folder.path().join("data");
    std::fs::create_dir(&data).unwrap();
    let url = folder.path().join("url");
    std::fs::write(&url, database.url()).unwrap();
    let settings = |softhsm_folder: &str| {
        let text = format!(
            "listen = '127.0.0.1:0'\ndata_dir = '{}'\ndatabase_url_file = '{}'\npkcs11_module = '{}'\n\
             token_label = '{}'\npin_file = '{}'\nno_recovery = true\n\
             log = 'info'\nlog_format = 'json'\n{softhsm_folder}\n",
            data.display(),
            url.display(),
            token.module().display(),
            token.label(),
            token.pin_file().display(),
        );
        std::fs::write(&config, text).unwrap();
    };
    let with_folder = format!("softhsm_folder = '{}'", token.token_folder().display());
    settings(&with_folder);
    let (status, report) = doctor(&config, &token);
    let wrong = wrongs(&report);
    assert_eq!((status, wrong.len(), &*wrong[0].0), (WRONG, 1, "schema"), "{report}");
    assert_eq!(database.execute("SELECT to_regclass('keys')::text"), None, "nothing is migrated");

    migrate(&config, &token);
    let (status, report) = doctor(&config, &token);
    assert_eq!((status, by_name(&report)["deployment"].0), (0, "note"), "no node has served yet: {report}");

    let server = Server::serve(&config, &data, &token.config_file(), &ServerOptions::default()).unwrap();
    eventually("all is well", async || doctor(&config, &token).0 == 0).await;
    let log = server.log();
    assert!(!log.is_empty() && log.lines().all(|line| serde_json::from_str::<Value>(line).is_ok()), "{log}");
    settings("");
    let (status, report) = doctor(&config, &token);
    assert_eq!((status, by_name(&report)["write lock"].0), (WRONG, "wrong"), "{report}");
    drop(server);

    std::fs::write(&url, "host=/nonexistent dbname=x password=secret-word").unwrap();
    settings(&with_folder);
    let (status, report) = doctor(&config, &token);
    assert_eq!((status, by_name(&report)["database"].0), (WRONG, "wrong"), "{report}");
    assert!(!report.to_string().contains("secret-word"));
}

fn strongroom(arguments: &[&str], config: &Path, token: &TestToken) -> Output {
    let mut command = Command::new(kms_e2e::strongroom_binary().unwrap());
    command.args(arguments).arg("--config").arg(config).env("SOFTHSM2_CONF", token.config_file());
    command.output().unwrap()
}

fn doctor(config: &Path, token: &TestToken) -> (i32, Value) {
    let output = strongroom(&["doctor", "--json"], config, token);
    let report = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"));
    (output.status.code().unwrap(), report)
}

fn migrate(config: &Path, token: &TestToken) {
    let migrated = strongroom(&["migrate"], config, token);
    assert!(migrated.status.success(), "{migrated:?}");
}

/// The files of all objects with their contents; `token.object`, which SoftHSM writes at each login, is none.
fn objects(token_folder: &Path) -> BTreeMap<OsString, Vec<u8>> {
    let files = std::fs::read_dir(objects_folder(token_folder)).unwrap().flatten();
    let is_object = |name: &OsString| name.to_string_lossy().ends_with(".object") && name != "token.object";
    files
        .map(|file| (file.file_name(), std::fs::read(file.path()).unwrap()))
        .filter(|(name, _)| is_object(name))
        .collect()
}
