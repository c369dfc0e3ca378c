//! A token folder that is away: never made anew, nothing destroyed, everything back when it is.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use kms_core::Operation;
use kms_e2e::{Server, ServerOptions, client, fresh_account, material, objects_of_key};
use kms_local::EphemeralFolder;

use super::process::{run, sentence, text};
use crate::calls::{Subject, call};
use crate::support::{REGION, decrypt, encrypt, imported_key, new_key, parameters};

#[tokio::test]
async fn a_token_that_is_gone_at_the_start_is_never_made_anew() {
    let folder = EphemeralFolder::new("strongroom-e2e-").unwrap();
    let data = folder.path().join("data");
    let account = fresh_account();
    let mut server = Server::start_in(&data, &ServerOptions::default()).unwrap();
    let before = client(server.endpoint(), &account, REGION);
    let key = new_key(&before).await;
    let ciphertext = encrypt(&before, key.key_id()).await;
    server.stop().unwrap();
    let (token, away) = (data.join("token"), data.join("token.away"));
    std::fs::rename(&token, &away).unwrap();
    let start = || run(&["dev", "--listen", "127.0.0.1:0", "--data-dir", text(&data)]);
    let missing = format!("the token under {} is missing; restore it", token.display());
    let reason = sentence(&start());
    assert!(reason.starts_with(&missing), "{reason}");
    assert!(!token.exists(), "no new token was made");
    std::fs::create_dir(&token).unwrap();
    let reason = sentence(&start());
    assert!(reason.starts_with(&missing), "an empty folder is no token: {reason}");
    std::fs::remove_dir(&token).unwrap();
    std::fs::rename(&away, &token).unwrap();
    let server = Server::start_in(&data, &ServerOptions::default()).unwrap();
    assert_eq!(decrypt(&client(server.endpoint(), &account, REGION), &ciphertext).await, b"hello");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_that_goes_away_under_the_server_ends_it_and_destroys_nothing() {
    let folder = EphemeralFolder::new("strongroom-e2e-").unwrap();
    let data = folder.path().join("data");
    let account = fresh_account();
    let mut server = Server::start_in(&data, &ServerOptions::default()).unwrap();
    let before = client(server.endpoint(), &account, REGION);
    let key = imported_key(&before, 1).await;
    let set = parameters(&before, key.key_id()).await;
    let subject = Subject {
        alias: String::new(),
        key_id: key.key_id.clone(),
        ciphertext: encrypt(&before, key.key_id()).await,
        wrapped: set.wrap(&material(1)),
        token: set.token,
    };
    assert_eq!(health(server.address()), 200);
    let (token, away) = (data.join("token"), data.join("token.away"));
    std::fs::rename(&token, &away).unwrap();
    let since = Instant::now();
    let (mut was_unready, mut seen) = (false, Vec::new());
    while !server.has_ended() {
        assert!(since.elapsed() < Duration::from_secs(60), "the server goes on without its token");
        was_unready |= health(server.address()) == 503;
        for operation in [Operation::DeleteImportedKeyMaterial, Operation::CreateKey, Operation::ImportKeyMaterial] {
            // The last call may meet the end of the process: no answer is no refusal.
            let Ok(outcome) = tokio::spawn(try_call(before.clone(), operation, subject.clone())).await else { break };
            seen.push((operation, outcome));
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    assert!(was_unready, "/health/ready says 503 meanwhile");
    for (operation, outcome) in &seen {
        let code = outcome.as_ref().err().map(String::as_str);
        assert!(
            matches!(code, Some("DependencyTimeoutException" | "KMSInternalException" | "KMSInvalidStateException")),
            "{operation} without a token: {outcome:?}"
        );
    }
    assert!(server.log().contains("nothing was destroyed"), "{}", server.log());
    assert!(!token.exists(), "no new token was made");
    std::fs::rename(&away, &token).unwrap();
    let server = Server::start_in(&data, &ServerOptions::default()).unwrap();
    let after = client(server.endpoint(), &account, REGION);
    kms_e2e::import(&after, key.key_id(), &material(1)).await.unwrap();
    assert_eq!(decrypt(&after, &subject.ciphertext).await, b"hello");
    assert_eq!(objects_of_key(&data, key.key_id()).unwrap(), 1);
}

async fn try_call(client: aws_sdk_kms::Client, operation: Operation, subject: Subject) -> Result<(), String> {
    call(&client, operation, &subject).await.map_err(|refusal| refusal.code)
}

/// The status of `/health/ready`; 0 when nobody answers.
fn health(address: &str) -> u16 {
    let ask = || -> std::io::Result<String> {
        let mut stream = TcpStream::connect(address)?;
        stream.write_all(b"GET /health/ready HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    };
    let answer = ask().unwrap_or_default();
    answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0)
}
