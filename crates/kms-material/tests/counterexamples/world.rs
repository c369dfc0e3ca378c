//! Two nodes in this process: two keepers over two metadata, one Postgres and one token.

use std::process::Command;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use fail::FailScenario;
use kms_core::hsm::TokenObject;
use kms_core::{Hsm, KeyAddress};
use kms_hsm::Token;
use kms_material::{Deployment, Inspector};
use kms_metadata::Metadata;
use kms_test::{TestDatabase, TestToken};

use crate::place::{Node, metadata, open_token};

const LEASE: Duration = Duration::from_secs(5);

struct Shared {
    database: TestDatabase,
    token: Arc<Token>,
    deployment: Deployment,
}

/// A test's nodes. Failpoints count for the whole process, so only one test at a time has a world.
pub(crate) struct World {
    pub(crate) n1: Arc<Node>,
    pub(crate) n2: Arc<Node>,
    shared: &'static Shared,
    // Dropped last: it gives the failpoints to the next test.
    _scenario: FailScenario<'static>,
}

impl World {
    pub(crate) fn new() -> Self {
        let scenario = FailScenario::setup();
        let shared = shared();
        let connected = || metadata(&shared.database.url(), LEASE);
        let node = || Arc::new(Node::over(connected(), Arc::clone(&shared.token), &shared.deployment, token_label()));
        Self { n1: node(), n2: node(), shared, _scenario: scenario }
    }

    /// Another node whose cache lives by this lease.
    pub(crate) fn node_with_lease(&self, lease: Duration) -> Node {
        let metadata = metadata(&self.shared.database.url(), lease);
        Node::over(metadata, Arc::clone(&self.shared.token), &self.shared.deployment, token_label())
    }

    /// What a command beside the nodes sees.
    pub(crate) fn inspector(&self) -> Inspector {
        let metadata = Metadata::beside_nodes(&self.shared.database.url(), "test").unwrap();
        Inspector::open(metadata, Arc::clone(&self.shared.token), token_label()).unwrap()
    }

    /// How many objects of the key the token holds, as this process and as `pkcs11-tool` see it.
    pub(crate) fn objects(&self, key: &KeyAddress) -> usize {
        let label = label(key);
        let here = self.shared.token.list().unwrap().into_iter().filter(|found| found.label == label).count();
        assert_eq!(here, count_independently(TestToken::for_this_process(), key), "this process and another one");
        here
    }

    /// Ends every Postgres session that stands in the middle of a transaction, as a broken network would.
    pub(crate) fn break_open_transactions(&self) {
        let sql = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
                   WHERE datname = current_database() AND state = 'idle in transaction'";
        assert_eq!(self.shared.database.execute(sql).as_deref(), Some("1"));
    }
}

/// Counts the key's objects in a process of its own.
pub(crate) fn count_independently(token: &TestToken, key: &KeyAddress) -> usize {
    let output = Command::new("pkcs11-tool")
        .arg("--module")
        .arg(token.module())
        .args(["--token-label", token.label(), "--login", "--pin", token.pin(), "--list-objects"])
        .env("SOFTHSM2_CONF", token.config_file())
        .output()
        .expect("pkcs11-tool is needed: apt-get install opensc");
    assert!(output.status.success(), "{output:?}");
    let listing = String::from_utf8_lossy(&output.stdout).into_owned();
    let label = label(key);
    listing.lines().filter(|line| line.trim_start().starts_with("label:") && line.contains(&label)).count()
}

fn label(key: &KeyAddress) -> String {
    TokenObject::of_key(kms_core::ObjectId::random(), key.region, key.key_id).label
}

fn token_label() -> &'static str {
    TestToken::for_this_process().label()
}

fn shared() -> &'static Shared {
    static SHARED: OnceLock<Shared> = OnceLock::new();
    SHARED.get_or_init(|| {
        let test_token = TestToken::for_this_process();
        let database = TestDatabase::from_template("material", |url| kms_metadata::migrate(url).unwrap());
        let token = open_token(test_token);
        let metadata = metadata(&database.url(), LEASE);
        let deployment = Deployment::open(&metadata, &[(token_label(), &token)], &mut |_, _| Ok(())).unwrap();
        metadata.stop();
        Shared { database, token: Arc::new(token), deployment }
    })
}
