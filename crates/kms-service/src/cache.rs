//! The cache of key records: what lets the hot path do without SQL. Valid only within the lease (object-protocol.md 5).

use std::collections::HashMap;
use std::sync::{Arc, OnceLock, PoisonError, RwLock};
use std::time::Duration;

use kms_core::{KeyAddress, KeyId, Region};
use kms_metadata::{Invalidate, Metadata};

use crate::key_record::KeyRecord;

/// Records held at most; past it all are dropped and read anew as they are used. About 100 MB.
const MOST_RECORDS: usize = 100_000;

/// Compiled key records by region and key id.
#[derive(Default)]
pub struct KeyCache {
    records: RwLock<HashMap<(Region, KeyId), Arc<KeyRecord>>>,
    metadata: OnceLock<Metadata>,
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
        self.records.read().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Whether no record is held.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The record of a key, if there is one and the lease holds.
    pub(crate) fn find(&self, key: &(Region, KeyId), boottime: Duration) -> Option<Arc<KeyRecord>> {
        if !self.lease_holds(boottime) {
            return None;
        }
        self.records.read().unwrap_or_else(PoisonError::into_inner).get(key).cloned()
    }

    /// Whether this very record still counts: asked after the token call and before the answer leaves.
    pub(crate) fn is_current(&self, record: &Arc<KeyRecord>, boottime: Duration) -> bool {
        let address = &record.facts.address;
        self.find(&(address.region, address.key_id), boottime).is_some_and(|held| Arc::ptr_eq(&held, record))
    }

    /// The counter that a fill must read before it reads the rows.
    pub(crate) fn generation(&self) -> u64 {
        self.metadata.get().map_or(0, |metadata| metadata.lease().generation())
    }

    /// Installs a record read since `generation`, unless something was invalidated meanwhile (S3), and gives the one to
    /// use. Requests that miss together all read the rows: the first record stays, so that none makes another's stale.
    pub(crate) fn install(&self, record: KeyRecord, generation: u64) -> Arc<KeyRecord> {
        let key = (record.facts.address.region, record.facts.address.key_id);
        let mut records = self.records.write().unwrap_or_else(PoisonError::into_inner);
        if self.generation() != generation {
            return Arc::new(record);
        }
        // Equal facts have equal versions: nothing changed in between, and what is held was not invalidated.
        match records.get(&key) {
            Some(held) if held.facts == record.facts => Arc::clone(held),
            _ => {
                if records.len() >= MOST_RECORDS {
                    records.clear();
                }
                let record = Arc::new(record);
                records.insert(key, Arc::clone(&record));
                record
            }
        }
    }

    /// Whether this node may answer from what it holds.
    pub(crate) fn lease_holds(&self, boottime: Duration) -> bool {
        self.metadata.get().is_some_and(|metadata| metadata.lease().holds(boottime))
    }
}

impl Invalidate for KeyCache {
    fn invalidate(&self, address: &KeyAddress) {
        self.records.write().unwrap_or_else(PoisonError::into_inner).remove(&(address.region, address.key_id));
    }

    fn invalidate_all(&self) {
        self.records.write().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

#[cfg(test)]
mod tests {
    use kms_core::key_spec::{KeySpec, KeyUsage, Origin};
    use kms_core::{AccountId, KeyFacts};

    use super::*;

    fn record(version: i64) -> KeyRecord {
        KeyRecord::new(KeyFacts {
            address: KeyAddress {
                region: Region::parse("us-east-1").unwrap(),
                account: AccountId::parse("000000000000").unwrap(),
                key_id: KeyId::from_parts([7; 16], false),
            },
            version,
            material_version: 1,
            description: String::new(),
            spec: KeySpec::SymmetricDefault,
            usage: KeyUsage::EncryptDecrypt,
            origin: Origin::AwsKms,
            enabled: true,
            created_at: kms_core::Timestamp::UNIX_EPOCH,
            deletion_date: None,
            sealed_salt: Vec::new(),
            materials: Vec::new(),
        })
    }

    #[test]
    fn requests_that_miss_together_share_the_first_record_until_the_facts_are_others() {
        let cache = KeyCache::new();
        let first = cache.install(record(1), 0);
        assert!(Arc::ptr_eq(&first, &cache.install(record(1), 0)));
        let changed = cache.install(record(2), 0);
        assert!(!Arc::ptr_eq(&first, &changed));
        assert!(Arc::ptr_eq(&changed, &cache.install(record(2), 0)));
    }

    #[test]
    fn a_record_read_before_something_was_invalidated_is_not_held() {
        let cache = KeyCache::new();
        cache.install(record(1), 1);
        assert!(cache.is_empty());
    }
}
