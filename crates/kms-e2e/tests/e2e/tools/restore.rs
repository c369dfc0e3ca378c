//! One of the two comes back from an older backup: what runbook.md says under "Restore" happens, and nothing else.

use std::path::Path;
use std::process::Command;

use aws_sdk_kms::Client;
use aws_sdk_kms::types::KeyState;
use kms_e2e::{Server, ServerOptions, client, fresh_account, import, material, objects_of_key};
use kms_local::EphemeralFolder;
use serde_json::{Value, json};

use super::support::json;
use crate::support::{REGION, decrypt, encrypt, imported_key, new_key, state};

/// A copy with owners and modes, over whatever is there.
fn copy(from: &Path, to: &Path) {
    let script = r#"rm -rf "$2" && cp -a "$1" "$2""#;
    let copied = Command::new("sh").args(["-c", script, "copy"]).args([from, to]).status().unwrap();
    assert!(copied.success());
}

fn start(data: &Path) -> Server {
    Server::start_in(data, &ServerOptions::default()).unwrap()
}

fn keys_of(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().filter_map(|row| row["key"].as_str()).collect()
}

/// A key before the backup, a deletion and two keys after it, and the backup of `part` put back.
struct Scene {
    folder: EphemeralFolder,
    account: String,
    deleted: aws_sdk_kms::types::KeyMetadata,
    letter: aws_sdk_kms::primitives::Blob,
    later_made: aws_sdk_kms::types::KeyMetadata,
    later_imported: aws_sdk_kms::types::KeyMetadata,
}

impl Scene {
    async fn play(part: &str) -> Self {
        let folder = EphemeralFolder::new("strongroom-e2e-").unwrap();
        let (data, account) = (folder.path().join("data"), fresh_account());
        let mut server = start(&data);
        let kms = client(server.endpoint(), &account, REGION);
        let deleted = imported_key(&kms, 1).await;
        let letter = encrypt(&kms, deleted.key_id()).await;
        server.stop().unwrap();
        let (part, backup) = (data.join(part), folder.path().join("backup"));
        copy(&part, &backup);
        let mut server = start(&data);
        let kms = client(server.endpoint(), &account, REGION);
        kms.delete_imported_key_material().key_id(deleted.key_id()).send().await.unwrap();
        let (later_made, later_imported) = (new_key(&kms).await, imported_key(&kms, 2).await);
        server.stop().unwrap();
        copy(&backup, &part);
        Self { folder, account, deleted, letter, later_made, later_imported }
    }

    fn serve(&self) -> (Server, Client) {
        let server = start(&self.folder.path().join("data"));
        let kms = client(server.endpoint(), &self.account, REGION);
        (server, kms)
    }
}

#[tokio::test]
async fn an_older_token_beside_a_newer_database_brings_nothing_back_and_names_what_it_lacks() {
    let scene = Scene::play("token").await;
    let data = scene.folder.path().join("data");
    assert_eq!(objects_of_key(&data, scene.deleted.key_id()).unwrap(), 1, "the backup holds what was deleted");
    let (server, kms) = scene.serve();
    assert_eq!(
        objects_of_key(&data, scene.deleted.key_id()).unwrap(),
        0,
        "it is destroyed again before the server is ready"
    );
    assert_eq!(state(&kms, scene.deleted.key_id()).await, KeyState::PendingImport);
    let (_, listed) = json(&["reconcile"], server.data_dir());
    let mut missing = keys_of(&listed["missing"]);
    missing.sort_unstable();
    let mut expected = vec![scene.later_made.arn().unwrap(), scene.later_imported.arn().unwrap()];
    expected.sort_unstable();
    assert_eq!((missing, &listed["unknown"]), (expected, &json!([])), "{listed}");
    kms.delete_imported_key_material().key_id(scene.later_imported.key_id()).send().await.unwrap();
    import(&kms, scene.later_imported.key_id(), &material(2)).await.unwrap();
    encrypt(&kms, scene.later_imported.key_id()).await;
}

#[tokio::test]
async fn an_older_database_beside_a_newer_token_destroys_nothing_and_names_what_it_does_not_know() {
    let scene = Scene::play("postgres").await;
    let (server, kms) = scene.serve();
    let data = server.data_dir();
    let (_, listed) = json(&["reconcile"], data);
    assert_eq!(keys_of(&listed["missing"]), [scene.deleted.arn().unwrap()], "{listed}");
    let labels: Vec<&str> =
        listed["unknown"].as_array().unwrap().iter().map(|it| it["label"].as_str().unwrap()).collect();
    for key in [&scene.later_made, &scene.later_imported] {
        assert!(labels.iter().any(|label| label.ends_with(key.key_id())), "{listed}");
        assert_eq!(objects_of_key(data, key.key_id()).unwrap(), 1, "it is kept for a newer backup");
        assert!(kms.describe_key().key_id(key.key_id()).send().await.is_err());
    }
    // What was deleted after the backup stays deleted until its owner imports it again.
    kms.delete_imported_key_material().key_id(scene.deleted.key_id()).send().await.unwrap();
    import(&kms, scene.deleted.key_id(), &material(1)).await.unwrap();
    assert_eq!(decrypt(&kms, &scene.letter).await, b"hello");
    let (status, ended) = json(&["reconcile", "--destroy-unknown"], data);
    assert_eq!(ended["unknown"], json!([]), "{status} {ended}");
    assert_eq!(objects_of_key(data, scene.later_made.key_id()).unwrap(), 0);
    assert_eq!(decrypt(&kms, &scene.letter).await, b"hello");
}
