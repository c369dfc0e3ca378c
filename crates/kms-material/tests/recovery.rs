//! A recovery that is cut off between any two of its steps is run again, and the deployment has one root key in the end.

#![expect(clippy::unwrap_used, reason = "these are tests; clippy sees it only in functions marked as such")]

use std::sync::Arc;
use std::time::Duration;

use fail::FailScenario;
use kms_core::secret::{SecretBytes, SecretKey};
use kms_core::{Clock, Hsm, Timestamp};
use kms_hsm::{Token, TokenConfig};
use kms_material::{Deployment, DeploymentError, Keeper};
use kms_metadata::Metadata;
use kms_test::{TestDatabase, TestToken};
use time::macros::datetime;

/// Later than every row: the reconciler compares it with the clock of Postgres.
struct Late;

impl Clock for Late {
    fn now(&self) -> Timestamp {
        datetime!(2100-01-01 00:00 UTC)
    }

    fn real_now(&self) -> Timestamp {
        self.now()
    }

    fn boottime(&self) -> Duration {
        Duration::from_secs(1)
    }
}

fn open_token() -> Token {
    let token = TestToken::for_this_process();
    Token::open(TokenConfig {
        module: token.module().to_owned(),
        token_label: token.label().to_owned(),
        pin: SecretBytes::new(token.pin().as_bytes().to_vec()),
        softhsm_folder: Some(token.token_folder()),
        sessions: 2,
    })
    .unwrap()
}

#[test]
fn a_recovery_that_is_cut_off_anywhere_is_run_again_and_leaves_one_root_key() {
    let _scenario = FailScenario::setup();
    let label = TestToken::for_this_process().label();
    let database = TestDatabase::from_template("material", |url| kms_metadata::migrate(url).unwrap());
    let metadata = Metadata::beside_nodes(&database.url(), "test").unwrap();
    let mut root = None;
    let first = Deployment::open(&metadata, &[(label, &open_token())], &mut |_, key| {
        root = SecretKey::from_slice(key.expose());
        Ok(())
    })
    .unwrap();
    let root = root.unwrap();
    let sealed = first.salts.seal(b"a key", b"a salt").unwrap();
    let open = || Deployment::open(&metadata, &[(label, &open_token())], &mut |_, _| Err("no new root key".to_owned()));
    let recover = || Deployment::recover(&metadata, &open_token(), label, &root);
    assert!(matches!(recover(), Err(DeploymentError::NothingLost)));

    // As if the token were a copy of an older state: it names this deployment by another sentinel.
    database.execute("UPDATE token_stores SET sentinel_id = gen_random_uuid()");
    for point in ["material.recover.announced", "material.recover.made"] {
        fail::cfg(point, "return").unwrap();
        assert!(recover().is_err(), "{point}");
        fail::remove(point);
        assert!(matches!(open(), Err(DeploymentError::SentinelMissing { .. })), "{point}: no node starts");
    }
    assert_eq!(recover().unwrap(), first.id);
    let second = open().unwrap();
    assert_eq!(second.salts.open(b"a key", &sealed).unwrap().expose(), b"a salt", "the salts open");

    let token = open_token();
    let sentinel = database.execute("SELECT sentinel_id::text FROM token_stores").unwrap();
    token.attach(kms_core::ObjectId(uuid::Uuid::parse_str(&sentinel).unwrap())).unwrap();
    let token = Arc::new(token);
    let keeper = Keeper::new(metadata.clone(), Arc::<Token>::clone(&token), Arc::new(Late), &second, label, "test");
    keeper.reconcile(true).unwrap();
    let roots: Vec<_> = token.list().unwrap().into_iter().filter(|object| object.label == "strongroom/root").collect();
    assert_eq!(roots.len(), 1, "{roots:?}");
    assert_eq!(keeper.reconcile(true).unwrap(), kms_material::Report::default());
    open().unwrap();
}
