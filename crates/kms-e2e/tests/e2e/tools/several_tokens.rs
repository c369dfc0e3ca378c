//! A deployment with two tokens: which keys live where, and what the commands beside a node say of both.

use std::path::{Path, PathBuf};

use aws_sdk_kms::Client;
use aws_sdk_kms::types::{KeyMetadata, KeySpec, KeyUsageType};
use kms_e2e::{Server, ServerOptions, client, fresh_account, objects_of_key, pq_module};
use kms_local::EphemeralFolder;
use serde_json::Value;
use uuid::Uuid;

use super::support::{command, count_keys, json, put_key};
use crate::support::{REGION, decrypt, encrypt, eventually, imported_key, new_key, state};

const OPEN: i32 = 3;
const FIRST: &str = "strongroom-dev";
const SECOND: &str = "strongroom-dev-pq";

/// Where the second token of `dev` lies.
fn second_of(data: &Path) -> PathBuf {
    data.join("pq")
}

fn with_module() -> ServerOptions {
    let module = pq_module().expect("STRONGROOM_PQ_MODULE names the module of the second token");
    ServerOptions {
        arguments: vec!["--pq-module".to_owned(), module.display().to_string()],
        ..ServerOptions::default()
    }
}

async fn lattice_key(client: &Client) -> KeyMetadata {
    let create = client.create_key().key_spec(KeySpec::MlDsa44).key_usage(KeyUsageType::SignVerify);
    create.send().await.unwrap().key_metadata.unwrap()
}

/// The lines of a command that prints one JSON object for each token.
fn of_each_token(arguments: &[&str], data: &Path) -> (i32, Vec<Value>) {
    let output = command(arguments, data);
    let text = String::from_utf8(output.stdout).unwrap();
    let lines = text.lines().map(|line| serde_json::from_str(line).unwrap());
    (output.status.code().unwrap(), lines.collect())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a second token: cargo xtask test --pq"]
async fn a_key_is_made_in_the_first_token_that_serves_it_and_goes_from_there() {
    let folder = EphemeralFolder::new("strongroom-e2e-").unwrap();
    let data = folder.path().join("data");
    let server = Server::start_in(&data, &with_module()).unwrap();
    let client = client(server.endpoint(), &fresh_account(), REGION);
    let (lattice, symmetric) = (lattice_key(&client).await, new_key(&client).await);
    let count = |key: &KeyMetadata| {
        [&data, &second_of(&data)].map(|place| objects_of_key(place, key.key_id()).expect("the token can be looked at"))
    };
    assert_eq!((count(&lattice), count(&symmetric)), ([0, 1], [1, 0]));
    for key in [&lattice, &symmetric] {
        client.schedule_key_deletion().key_id(key.key_id()).pending_window_in_days(7).send().await.unwrap();
    }
    server.set_clock_offset(8 * 86_400).unwrap();
    eventually("both are gone", async || count(&lattice) == [0, 0] && count(&symmetric) == [0, 0]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a second token: cargo xtask test --pq"]
async fn the_second_token_is_found_again_and_never_left_out_in_silence() {
    let folder = EphemeralFolder::new("strongroom-e2e-").unwrap();
    let data = folder.path().join("data");
    let account = fresh_account();
    let mut server = Server::start_in(&data, &ServerOptions::default()).unwrap();
    let before = client(server.endpoint(), &account, REGION);
    let imported = imported_key(&before, 1).await;
    let letter = encrypt(&before, imported.key_id()).await;
    server.stop().unwrap();

    let mut server = Server::start_in(&data, &with_module()).unwrap();
    let lattice = lattice_key(&client(server.endpoint(), &account, REGION)).await;
    server.stop().unwrap();

    let mut server = Server::start_in(&data, &ServerOptions::default()).unwrap();
    let after = client(server.endpoint(), &account, REGION);
    assert_eq!(decrypt(&after, &letter).await, b"hello");
    assert_eq!(state(&after, lattice.key_id()).await.as_str(), "Enabled");
    let sign = after.sign().key_id(lattice.key_id()).message(aws_sdk_kms::primitives::Blob::new("x"));
    sign.signing_algorithm(aws_sdk_kms::types::SigningAlgorithmSpec::MlDsaShake256).send().await.unwrap();
    server.stop().unwrap();

    let second = second_of(&data);
    let start = || format!("{:#}", Server::start_in(&data, &ServerOptions::default()).unwrap_err());
    std::fs::rename(second.join("token"), second.join("away")).unwrap();
    let said = start();
    assert!(said.contains(&format!("{}/token is missing", second.display())), "{said}");
    assert!(!second.join("token").exists(), "nothing is made anew");
    std::fs::rename(second.join("away"), second.join("token")).unwrap();
    std::fs::rename(second.join("module.so"), second.join("module.away")).unwrap();
    let said = start();
    assert!(said.contains(&format!("the token {SECOND} of this deployment is not configured: add it")), "{said}");
    std::fs::rename(second.join("module.away"), second.join("module.so")).unwrap();
    Server::start_in(&data, &ServerOptions::default()).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a second token: cargo xtask test --pq"]
async fn the_commands_beside_a_node_look_at_both_tokens() {
    let folder = EphemeralFolder::new("strongroom-e2e-").unwrap();
    let data = folder.path().join("data");
    let server = Server::start_in(&data, &with_module()).unwrap();
    let client = client(server.endpoint(), &fresh_account(), REGION);
    lattice_key(&client).await;
    new_key(&client).await;
    eventually("all pairs are made", async || of_each_token(&["reconcile", "--json"], &data).0 == 0).await;

    let (status, report) = json(&["doctor"], &data);
    assert_eq!((status, &report["well"]), (0, &Value::Bool(true)), "{report}");
    let tokens = report["tokens"].as_array().unwrap();
    let labels: Vec<_> = tokens.iter().map(|token| token["label"].as_str().unwrap()).collect();
    assert_eq!(labels, [FIRST, SECOND]);
    let makes = |token: &Value, spec: &str| {
        let row = token["keys"].as_array().unwrap().iter().find(|row| row["keySpec"] == spec).unwrap();
        row["generate"].is_null()
    };
    for spec in ["ML_DSA_44", "ML_DSA_65", "ML_DSA_87", "ML_KEM_512", "ML_KEM_768", "ML_KEM_1024"] {
        assert_eq!(tokens.iter().map(|token| makes(token, spec)).collect::<Vec<_>>(), [false, true], "{spec}");
    }

    let unknown = Uuid::new_v4();
    put_key(&second_of(&data), unknown, &format!("{REGION}/{}", Uuid::new_v4()));
    let (status, listed) = of_each_token(&["reconcile", "--json"], &data);
    assert_eq!((status, listed.len()), (OPEN, 2));
    assert_eq!(listed[0]["unknown"], Value::Array(vec![]));
    assert_eq!(listed[1]["unknown"][0]["id"], unknown.to_string());
    let (status, ended) = of_each_token(&["reconcile", "--json", "--destroy-unknown"], &data);
    assert_eq!((status, &ended[1]["destroyed"][0]), (0, &Value::String(unknown.to_string())), "{ended:?}");
    assert_eq!(count_keys(&second_of(&data), unknown), 0);
    drop(server);
}
