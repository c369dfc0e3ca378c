//! The helpers themselves, with services of this process and under `with-test-cluster`.

#![expect(clippy::unwrap_used, reason = "a test ends at the first surprise")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use kms_test::{TOKEN_LABEL, TestDatabase, TestToken};

/// A name of this test alone, so that it holds under a shared cluster too.
const TEMPLATE: &str = "kms_test_helpers";

#[test]
fn two_databases_do_not_see_each_other_and_are_gone_after_drop() {
    let (one, other) = (TestDatabase::new(), TestDatabase::new());
    one.execute("CREATE TABLE mine (x int)");
    assert_eq!(other.execute("SELECT to_regclass('mine')::text"), None);
    let query = format!("SELECT count(*) FROM pg_database WHERE datname = '{}'", one.name());
    assert_eq!(other.execute(&query).as_deref(), Some("1"));
    drop(one);
    assert_eq!(other.execute(&query).as_deref(), Some("0"));
}

#[test]
fn a_template_is_prepared_once_for_tests_that_run_side_by_side() {
    static PREPARED: AtomicU32 = AtomicU32::new(0);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let database = TestDatabase::from_template(TEMPLATE, |url| {
                    PREPARED.fetch_add(1, Ordering::SeqCst);
                    assert!(url.contains("template_kms_test_helpers_unfinished"), "{url}");
                });
                assert_eq!(database.execute("SELECT 1").as_deref(), Some("1"));
            });
        }
    });
    assert_eq!(PREPARED.load(Ordering::SeqCst), 1);
}

fn show_slots(token: &TestToken) -> String {
    let output = Command::new("softhsm2-util").arg("--show-slots").env("SOFTHSM2_CONF", token.config_file()).output();
    String::from_utf8_lossy(&output.unwrap().stdout).into_owned()
}

#[test]
fn a_test_token_is_initialised_and_its_folder_is_gone_after_drop() {
    let token = TestToken::new();
    assert!(show_slots(&token).contains(TOKEN_LABEL));
    assert_eq!(fs::read_to_string(token.pin_file()).unwrap(), token.pin());
    let dir = token.dir().to_path_buf();
    drop(token);
    assert!(!dir.exists());
}

#[test]
fn the_token_of_this_process_is_always_the_same_and_in_its_environment() {
    let token = TestToken::for_this_process();
    assert!(std::ptr::eq(token, TestToken::for_this_process()));
    assert_eq!(std::env::var_os("SOFTHSM2_CONF").map(PathBuf::from), Some(token.config_file()));
}

fn with_test_cluster(script: &str) -> Output {
    Command::new(env!("CARGO_BIN_EXE_with-test-cluster")).args(["--", "sh", "-c", script]).output().unwrap()
}

#[test]
fn a_command_beside_a_shared_cluster_finds_it_and_nothing_is_left_of_it() {
    let output = with_test_cluster(
        r#"test -S "$STRONGROOM_TEST_POSTGRES/.s.PGSQL.5432" && test -d "$STRONGROOM_TEST_FOLDER/template-token/token" \
           && printf %s "$STRONGROOM_TEST_FOLDER"; exit 7"#,
    );
    assert_eq!(output.status.code(), Some(7), "{}", String::from_utf8_lossy(&output.stderr));
    let folder = String::from_utf8(output.stdout).unwrap();
    assert!(folder.contains("strongroom-test-"), "{folder}");
    assert!(!Path::new(&folder).exists());
}

#[test]
fn a_killed_cluster_leaves_no_server_and_no_folder() {
    let output = with_test_cluster(
        r#"head -n 1 "$STRONGROOM_TEST_FOLDER/postgres/postmaster.pid"; echo "$STRONGROOM_TEST_FOLDER"; kill -KILL $PPID"#,
    );
    assert_eq!(output.status.code(), None, "it was killed");
    let text = String::from_utf8(output.stdout).unwrap();
    let mut lines = text.lines();
    let server = Path::new("/proc").join(lines.next().unwrap());
    let folder = Path::new(lines.next().unwrap());
    let start = Instant::now();
    while (server.exists() || folder.exists()) && start.elapsed() < Duration::from_secs(15) {
        std::thread::sleep(Duration::from_millis(50));
    }
    assert!(!server.exists(), "the server outlives its owner");
    assert!(!folder.exists(), "the folder outlives its owner");
}
