//! `strongroom reconcile`: an unknown object is listed, left alone unasked, destroyed when asked, and nothing else is touched.

use kms_e2e::{Server, ServerOptions, client, fresh_account, objects_of_key};
use kms_local::EphemeralFolder;
use serde_json::{Value, json};
use uuid::Uuid;

use super::support::{command, count_keys, json, put_key};
use crate::support::{REGION, decrypt, encrypt, eventually, imported_key, new_key};

const OPEN: i32 = 3;

fn ids(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|object| object["id"].as_str().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unknown_object_is_listed_and_destroyed_only_when_asked_beside_a_server() {
    let server = Server::start().unwrap();
    let data = server.data_dir();
    let client = client(server.endpoint(), &fresh_account(), REGION);
    let (made, imported) = (new_key(&client).await, imported_key(&client, 1).await);
    let letters = [encrypt(&client, made.key_id()).await, encrypt(&client, imported.key_id()).await];
    eventually("all pairs are made", async || json(&["reconcile"], data).0 == 0).await;

    let (unknown, foreign) = (Uuid::new_v4(), Uuid::new_v4());
    put_key(data, unknown, &format!("{REGION}/{}", Uuid::new_v4()));
    put_key(data, foreign, "somebody else's");
    let (status, listed) = json(&["reconcile"], data);
    assert_eq!((status, ids(&listed["unknown"])), (OPEN, vec![unknown.to_string().as_str()]), "{listed}");
    assert_eq!(listed["missing"], json!([]));
    let text = command(&["reconcile"], data);
    assert!(String::from_utf8_lossy(&text.stdout).contains(&format!("unknown     {unknown}  secret key")), "{text:?}");
    assert_eq!((count_keys(data, unknown), count_keys(data, foreign)), (1, 1), "a list destroys nothing");

    let (status, ended) = json(&["reconcile", "--destroy-unknown"], data);
    assert_eq!((status, &ended["destroyed"]), (0, &json!([unknown.to_string()])), "{ended}");
    assert_eq!((count_keys(data, unknown), count_keys(data, foreign)), (0, 1), "what is not ours is not touched");
    for letter in &letters {
        assert_eq!(decrypt(&client, letter).await, b"hello", "what is present is not touched");
    }
    assert_eq!(objects_of_key(data, imported.key_id()).unwrap(), 1);

    // From outside the tombstone shows by this: what comes back under the same id is no unknown object any more.
    put_key(data, unknown, &format!("{REGION}/{}", Uuid::new_v4()));
    let (status, again) = json(&["reconcile"], data);
    assert!(status == 0 || again["returned"] == json!([unknown.to_string()]), "{again}");
    assert_eq!(again["unknown"], json!([]));
}

#[tokio::test]
async fn without_a_server_it_works_too_and_leaves_nothing_running() {
    let folder = EphemeralFolder::new("strongroom-e2e-").unwrap();
    let data = folder.path().join("data");
    let mut server = Server::start_in(&data, &ServerOptions::default()).unwrap();
    let account = fresh_account();
    let before = client(server.endpoint(), &account, REGION);
    let key = imported_key(&before, 1).await;
    let letter = encrypt(&before, key.key_id()).await;
    server.stop().unwrap();
    let root = Uuid::new_v4();
    put_key(&data, root, "strongroom/root");
    let (status, listed) = json(&["reconcile", "--destroy-unknown"], &data);
    assert_eq!((status, ids(&listed["unknown"])), (OPEN, vec![root.to_string().as_str()]), "{listed}");
    assert_eq!((&listed["destroyed"], count_keys(&data, root)), (&json!([]), 1), "a root key is never destroyed");
    assert!(!data.join("postgres/postmaster.pid").exists(), "its Postgres is stopped");
    let server = Server::start_in(&data, &ServerOptions::default()).unwrap();
    assert_eq!(decrypt(&client(server.endpoint(), &account, REGION), &letter).await, b"hello");
}

#[tokio::test]
async fn what_the_token_lost_is_named_with_its_key() {
    let server = Server::start().unwrap();
    let client = client(server.endpoint(), &fresh_account(), REGION);
    let key = new_key(&client).await;
    let label = format!("{REGION}/{}", key.key_id());
    let gone =
        super::support::pkcs11_tool(server.data_dir(), &["--delete-object", "--type", "secrkey", "--label", &label]);
    assert!(gone.status.success(), "{gone:?}");
    let (status, listed) = json(&["reconcile", "--destroy-unknown"], server.data_dir());
    assert_eq!((status, &listed["missing"][0]["key"]), (OPEN, &json!(key.arn())), "{listed}");
}

#[test]
fn a_folder_that_is_none_is_refused_and_not_made() {
    let folder = EphemeralFolder::new("strongroom-e2e-").unwrap();
    let nothing = folder.path().join("nothing");
    let refused = command(&["reconcile"], &nothing);
    assert_eq!(refused.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("no folder of `strongroom dev`"), "{refused:?}");
    assert!(!nothing.exists());
}
