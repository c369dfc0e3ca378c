//! A private Postgres that dies under the server: `dev` ends and says so, and the next start recovers.

use std::time::{Duration, Instant};

use kms_e2e::{Server, ServerOptions, client, fresh_account};
use kms_local::EphemeralFolder;
use rustix::process::{Pid, Signal, kill_process};

use crate::support::{REGION, decrypt, describe, encrypt, new_key};

#[tokio::test]
async fn when_its_postgres_is_killed_dev_ends_and_the_next_start_serves_the_same_keys() {
    let folder = EphemeralFolder::new("strongroom-e2e-").unwrap();
    let data = folder.path().join("data");
    let account = fresh_account();
    let mut server = Server::start_in(&data, &ServerOptions::default()).unwrap();
    let before = client(server.endpoint(), &account, REGION);
    let key = new_key(&before).await;
    let ciphertext = encrypt(&before, key.key_id()).await;
    let file = std::fs::read_to_string(data.join("postgres/postmaster.pid")).unwrap();
    let postmaster = file.lines().next().unwrap().parse().unwrap();
    kill_process(Pid::from_raw(postmaster).unwrap(), Signal::KILL).unwrap();
    let since = Instant::now();
    while !server.has_ended() {
        assert!(since.elapsed() < Duration::from_secs(20), "dev goes on without its Postgres");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let log = server.log();
    let sentences = log.lines().filter(|line| line.starts_with("strongroom: ")).collect::<Vec<_>>();
    assert_eq!(sentences.len(), 1, "it failed, once: {log}");
    assert!(sentences[0].starts_with("strongroom: the private Postgres has ended"), "{log}");
    let server = Server::start_in(&data, &ServerOptions::default()).unwrap();
    let after = client(server.endpoint(), &account, REGION);
    assert_eq!(describe(&after, key.key_id()).await, key);
    assert_eq!(decrypt(&after, &ciphertext).await, b"hello");
    new_key(&after).await;
}

#[test]
fn an_orderly_stop_is_never_taken_for_a_loss() {
    let folder = EphemeralFolder::new("strongroom-e2e-").unwrap();
    let mut server = Server::start_in(&folder.path().join("data"), &ServerOptions::default()).unwrap();
    server.stop().unwrap();
    assert!(!server.log().contains("has ended"), "{}", server.log());
}
