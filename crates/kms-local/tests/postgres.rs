//! A private Postgres through crashes of its owner and of itself. These tests start real servers.

#![expect(clippy::unwrap_used, reason = "a test ends at the first surprise")]

use std::fs::{self, Permissions};
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use kms_local::{DATABASE, Durability, EphemeralFolder, Lifetime, PostgresOptions, PrivatePostgres};
use rustix::process::{Pid, Signal, kill_process};

const TIMEOUT: Duration = Duration::from_secs(10);
const KEPT: PostgresOptions = PostgresOptions { durability: Durability::Volatile, lifetime: Lifetime::UntilStopped };
const OWNED_FOLDER: &str = "STRONGROOM_TEST_OWNED_FOLDER";

fn ask(server: &PrivatePostgres, sql: &str) -> Option<String> {
    server.address().execute(DATABASE, sql, TIMEOUT).unwrap()
}

fn signal(pid: u32, signal: Signal) {
    kill_process(Pid::from_raw(pid.try_into().unwrap()).unwrap(), signal).unwrap();
}

fn is_alive(pid: u32) -> bool {
    // A zombie has ended, even if its parent has not looked yet.
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(')').next().is_some_and(|rest| !rest.trim().is_empty() && !rest.trim().starts_with('Z'))
}

fn ends_within(pid: u32, patience: Duration) -> bool {
    let start = Instant::now();
    while is_alive(pid) && start.elapsed() < patience {
        std::thread::sleep(Duration::from_millis(20));
    }
    !is_alive(pid)
}

#[test]
fn data_survives_a_stop_and_a_start() {
    let folder = EphemeralFolder::new("strongroom-try-").unwrap();
    let server = PrivatePostgres::start(folder.path(), PostgresOptions::DEV).unwrap();
    assert_eq!(ask(&server, "SHOW fsync").as_deref(), Some("on"));
    assert_eq!(ask(&server, "SHOW listen_addresses").as_deref(), Some(""));
    assert_eq!(ask(&server, "SHOW server_encoding").as_deref(), Some("UTF8"));
    ask(&server, "CREATE TABLE kept AS SELECT 42 AS answer");
    let pid = server.pid();
    server.stop().unwrap();
    assert!(!is_alive(pid));
    let server = PrivatePostgres::start(folder.path(), PostgresOptions::DEV).unwrap();
    assert!(!server.is_adopted());
    assert_eq!(ask(&server, "SELECT answer FROM kept").as_deref(), Some("42"));
}

#[test]
fn a_server_is_stopped_when_its_value_is_dropped() {
    let folder = EphemeralFolder::new("strongroom-try-").unwrap();
    let server = PrivatePostgres::start(folder.path(), KEPT).unwrap();
    let pid = server.pid();
    assert!(is_alive(pid));
    drop(server);
    assert!(!is_alive(pid));
}

#[test]
fn folder_and_socket_are_closed_to_other_users() {
    let folder = EphemeralFolder::new("strongroom-try-").unwrap();
    let server = PrivatePostgres::start(folder.path(), KEPT).unwrap();
    for path in [folder.path(), server.address().folder(), &folder.path().join("postgres")] {
        assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o700, "{}", path.display());
    }
}

#[test]
fn a_server_runs_below_a_folder_that_its_user_cannot_enter_and_with_a_path_too_long_for_a_socket() {
    let parent = EphemeralFolder::new("strongroom-try-").unwrap();
    fs::set_permissions(parent.path(), Permissions::from_mode(0o700)).unwrap();
    let dir = parent.path().join("a".repeat(60)).join("it's a long name of a folder");
    let server = PrivatePostgres::start(&dir, PostgresOptions::THROW_AWAY).unwrap();
    assert!(!server.address().folder().starts_with(parent.path()), "the socket is elsewhere");
    assert_eq!(ask(&server, "SELECT 7").as_deref(), Some("7"));
    let socket_folder = server.address().folder().to_path_buf();
    server.stop().unwrap();
    fs::remove_dir(socket_folder).unwrap();
}

/// Starts a server for whoever runs this test with the variable set, and waits to be killed.
#[expect(clippy::print_stdout, reason = "the output is how the owner tells the server to the test")]
fn own_a_server(dir: &Path, options: PostgresOptions) -> ! {
    let server = PrivatePostgres::start(dir, options).unwrap();
    ask(&server, "CREATE TABLE IF NOT EXISTS seen (x int)");
    println!("\nowned {}", server.pid());
    loop {
        std::thread::park();
    }
}

/// This test binary once more, as the owner of a server; it runs the test `name` alone.
fn spawn_owner(name: &str, dir: &Path) -> (Child, u32) {
    let mut owner = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture"])
        .env(OWNED_FOLDER, dir)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(owner.stdout.take().unwrap()).lines();
    let pid = lines.map_while(Result::ok).find_map(|line| line.strip_prefix("owned ")?.parse().ok());
    (owner, pid.expect("the owner says which server it has"))
}

fn kill_owner(mut owner: Child) {
    owner.kill().unwrap();
    owner.wait().unwrap();
}

#[test]
fn a_server_whose_owner_was_killed_is_adopted() {
    if let Some(dir) = std::env::var_os(OWNED_FOLDER) {
        own_a_server(Path::new(&dir), KEPT);
    }
    let folder = EphemeralFolder::new("strongroom-try-").unwrap();
    let (owner, pid) = spawn_owner("a_server_whose_owner_was_killed_is_adopted", folder.path());
    kill_owner(owner);
    assert!(is_alive(pid), "a kept server outlives its owner");
    let server = PrivatePostgres::start(folder.path(), KEPT).unwrap();
    assert!(server.is_adopted());
    assert_eq!(server.pid(), pid);
    assert_eq!(ask(&server, "SELECT count(*) FROM seen").as_deref(), Some("0"));
    server.stop().unwrap();
    assert!(ends_within(pid, TIMEOUT), "an adopted server is stopped as well");
}

#[test]
fn a_throw_away_server_ends_with_its_killed_owner() {
    if let Some(dir) = std::env::var_os(OWNED_FOLDER) {
        own_a_server(Path::new(&dir), PostgresOptions::THROW_AWAY);
    }
    let folder = EphemeralFolder::new("strongroom-try-").unwrap();
    let (owner, pid) = spawn_owner("a_throw_away_server_ends_with_its_killed_owner", folder.path());
    assert!(is_alive(pid));
    kill_owner(owner);
    assert!(ends_within(pid, TIMEOUT));
}

#[test]
fn a_stopped_server_goes_on_or_is_replaced_without_loss() {
    let folder = EphemeralFolder::new("strongroom-try-").unwrap();
    let first = PrivatePostgres::start(folder.path(), KEPT).unwrap();
    ask(&first, "CREATE TABLE kept AS SELECT 42 AS answer");
    let pid = first.pid();
    std::mem::forget(first);
    signal(pid, Signal::STOP);
    let start = Instant::now();
    let second = PrivatePostgres::start(folder.path(), KEPT).unwrap();
    assert_eq!(ask(&second, "SELECT answer FROM kept").as_deref(), Some("42"));
    assert!(start.elapsed() < Duration::from_secs(60));
    drop(second);
    assert!(!is_alive(pid));
}

#[test]
fn a_server_with_other_options_is_replaced() {
    let folder = EphemeralFolder::new("strongroom-try-").unwrap();
    let first = PrivatePostgres::start(folder.path(), KEPT).unwrap();
    let pid = first.pid();
    std::mem::forget(first);
    let second = PrivatePostgres::start(folder.path(), PostgresOptions::DEV).unwrap();
    assert!(!second.is_adopted());
    assert_ne!(second.pid(), pid);
    assert!(!is_alive(pid));
    assert_eq!(ask(&second, "SHOW fsync").as_deref(), Some("on"));
}

#[test]
fn a_killed_server_with_a_stopped_child_and_a_lock_that_names_another_process_is_replaced() {
    let folder = EphemeralFolder::new("strongroom-try-").unwrap();
    let first = PrivatePostgres::start(folder.path(), KEPT).unwrap();
    let pid = first.pid();
    std::mem::forget(first);
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap();
    let child: u32 = children.split_whitespace().next().unwrap().parse().unwrap();
    signal(child, Signal::STOP);
    signal(pid, Signal::KILL);
    let lock = folder.path().join("postgres/postmaster.pid");
    let stale = fs::read_to_string(&lock).unwrap().replacen(&pid.to_string(), &std::process::id().to_string(), 1);
    fs::write(&lock, stale).unwrap();
    let second = PrivatePostgres::start(folder.path(), KEPT).unwrap();
    assert!(!second.is_adopted());
    assert!(!is_alive(child));
    assert_eq!(ask(&second, "SELECT 1").as_deref(), Some("1"));
}

#[test]
fn a_server_that_cannot_start_says_why() {
    let folder = EphemeralFolder::new("strongroom-try-").unwrap();
    drop(PrivatePostgres::start(folder.path(), KEPT).unwrap());
    fs::remove_file(folder.path().join("postgres/global/pg_control")).unwrap();
    let refusal = PrivatePostgres::start(folder.path(), KEPT).unwrap_err().to_string();
    assert!(refusal.contains("could not find the database system"), "{refusal}");
    fs::remove_file(folder.path().join("postgres/PG_VERSION")).unwrap();
    let refusal = PrivatePostgres::start(folder.path(), KEPT).unwrap_err().to_string();
    assert!(refusal.contains("no data folder of Postgres"), "{refusal}");
}
