//! The folder: one owner, kept between runs, files to source, adopted after a kill.

use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use kms_e2e::{Server, ServerOptions, client, fresh_account};
use kms_local::EphemeralFolder;

use super::process::{run, sentence, text};
use crate::support::{REGION, decrypt, encrypt, imported_key, new_key, state};

fn start(folder: &EphemeralFolder) -> Server {
    Server::start_in(&folder.path().join("data"), &ServerOptions::default()).unwrap()
}

#[test]
fn a_second_server_over_the_same_folder_is_refused_and_the_first_goes_on() {
    let folder = EphemeralFolder::new("strongroom-e2e-").unwrap();
    let first = start(&folder);
    let output = run(&["dev", "--listen", "127.0.0.1:0", "--data-dir", text(first.data_dir())]);
    let wanted = format!("{} is in use by process {}", first.data_dir().display(), first.pid());
    assert_eq!(sentence(&output), wanted);
    std::net::TcpStream::connect(first.address()).unwrap();
}

#[tokio::test]
async fn keys_and_ciphertexts_survive_a_stop_and_a_start() {
    let folder = EphemeralFolder::new("strongroom-e2e-").unwrap();
    let account = fresh_account();
    let mut server = start(&folder);
    let before = client(server.endpoint(), &account, REGION);
    let keys = [new_key(&before).await, imported_key(&before, 1).await];
    let ciphertexts = [encrypt(&before, keys[0].key_id()).await, encrypt(&before, keys[1].key_id()).await];
    let disabled = new_key(&before).await;
    before.disable_key().key_id(disabled.key_id()).send().await.unwrap();
    server.stop().unwrap();
    assert!(super::process::processes_with(text(server.data_dir())).is_empty(), "nothing of it runs on");
    let server = start(&folder);
    let after = client(server.endpoint(), &account, REGION);
    for (key, ciphertext) in keys.iter().zip(&ciphertexts) {
        assert_eq!(crate::support::describe(&after, key.key_id()).await, *key);
        assert_eq!(decrypt(&after, ciphertext).await, b"hello");
    }
    assert_eq!(state(&after, disabled.key_id()).await.as_str(), "Disabled");
    assert_eq!(after.list_keys().send().await.unwrap().keys().len(), 3);
}

#[tokio::test]
async fn after_a_kill_the_next_start_adopts_the_postgres_that_still_runs() {
    let folder = EphemeralFolder::new("strongroom-e2e-").unwrap();
    let account = fresh_account();
    let mut server = start(&folder);
    let before = client(server.endpoint(), &account, REGION);
    let key = imported_key(&before, 2).await;
    let ciphertext = encrypt(&before, key.key_id()).await;
    let postmaster = || {
        let file = std::fs::read_to_string(folder.path().join("data/postgres/postmaster.pid")).unwrap();
        file.lines().next().unwrap().to_owned()
    };
    let first = postmaster();
    let address = server.address().to_owned();
    server.kill().unwrap();
    let server = Server::start_at(&folder.path().join("data"), &address, &ServerOptions::default()).unwrap();
    assert_eq!(server.address(), address, "the port is free at once");
    assert_eq!(postmaster(), first, "the same Postgres");
    let after = client(server.endpoint(), &account, REGION);
    assert_eq!(decrypt(&after, &ciphertext).await, b"hello");
    after.delete_imported_key_material().key_id(key.key_id()).send().await.unwrap();
}

#[test]
fn the_files_to_source_name_endpoint_credentials_and_token() {
    let server = Server::shared();
    let run = |script: &str| {
        let output = Command::new("sh").args(["-c", script, "sh"]).arg(server.data_dir()).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let endpoint = server.endpoint();
    assert_eq!(
        run(
            r#". "$1/env"; echo "$AWS_ENDPOINT_URL $AWS_ENDPOINT_URL_KMS $AWS_ACCESS_KEY_ID $AWS_SECRET_ACCESS_KEY $AWS_REGION""#
        ),
        format!("{endpoint} {endpoint} test test us-east-1\n")
    );
    assert_eq!(
        run(r#". "$1/token.env"; ls "$SOFTHSM2_CONF" "$PKCS11_MODULE" | wc -l; echo "$TOKEN_LABEL""#),
        "2\nstrongroom-dev\n"
    );
    let mode = |name: &str| server.data_dir().join(name).metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(""), mode("token.env"), mode("token.pin"), mode("audit")), (0o700, 0o600, 0o600, 0o700));
}
