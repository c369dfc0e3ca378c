//! The cache of key records: what lets the hot path do without SQL. Valid only within the lease (object-protocol.md 5).

use std::collections::HashMap;
use std::sync::{Arc, OnceLock, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

use kms_core::{AliasAddress, KeyAddress, KeyId, Region};
use kms_metadata::{Invalidate, Metadata};

use crate::key_record::KeyRecord;
use crate::target::Target;

/// Records held at most; past it all are dropped and read anew as they are used. About 100 MB.
const MOST_RECORDS: usize = 100_000;
/// Keys that one fill remembers as invalidated; past it nothing is installed from it.
const MOST_PASSED: usize = 1_000;

/// Compiled key records by region and key id, and by the aliases that they name.
#[derive(Default)]
pub struct KeyCache {
    held: RwLock<Held>,
    metadata: OnceLock<Metadata>,
}

#[derive(Default)]
struct Held {
    records: HashMap<(Region, KeyId), Arc<KeyRecord>>,
    aliases: HashMap<AliasAddress, (Region, KeyId)>,
    fills: HashMap<u64, Passed>,
    next_fill: u64,
}

/// What was invalidated while a fill was under way.
#[derive(Default)]
struct Passed {
    keys: Vec<(Region, KeyId)>,
    /// Everything, or too much to remember.
    all: bool,
}

/// A read of rows under way. It must begin before the rows are read: what is invalidated meanwhile cannot be installed.
pub(crate) struct Fill<'a> {
    cache: &'a KeyCache,
    number: u64,
}

impl Drop for Fill<'_> {
    fn drop(&mut self) {
        self.cache.write().fills.remove(&self.number);
    }
}

impl Held {
    fn find(&self, target: &Target) -> Option<&Arc<KeyRecord>> {
        match target {
            Target::Key(address) => self.records.get(&(address.region, address.key_id)),
            Target::OfCiphertext(region, key_id) => self.records.get(&(*region, *key_id)),
            Target::Alias(alias) => self.aliases.get(alias).and_then(|key| self.records.get(key)),
        }
    }

    fn insert(&mut self, record: &Arc<KeyRecord>) {
        let key = key_of(record);
        self.remove(&key);
        self.aliases.extend(aliases_of(record).map(|alias| (alias, key)));
        self.records.insert(key, Arc::clone(record));
    }

    fn remove(&mut self, key: &(Region, KeyId)) {
        let Some(record) = self.records.remove(key) else { return };
        for alias in aliases_of(&record) {
            // An alias that was pointed elsewhere may be named by its new key's record already.
            if self.aliases.get(&alias) == Some(key) {
                self.aliases.remove(&alias);
            }
        }
    }

    fn clear(&mut self) {
        self.records.clear();
        self.aliases.clear();
    }

    fn may_install(&self, key: &(Region, KeyId), fill: &Fill<'_>) -> bool {
        self.fills.get(&fill.number).is_some_and(|passed| !passed.all && !passed.keys.contains(key))
    }
}

impl Passed {
    fn note(&mut self, key: (Region, KeyId)) {
        self.keys.push(key);
        if self.keys.len() > MOST_PASSED {
            *self = Self { keys: Vec::new(), all: true };
        }
    }
}

fn key_of(record: &KeyRecord) -> (Region, KeyId) {
    (record.facts.address.region, record.facts.address.key_id)
}

fn aliases_of(record: &KeyRecord) -> impl Iterator<Item = AliasAddress> {
    let KeyAddress { region, account, .. } = record.facts.address;
    record.aliases.iter().map(move |name| AliasAddress { region, account, name: name.clone() })
}

impl KeyCache {
    /// An empty cache that answers nothing until it is bound to the lease of `Metadata`.
    pub fn new() -> Arc<Self> {
        Arc::new(Self::default())
    }

    /// Binds the cache to the lease it lives by. Once, at start.
    pub fn bind(&self, metadata: &Metadata) {
        let _already_bound = self.metadata.set(metadata.clone());
    }

    /// Number of records held.
    pub fn len(&self) -> usize {
        self.read().records.len()
    }

    /// Whether no record is held.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The record of a key, if there is one and the lease holds.
    pub(crate) fn find(&self, target: &Target, boottime: Duration) -> Option<Arc<KeyRecord>> {
        if !self.lease_holds(boottime) {
            return None;
        }
        self.read().find(target).cloned()
    }

    /// Whether this very record still counts: asked after the token call and before the answer leaves.
    pub(crate) fn is_current(&self, record: &Arc<KeyRecord>, boottime: Duration) -> bool {
        self.lease_holds(boottime)
            && self.read().records.get(&key_of(record)).is_some_and(|held| Arc::ptr_eq(held, record))
    }

    /// Begins a fill; the rows are read after this.
    pub(crate) fn begin_fill(&self) -> Fill<'_> {
        let mut held = self.write();
        let number = held.next_fill;
        held.next_fill += 1;
        held.fills.insert(number, Passed::default());
        Fill { cache: self, number }
    }

    /// Installs a record that was read since its fill began, unless its key was invalidated meanwhile (S3), and gives the
    /// one to use. Requests that miss together all read the rows: the first record stays, so that none makes another's
    /// stale.
    pub(crate) fn install(&self, record: KeyRecord, fill: &Fill<'_>) -> Arc<KeyRecord> {
        let mut held = self.write();
        if !held.may_install(&key_of(&record), fill) {
            return Arc::new(record);
        }
        // Equal facts have equal versions: nothing changed in between, and what is held was not invalidated.
        match held.records.get(&key_of(&record)) {
            Some(same) if same.facts == record.facts => Arc::clone(same),
            _ => {
                if held.records.len() >= MOST_RECORDS {
                    held.clear();
                }
                let record = Arc::new(record);
                held.insert(&record);
                record
            }
        }
    }

    /// Whether this node may answer from what it holds.
    pub(crate) fn lease_holds(&self, boottime: Duration) -> bool {
        self.metadata.get().is_some_and(|metadata| metadata.lease().holds(boottime))
    }

    fn read(&self) -> RwLockReadGuard<'_, Held> {
        self.held.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Held> {
        self.held.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Invalidate for KeyCache {
    fn invalidate(&self, address: &KeyAddress) {
        let mut held = self.write();
        let key = (address.region, address.key_id);
        held.remove(&key);
        held.fills.values_mut().for_each(|passed| passed.note(key));
    }

    fn invalidate_all(&self) {
        let mut held = self.write();
        held.clear();
        held.fills.values_mut().for_each(|passed| passed.all = true);
    }
}

#[cfg(test)]
mod tests {
    use kms_core::key_spec::{KeySpec, KeyUsage, MaterialState, Origin};
    use std::sync::LazyLock;

    use kms_core::key_facts::Material;
    use kms_core::{AccountId, Hsm, KeyFacts, KeyMaterialId, KmsError};

    use super::*;

    fn address(key: u8) -> KeyAddress {
        KeyAddress {
            region: Region::parse("us-east-1").unwrap(),
            account: AccountId::parse("000000000000").unwrap(),
            key_id: KeyId::from_parts([key; 16], false),
        }
    }

    fn record(version: i64) -> KeyRecord {
        named(7, version, &[])
    }

    fn named(key: u8, version: i64, aliases: &[&str]) -> KeyRecord {
        record_of(facts(key, version), aliases).unwrap()
    }

    fn facts(key: u8, version: i64) -> KeyFacts {
        KeyFacts {
            address: address(key),
            version,
            material_version: 1,
            description: String::new(),
            spec: KeySpec::SymmetricDefault,
            usage: KeyUsage::EncryptDecrypt,
            origin: Origin::AwsKms,
            enabled: true,
            created_at: kms_core::Timestamp::UNIX_EPOCH,
            deletion_date: None,
            token: "token".to_owned(),
            sealed_salt: Vec::new(),
            materials: Vec::new(),
        }
    }

    fn record_of(facts: KeyFacts, aliases: &[&str]) -> Result<KeyRecord, KmsError> {
        static TOKEN: LazyLock<Arc<dyn Hsm>> = LazyLock::new(|| crate::test_token::open(1));
        KeyRecord::new(facts, aliases.iter().map(|name| (*name).to_owned()).collect(), &TOKEN)
    }

    #[test]
    fn a_public_key_that_is_none_of_its_spec_refuses_the_key_with_the_cause() {
        let with = |public_key| {
            let material = Material {
                id: KeyMaterialId([1; 32]),
                state: MaterialState::Current,
                description: None,
                expiration_model: None,
                valid_to: None,
                object: None,
                public_key,
            };
            let spec = KeySpec::EccNistP256;
            record_of(KeyFacts { spec, materials: vec![material], ..facts(1, 1) }, &[])
        };
        assert!(with(None).is_ok());
        let refusal = with(Some(vec![0x30, 0])).err().unwrap();
        assert_eq!(refusal.exception(), "KMSInternalException");
        assert!(std::error::Error::source(&refusal).is_some());
    }

    #[test]
    fn requests_that_miss_together_share_the_first_record_until_the_facts_are_others() {
        let cache = KeyCache::new();
        let first = cache.install(record(1), &cache.begin_fill());
        assert!(Arc::ptr_eq(&first, &cache.install(record(1), &cache.begin_fill())));
        let changed = cache.install(record(2), &cache.begin_fill());
        assert!(!Arc::ptr_eq(&first, &changed));
        assert!(Arc::ptr_eq(&changed, &cache.install(record(2), &cache.begin_fill())));
    }

    #[test]
    fn a_record_whose_key_was_invalidated_while_it_was_read_is_not_held() {
        let cache = KeyCache::new();
        let fill = cache.begin_fill();
        cache.invalidate(&address(7));
        cache.install(record(1), &fill);
        assert!(cache.is_empty());
        let fill = cache.begin_fill();
        cache.invalidate_all();
        cache.install(record(1), &fill);
        assert!(cache.is_empty());
    }

    #[test]
    fn an_alias_leads_to_the_key_whose_record_names_it_and_goes_with_that_record() {
        let cache = KeyCache::new();
        let KeyAddress { region, account, .. } = address(1);
        let leads_to = |name: &str| {
            let target = Target::Alias(AliasAddress { region, account, name: name.to_owned() });
            cache.read().find(&target).map(|record| record.facts.address)
        };
        cache.install(named(1, 1, &["alias/a", "alias/b"]), &cache.begin_fill());
        assert_eq!(
            (leads_to("alias/a"), leads_to("alias/b"), leads_to("alias/c")),
            (Some(address(1)), Some(address(1)), None)
        );
        cache.install(named(2, 2, &["alias/b"]), &cache.begin_fill());
        cache.invalidate(&address(1));
        assert_eq!((leads_to("alias/a"), leads_to("alias/b")), (None, Some(address(2))));
        cache.install(named(2, 3, &["alias/c"]), &cache.begin_fill());
        assert_eq!((leads_to("alias/b"), leads_to("alias/c")), (None, Some(address(2))));
        cache.invalidate_all();
        assert!(leads_to("alias/c").is_none() && cache.is_empty());
    }

    #[test]
    fn changes_of_other_keys_do_not_keep_a_record_out_unless_they_are_too_many_to_remember() {
        let cache = KeyCache::new();
        let fill = cache.begin_fill();
        (0..MOST_PASSED).for_each(|_| cache.invalidate(&address(1)));
        cache.install(record(1), &fill);
        assert_eq!(cache.len(), 1);
        cache.invalidate(&address(1));
        cache.invalidate(&address(1));
        cache.install(record(2), &fill);
        assert_eq!(cache.read().records[&(address(7).region, address(7).key_id)].facts.version, 1);
        drop(fill);
        assert!(cache.read().fills.is_empty());
    }
}
