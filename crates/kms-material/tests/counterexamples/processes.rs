//! C13 and C14: what SoftHSM does to two processes on one folder, and to one whose folder goes away.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use kms_core::{AccountId, KeyAddress, KeyId, Region};
use kms_material::Deployment;
use kms_test::{TestDatabase, TestToken};

use crate::place::{Node, metadata};
use crate::world::count_independently;

const URL: &str = "KMS_MATERIAL_TEST_URL";
const PIN: &str = "KMS_MATERIAL_TEST_PIN";
const TOKEN: &str = "KMS_MATERIAL_TEST_TOKEN";

#[test]
fn c13_processes_on_one_folder_see_each_others_objects_whoever_writes_in_between() {
    let (database, token) = (new_database(), TestToken::new());
    let mut a = Process::start(&database, &token);
    let mut b = Process::start(&database, &token);
    for round in 0..12 {
        let (of_a, of_b) = (a.tell("new -"), a.tell("new -"));
        // A has looked; B makes an object; A writes. A naive A never sees B's object from here on.
        assert_eq!(a.tell("list -"), "ok");
        assert_eq!(b.tell(&format!("import {of_b}")), "ok", "round {round}");
        assert_eq!(a.tell(&format!("import {of_a}")), "ok", "round {round}");
        assert_eq!(a.tell(&format!("use {of_b}")), "ok", "round {round}");
        assert_eq!(b.tell(&format!("use {of_a}")), "ok", "round {round}");
        for (process, key) in [(&mut a, &of_b), (&mut b, &of_a)] {
            assert_eq!(process.tell(&format!("delete {key}")), "ok", "round {round}");
            assert_eq!(count_independently(&token, &address(key)), 0, "round {round}: an acknowledged delete");
        }
    }
}

#[test]
fn c13_two_processes_that_write_at_once_miss_nothing() {
    let (database, token) = (new_database(), TestToken::new());
    let mut processes = [Process::start(&database, &token), Process::start(&database, &token)];
    let keys: Vec<String> = (0..16).map(|_| processes[0].tell("new -")).collect();
    for verb in ["import", "use", "delete"] {
        for pair in keys.chunks(2) {
            processes.iter_mut().zip(pair).for_each(|(process, key)| process.order(&format!("{verb} {key}")));
            processes.iter_mut().for_each(|process| assert_eq!(process.answer(), "ok", "{verb}"));
        }
        processes.reverse();
    }
    for key in &keys {
        assert_eq!(count_independently(&token, &address(key)), 0);
    }
}

#[test]
fn c14_while_the_folder_is_away_no_delete_is_acknowledged_and_nothing_is_lost() {
    let (database, token) = (new_database(), TestToken::new());
    let mut looking = Process::start(&database, &token);
    let mut resting = Process::start(&database, &token);
    let key = looking.tell("new -");
    assert_eq!(looking.tell(&format!("import {key}")), "ok");
    let elsewhere = token.dir().join("elsewhere");
    std::fs::rename(token.token_folder(), &elsewhere).unwrap();
    for _ in 0..2 {
        assert_ne!(looking.tell(&format!("delete {key}")), "ok");
    }
    assert_ne!(looking.tell("reconcile -"), "ok");
    std::fs::rename(&elsewhere, token.token_folder()).unwrap();
    assert_eq!(count_independently(&token, &address(&key)), 1, "nothing was destroyed while it was away");
    // The rows condemn the material since the first delete; whoever sees the token again confirms it.
    assert_eq!(resting.tell(&format!("delete {key}")), "ok");
    assert_eq!(count_independently(&token, &address(&key)), 0);
    // The one that looked may be blind for good: it may refuse, but never claim a success that is none.
    let other = resting.tell("new -");
    assert_eq!(resting.tell(&format!("import {other}")), "ok");
    let blind = looking.tell(&format!("delete {other}"));
    let left = count_independently(&token, &address(&other));
    assert!(blind != "ok" || left == 0, "{blind} with {left} objects");
}

#[test]
fn a_pair_that_a_full_disk_left_empty_is_handed_out_to_nobody() {
    let (database, token) = (new_database(), TestToken::new());
    let mut node = Process::start(&database, &token);
    let key = node.tell("new -");
    node.limit_files("0");
    assert_ne!(node.tell(&format!("wrap {key}")), "ok");
    node.limit_files("unlimited");
    let present = database.execute("SELECT count(*) FROM key_objects WHERE kind = 'wrapping' AND state = 'present'");
    assert_eq!(present.as_deref(), Some("0"));
    drop(node);
    let mut next = Process::start(&database, &token);
    assert_eq!(next.tell(&format!("import {key}")), "ok");
}

#[test]
fn first_starts_that_coincide_make_one_deployment_with_one_root_key() {
    for _ in 0..3 {
        let (database, token) = (new_database(), TestToken::new());
        let mut nodes: Vec<Process> = (0..4).map(|_| Process::spawn(&database, &token)).collect();
        let mut escrows = 0;
        for node in &mut nodes {
            while node.answer() != "ready" {
                escrows += 1;
            }
        }
        assert_eq!(escrows, 1);
        let stores = database.execute("SELECT count(*) FROM token_stores WHERE established");
        assert_eq!(stores.as_deref(), Some("1"));
        let key = nodes[0].tell("new -");
        assert_eq!(nodes[1].tell(&format!("import {key}")), "ok");
        // The salts are sealed under the root key: the two have the same one.
        assert_eq!(nodes[2].tell(&format!("use {key}")), "ok");
    }
}

/// Not a test of its own: the tests above start this binary again as a node.
#[test]
#[ignore = "the work of other processes, started by tests"]
fn works() {
    let variable = |name| std::env::var(name).unwrap_or_else(|_| panic!("{name} is set by the test"));
    let (url, pin, dir) = (variable(URL), variable(PIN), std::path::PathBuf::from(variable(TOKEN)));
    let token = kms_hsm::Token::open(kms_hsm::TokenConfig {
        module: variable("PKCS11_MODULE").into(),
        token_label: variable("TOKEN_LABEL"),
        pin: kms_core::secret::SecretBytes::new(pin.into_bytes()),
        softhsm_folder: Some(dir),
        sessions: 6,
    })
    .unwrap();
    let metadata = metadata(&url, Duration::from_secs(5));
    let label = variable("TOKEN_LABEL");
    let deployment = Deployment::open(&metadata, &[(label.as_str(), &token)], &mut |_, _| {
        println!("answer: escrow");
        Ok(())
    })
    .unwrap();
    let node = Node::over(metadata, Arc::new(token), &deployment, &label);
    println!("answer: ready");
    for line in std::io::stdin().lines() {
        let line = line.unwrap();
        let (verb, key) = line.split_once(' ').unwrap();
        println!("answer: {}", obey(&node, verb, key));
    }
}

fn obey(node: &Node, verb: &str, key: &str) -> String {
    let done = match verb {
        "new" => return node.new_key().key_id.to_string(),
        "wrap" => node.wrap(&address(key), 1).map(drop),
        "import" => node.import(&address(key), 1).map(drop),
        "use" => node.use_key(&address(key)),
        "delete" => node.delete(&address(key)).map(drop),
        "list" => node.keeper.hsm().list().map(drop).map_err(Into::into),
        "reconcile" => node.keeper.reconcile(false).map(drop),
        other => panic!("an unknown order: {other}"),
    };
    done.map_or_else(|error| error.exception().to_owned(), |()| "ok".to_owned())
}

fn new_database() -> TestDatabase {
    TestDatabase::from_template("material", |url| kms_metadata::migrate(url).unwrap())
}

fn address(key: &str) -> KeyAddress {
    KeyAddress {
        region: Region::parse("eu-central-1").unwrap(),
        account: AccountId::parse("111122223333").unwrap(),
        key_id: KeyId::parse(key).unwrap(),
    }
}

/// A node in a process of its own, which does what it is told line by line.
struct Process {
    child: Child,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Process {
    fn start(database: &TestDatabase, token: &TestToken) -> Self {
        let mut process = Self::spawn(database, token);
        while process.answer() != "ready" {}
        process
    }

    fn spawn(database: &TestDatabase, token: &TestToken) -> Self {
        // A write past the limit of files shall fail as on a full disk, not kill.
        let mut child = Command::new("sh")
            .args(["-c", "trap '' XFSZ; exec \"$0\" \"$@\""])
            .arg(std::env::current_exe().unwrap())
            .args(["processes::works", "--exact", "--nocapture", "--ignored", "--test-threads=1"])
            .env("SOFTHSM2_CONF", token.config_file())
            .env("PKCS11_MODULE", token.module())
            .env("TOKEN_LABEL", token.label())
            .env(URL, database.url())
            .env(PIN, token.pin())
            .env(TOKEN, token.token_folder())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (orders, answers) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        Self { child, orders, answers }
    }

    /// How large files may become by this process's writes, in bytes.
    fn limit_files(&self, bytes: &str) {
        let (pid, limit) = (self.child.id().to_string(), format!("--fsize={bytes}:"));
        assert!(Command::new("prlimit").args(["--pid", &pid, &limit]).status().unwrap().success());
    }

    fn tell(&mut self, order: &str) -> String {
        self.order(order);
        self.answer()
    }

    fn order(&mut self, order: &str) {
        writeln!(self.orders, "{order}").unwrap();
    }

    fn answer(&mut self) -> String {
        let mut line = String::new();
        while self.answers.read_line(&mut line).unwrap() > 0 {
            if let Some((_, answer)) = line.split_once("answer: ") {
                return answer.trim_end().to_owned();
            }
            line.clear();
        }
        panic!("a node ended without an answer");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already.
        let _ended = self.child.kill();
        let _status = self.child.wait();
    }
}
