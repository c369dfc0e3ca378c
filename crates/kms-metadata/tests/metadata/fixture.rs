//! A database of one's own with nodes on it, and rows to begin with.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Mutex};
use std::time::{Duration, Instant};

use kms_core::hsm::ObjectKind;
use kms_core::key_spec::{ExpirationModel, KeySpec, KeyUsage, MaterialState, Origin};
use kms_core::{AccountId, Clock, KeyAddress, KeyFacts, KeyId, KeyMaterialId, Material, ObjectId, Region, Timestamp};
use kms_metadata::{Invalidate, Metadata, MetadataConfig, MetadataError, NewObject, Tx, migrate};
use kms_test::TestDatabase;
use time::macros::datetime;
use uuid::Uuid;

/// A moment to the millisecond, as rows keep it.
pub(crate) const NOW: Timestamp = datetime!(2026-11-24 12:00:00.123 UTC);

/// Moves in real time; only its wall clock stands still.
pub(crate) struct TestClock;

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        NOW
    }

    fn real_now(&self) -> Timestamp {
        NOW
    }

    fn boottime(&self) -> Duration {
        static START: LazyLock<Instant> = LazyLock::new(Instant::now);
        Duration::from_secs(1000) + START.elapsed()
    }
}

/// A cache that notes what it is told.
#[derive(Default)]
pub(crate) struct Notes {
    pub(crate) keys: Mutex<Vec<KeyAddress>>,
    pub(crate) flushes: AtomicUsize,
}

impl Notes {
    pub(crate) fn heard_of(&self, address: &KeyAddress) -> usize {
        self.keys.lock().unwrap().iter().filter(|heard| *heard == address).count()
    }
}

impl Invalidate for Notes {
    fn invalidate(&self, address: &KeyAddress) {
        self.keys.lock().unwrap().push(*address);
    }

    fn invalidate_all(&self) {
        self.flushes.fetch_add(1, Ordering::SeqCst);
    }
}

/// One node.
pub(crate) struct TestNode {
    pub(crate) metadata: Metadata,
    pub(crate) notes: Arc<Notes>,
    pub(crate) node_id: Uuid,
}

impl TestNode {
    pub(crate) fn holds_lease(&self) -> bool {
        self.metadata.lease().holds(TestClock.boottime())
    }

    pub(crate) fn write<T>(&self, f: impl FnOnce(&mut Tx<'_>) -> Result<T, MetadataError>) -> Result<T, MetadataError> {
        self.metadata.write(f)
    }

    pub(crate) fn read<T>(&self, f: impl FnOnce(&mut Tx<'_>) -> Result<T, MetadataError>) -> Result<T, MetadataError> {
        self.metadata.read(f)
    }

    /// Makes a key with one material that has no object yet.
    pub(crate) fn with_key(&self) -> KeyFacts {
        let facts = key_facts();
        self.write(|tx| tx.insert_key(&facts, &[])).unwrap();
        facts
    }
}

/// A migrated database.
pub(crate) fn database() -> TestDatabase {
    TestDatabase::from_template("metadata", |url| migrate(url).unwrap())
}

pub(crate) fn node_with_lease(database: &TestDatabase, lease: Duration) -> TestNode {
    start(database, Uuid::new_v4(), lease).unwrap()
}

pub(crate) fn start(database: &TestDatabase, node_id: Uuid, lease: Duration) -> Result<TestNode, MetadataError> {
    let config =
        MetadataConfig { url: database.url(), pool_size: 4, node_id, node_name: format!("node {node_id}"), lease };
    let notes = Arc::new(Notes::default());
    let metadata = Metadata::connect(config, Arc::new(TestClock), notes.clone())?;
    Ok(TestNode { metadata, notes, node_id })
}

/// A database with one node; the node is dropped first.
pub(crate) struct One {
    pub(crate) node: TestNode,
    pub(crate) database: TestDatabase,
}

pub(crate) fn one() -> One {
    let database = database();
    One { node: node_with_lease(&database, Duration::from_secs(5)), database }
}

pub(crate) fn address() -> KeyAddress {
    KeyAddress {
        region: Region::parse("eu-central-1").unwrap(),
        account: AccountId::parse("111122223333").unwrap(),
        key_id: KeyId::random(),
    }
}

pub(crate) fn key_facts() -> KeyFacts {
    KeyFacts {
        address: address(),
        version: 1,
        material_version: 1,
        description: "a key".into(),
        spec: KeySpec::SymmetricDefault,
        usage: KeyUsage::EncryptDecrypt,
        origin: Origin::External,
        enabled: true,
        created_at: NOW,
        deletion_date: None,
        token: "default".into(),
        sealed_salt: vec![7; 60],
        materials: vec![material(1, MaterialState::Current)],
    }
}

pub(crate) fn material(number: u8, state: MaterialState) -> Material {
    Material {
        id: KeyMaterialId([number; 32]),
        state,
        description: Some(format!("material {number}")),
        expiration_model: Some(ExpirationModel::Expires),
        valid_to: Some(NOW),
        object: None,
        public_key: None,
    }
}

/// An object of the first material of a key.
pub(crate) fn object_of(facts: &KeyFacts) -> NewObject {
    NewObject {
        id: ObjectId::random(),
        kind: ObjectKind::Key,
        label: format!("{}/{}", facts.address.region, facts.address.key_id),
        key: Some((facts.address, facts.materials[0].id)),
        token: "default".into(),
        claimed_by: "a test".into(),
    }
}

/// An object of the deployment itself.
pub(crate) fn internal_object(kind: ObjectKind) -> NewObject {
    NewObject {
        id: ObjectId::random(),
        kind,
        label: "strongroom/wrapping".into(),
        key: None,
        token: "default".into(),
        claimed_by: "a test".into(),
    }
}

/// Waits for something that comes by itself within a few seconds.
pub(crate) fn eventually(what: &str, mut happened: impl FnMut() -> bool) {
    let until = Instant::now() + Duration::from_secs(15);
    while !happened() {
        assert!(Instant::now() < until, "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// The error of a statement that a constraint or trigger refused.
pub(crate) fn assert_refused<T: std::fmt::Debug>(outcome: Result<T, MetadataError>, words: &str) {
    match outcome {
        Err(MetadataError::Other(text)) => assert!(text.contains(words), "{text}"),
        other => panic!("expected a refusal with {words:?}, got {other:?}"),
    }
}
