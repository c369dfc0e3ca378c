//! A database and a token, and a node over them: in this process or in another one.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use kms_core::hsm::{KeyKind, ObjectKind};
use kms_core::key_spec::{ExpirationModel, Origin, WrappingKeySpec};
use kms_core::key_state::{KeyState, key_state};
use kms_core::secret::SecretBytes;
use kms_core::wrapping::WrappingAlgorithm;
use kms_core::{AccountId, Clock, KeyAddress, KeyFacts, KeyId, KeyMaterialId, KmsError, ObjectId, Region, Timestamp};
use kms_hsm::{Token, TokenConfig};
use kms_material::{AuditEntry, Born, Deployment, Expiration, Import, Keeper, Pair};
use kms_metadata::{Invalidate, KeyChange, Metadata, MetadataConfig};
use rsa::pkcs8::DecodePublicKey;
use rsa::{Oaep, PublicKey};
use time::macros::datetime;
use uuid::Uuid;

use crate::faulty::FaultyHsm;

/// The test's moment, and how far it was moved.
const NOW: Timestamp = datetime!(2026-11-24 12:00 UTC);
static MOVED: AtomicI64 = AtomicI64::new(0);

/// Stands still unless it is moved; its other clock runs.
pub(crate) struct TestClock;

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        NOW + time::Duration::seconds(MOVED.load(Ordering::SeqCst))
    }

    fn real_now(&self) -> Timestamp {
        // Later than every row: the reconciler compares it with the clock of Postgres.
        datetime!(2100-01-01 00:00 UTC)
    }

    fn boottime(&self) -> Duration {
        static START: std::sync::LazyLock<Instant> = std::sync::LazyLock::new(Instant::now);
        Duration::from_secs(1_000) + START.elapsed()
    }
}

/// Caches nothing.
struct NoCache;

impl Invalidate for NoCache {
    fn invalidate(&self, _address: &KeyAddress) {}

    fn invalidate_all(&self) {}
}

/// One node.
pub(crate) struct Node {
    pub(crate) keeper: Keeper,
    pub(crate) hsm: Arc<FaultyHsm>,
}

/// Metadata of a node of its own.
pub(crate) fn metadata(url: &str, lease: Duration) -> Metadata {
    let node_id = Uuid::new_v4();
    let config = MetadataConfig { url: url.to_owned(), pool_size: 6, node_id, node_name: node_id.to_string(), lease };
    Metadata::connect(config, Arc::new(TestClock), Arc::new(NoCache)).unwrap()
}

/// Opens the token.
pub(crate) fn open_token(token: &kms_test::TestToken) -> Token {
    Token::open(TokenConfig {
        module: token.module().to_owned(),
        token_label: token.label().to_owned(),
        pin: SecretBytes::new(token.pin().as_bytes().to_vec()),
        softhsm_folder: Some(token.token_folder()),
        sessions: 8,
    })
    .unwrap()
}

impl Node {
    pub(crate) fn over(metadata: Metadata, token: Arc<Token>, deployment: &Deployment, label: &str) -> Self {
        let hsm = Arc::new(FaultyHsm::new(token));
        let clock = Arc::new(TestClock);
        let keeper = Keeper::new(metadata, Arc::<FaultyHsm>::clone(&hsm), clock, deployment, label, "a test");
        Self { keeper, hsm }
    }

    /// Commits a symmetric key without material.
    pub(crate) fn new_key(&self) -> KeyAddress {
        self.new_key_of(KeyKind::SYMMETRIC)
    }

    /// Commits a key of this kind without material.
    pub(crate) fn new_key_of(&self, kind: KeyKind) -> KeyAddress {
        let facts = self.born(kind, Origin::External);
        self.keeper.create_empty(&facts, &Born::default(), &|_| audit(serde_json::Value::Null)).unwrap();
        facts.address
    }

    /// CreateKey with material of the token.
    pub(crate) fn generate(&self, kind: KeyKind) -> Result<KeyFacts, KmsError> {
        let facts = self.born(kind, Origin::AwsKms);
        self.keeper.create_generated(&facts, &Born::default(), &|_| audit(serde_json::Value::Null))
    }

    fn born(&self, kind: KeyKind, origin: Origin) -> KeyFacts {
        let address = KeyAddress {
            region: Region::parse("eu-central-1").unwrap(),
            account: AccountId::parse("111122223333").unwrap(),
            key_id: KeyId::random(),
        };
        KeyFacts {
            address,
            version: 1,
            material_version: 1,
            description: String::new(),
            spec: kind.spec,
            usage: kind.usage,
            origin,
            enabled: true,
            created_at: NOW,
            deletion_date: None,
            token: self.keeper.token().to_owned(),
            sealed_salt: self.keeper.seal_new_salt(&address).unwrap(),
            materials: Vec::new(),
        }
    }

    /// The whole of ImportKeyMaterial for the material of this number.
    pub(crate) fn import(&self, key: &KeyAddress, number: u8) -> Result<KeyMaterialId, KmsError> {
        self.import_until(key, number, None)
    }

    /// The same with a ValidTo.
    pub(crate) fn import_until(
        &self,
        key: &KeyAddress,
        number: u8,
        valid_to: Option<Timestamp>,
    ) -> Result<KeyMaterialId, KmsError> {
        let (pair, encrypted) = self.wrap(key, number)?;
        self.import_wrapped(key, &pair, &encrypted, valid_to)
    }

    /// GetParametersForImport, and the material of this number wrapped as they say.
    pub(crate) fn wrap(&self, key: &KeyAddress, number: u8) -> Result<(Pair, Vec<u8>), KmsError> {
        let (spec, algorithm) = (WrappingKeySpec::Rsa2048, WrappingAlgorithm::RsaesOaepSha256);
        let parameters = self.keeper.wrapping_parameters(key, spec, algorithm, || Ok(()))?;
        let public_key = PublicKey::from_public_key_der(&parameters.public_key).unwrap();
        let mut random = rsa::rand_core::UnwrapErr(getrandom::SysRng);
        let encrypted = public_key.encrypt(&mut random, Oaep::<rsa::sha2::Sha256>::new(), &[number; 32]).unwrap();
        Ok((self.keeper.redeem(key, &parameters.import_token)?, encrypted))
    }

    /// ImportKeyMaterial.
    pub(crate) fn import_wrapped(
        &self,
        key: &KeyAddress,
        pair: &Pair,
        encrypted: &[u8],
        valid_to: Option<Timestamp>,
    ) -> Result<KeyMaterialId, KmsError> {
        let model = if valid_to.is_some() { ExpirationModel::Expires } else { ExpirationModel::DoesNotExpire };
        let import = Import {
            encrypted,
            expiration: Expiration { model, valid_to },
            import_type: None,
            material_id: None,
            description: None,
        };
        self.keeper.import(&self.facts(key).unwrap(), pair, &import, &audit)
    }

    /// The wrapping pairs whose rows are `present`.
    pub(crate) fn present_pairs(&self) -> Vec<ObjectId> {
        let label = kms_test::TestToken::for_this_process().label();
        let rows = self.keeper.metadata().read(|tx| tx.present_of_token(label)).unwrap();
        rows.into_iter().filter(|row| row.kind == ObjectKind::Wrapping).map(|row| row.id).collect()
    }

    /// DeleteImportedKeyMaterial.
    pub(crate) fn delete(&self, key: &KeyAddress) -> Result<Option<KeyMaterialId>, KmsError> {
        self.keeper.delete(key, None, &audit)
    }

    /// Changes the key as ScheduleKeyDeletion and its like do.
    pub(crate) fn change(&self, key: &KeyAddress, change: &KeyChange) -> Result<(), KmsError> {
        self.keeper.metadata().write(|tx| {
            let row = tx.lock_key(key.region, key.key_id)?.unwrap();
            Ok(tx.update_key(&row.facts, change)?)
        })
    }

    pub(crate) fn facts(&self, key: &KeyAddress) -> Option<KeyFacts> {
        let row = self.keeper.metadata().read(|tx| tx.find_key(key.region, key.key_id)).unwrap();
        row.map(|row| row.facts)
    }

    pub(crate) fn state(&self, key: &KeyAddress) -> KeyState {
        key_state(&self.facts(key).unwrap(), TestClock.now())
    }

    /// Uses the key's current material, which proves that its object is there and is the right one.
    pub(crate) fn use_key(&self, key: &KeyAddress) -> Result<(), KmsError> {
        let facts = self.facts(key).unwrap();
        let material = facts.current().unwrap();
        self.keeper.verify_object(&facts, material, material.object.unwrap())
    }

    /// The rows of the key that are not tombstones.
    pub(crate) fn open_rows(&self, key: &KeyAddress) -> Vec<ObjectId> {
        let rows = self.keeper.metadata().read(|tx| tx.objects_of_key(key.region, key.key_id)).unwrap();
        rows.into_iter().map(|row| row.id).collect()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.keeper.metadata().stop();
    }
}

/// Some record.
pub(crate) fn audit(response: serde_json::Value) -> AuditEntry {
    let event_id = Uuid::new_v4();
    AuditEntry { event_id, request_id: event_id.to_string(), record: response.to_string().into_bytes() }
}

/// The exception that a client would get.
pub(crate) fn exception<T: std::fmt::Debug>(outcome: Result<T, KmsError>) -> &'static str {
    match outcome {
        Ok(value) => panic!("succeeded with {value:?}"),
        Err(error) => error.exception(),
    }
}
