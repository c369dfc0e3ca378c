//! `--ephemeral`: nothing is left behind, however it ends.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use kms_e2e::{client, fresh_account};
use rustix::process::{Pid, Signal, kill_process};

use super::process::{processes_with, spawn};
use crate::support::{REGION, encrypt, new_key};

/// A running ephemeral server, its endpoint and its folder.
fn start() -> (Child, String, PathBuf) {
    let mut child = spawn(&["dev", "--ephemeral", "--listen", "127.0.0.1:0"], Stdio::null());
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let endpoint = line.trim_end().strip_prefix("strongroom is ready at ").unwrap_or_else(|| panic!("{line:?}"));
    (child, endpoint.to_owned(), folder_of_the_child_of(line_owner_of(endpoint)))
}

/// The process that listens: the child whose command line names the folder.
fn line_owner_of(endpoint: &str) -> u32 {
    let port = endpoint.rsplit(':').next().unwrap();
    let candidates = processes_with("--until-stdin-ends");
    let listens = |pid: &u32| {
        let folder = folder_of_the_child_of(*pid);
        std::fs::read_to_string(folder.join("env")).is_ok_and(|text| text.contains(&format!(":{port}\n")))
    };
    candidates.into_iter().find(listens).expect("the server runs as a child")
}

fn folder_of_the_child_of(pid: u32) -> PathBuf {
    let command_line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let text = String::from_utf8_lossy(&command_line).into_owned();
    let mut words = text.split('\0').skip_while(|word| *word != "--data-dir");
    words.nth(1).unwrap_or_default().into()
}

#[track_caller]
fn assert_nothing_is_left(folder: &std::path::Path) {
    let name = folder.to_str().unwrap();
    assert!(name.contains("strongroom-dev-"), "{name}");
    let deadline = Instant::now() + Duration::from_secs(15);
    while folder.exists() || !processes_with(name).is_empty() {
        assert!(Instant::now() < deadline, "left: {:?}, folder: {}", processes_with(name), folder.exists());
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[tokio::test]
async fn after_sigterm_neither_processes_nor_files_are_left() {
    let (mut child, endpoint, folder) = start();
    let client = client(&endpoint, &fresh_account(), REGION);
    let key = new_key(&client).await;
    encrypt(&client, key.key_id()).await;
    kill_process(Pid::from_raw(child.id().try_into().unwrap()).unwrap(), Signal::TERM).unwrap();
    assert!(child.wait().unwrap().success());
    assert_nothing_is_left(&folder);
}

#[tokio::test]
async fn after_sigkill_neither_processes_nor_files_are_left() {
    let (mut child, endpoint, folder) = start();
    new_key(&client(&endpoint, &fresh_account(), REGION)).await;
    child.kill().unwrap();
    child.wait().unwrap();
    assert_nothing_is_left(&folder);
}

#[tokio::test]
async fn after_sigkill_of_the_server_itself_neither_processes_nor_files_are_left() {
    let (mut child, endpoint, folder) = start();
    let server = line_owner_of(&endpoint);
    kill_process(Pid::from_raw(server.try_into().unwrap()).unwrap(), Signal::KILL).unwrap();
    assert!(!child.wait().unwrap().success());
    assert_nothing_is_left(&folder);
}
