//! The cache of key records: what lets the hot path do without SQL. Valid only within the lease (object-protocol.md 5).

use std::collections::HashMap;
use std::sync::{Arc, OnceLock, PoisonError, RwLock};
use std::time::Duration;

use kms_core::{KeyAddress, KeyId, Region};
use kms_metadata::{Invalidate, Metadata};

use crate::key_record::KeyRecord;

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

    /// Installs a record read since `generation`, unless something was invalidated meanwhile (S3).
    pub(crate) fn install(&self, record: &Arc<KeyRecord>, generation: u64) {
        let address = &record.facts.address;
        let mut records = self.records.write().unwrap_or_else(PoisonError::into_inner);
        if self.generation() == generation {
            records.insert((address.region, address.key_id), Arc::clone(record));
        }
    }

    fn lease_holds(&self, boottime: Duration) -> bool {
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
