//! The lease under which a node may serve from its cache, and how the cache is told of changes (object-protocol.md 5).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use kms_core::KeyAddress;

/// A cache of key records. A fill must be known to it before the rows are read, and may be installed only if neither call
/// has named its key since (object-protocol.md S3).
pub trait Invalidate: Send + Sync {
    /// Drops what is cached of one key.
    fn invalidate(&self, address: &KeyAddress);

    /// Drops everything.
    fn invalidate_all(&self);
}

/// A node's right to serve from its cache: each record counts only while `boottime - base < length`, where `base` is the
/// sending time of the last notification to itself that came back. Reading it takes no lock.
#[derive(Debug)]
pub struct Lease {
    length: Duration,
    /// `base` in nanoseconds since boot; 0 before the first proof.
    base: AtomicU64,
    is_ended: AtomicBool,
}

impl Lease {
    pub(crate) fn new(length: Duration) -> Self {
        Self { length, base: AtomicU64::new(0), is_ended: AtomicBool::new(false) }
    }

    /// Whether the lease holds at this time of [`kms_core::Clock::boottime`]. Read the clock after the request began,
    /// and again before its answer leaves.
    pub fn holds(&self, now: Duration) -> bool {
        let base = self.base.load(Ordering::SeqCst);
        base != 0 && !self.is_ended.load(Ordering::SeqCst) && nanoseconds(now).saturating_sub(base) < self.nanoseconds()
    }

    /// Time since the last proof at this boot time, for health and metrics; none before the first proof.
    pub fn age(&self, now: Duration) -> Option<Duration> {
        let base = self.base.load(Ordering::SeqCst);
        (base != 0).then(|| Duration::from_nanos(nanoseconds(now).saturating_sub(base)))
    }

    /// Every change committed before `base` has been processed.
    pub(crate) fn prove(&self, base: Duration) {
        self.base.fetch_max(nanoseconds(base).max(1), Ordering::SeqCst);
    }

    /// Ends the lease for good; no proof revives it.
    pub(crate) fn end(&self) {
        self.is_ended.store(true, Ordering::SeqCst);
    }

    fn nanoseconds(&self) -> u64 {
        nanoseconds(self.length)
    }
}

/// The cache and the lease beside it.
#[derive(Clone)]
pub(crate) struct Invalidator {
    pub(crate) lease: Arc<Lease>,
    pub(crate) cache: Arc<dyn Invalidate>,
}

impl Invalidator {
    pub(crate) fn drop_keys(&self, addresses: &[KeyAddress]) {
        for address in addresses {
            self.cache.invalidate(address);
        }
    }

    pub(crate) fn drop_all(&self) {
        self.cache.invalidate_all();
    }
}

/// Nanoseconds fit for 584 years since boot.
fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_lease_holds_for_its_length_after_the_last_proof_and_no_longer() {
        let lease = Lease::new(5 * SECOND);
        assert!(!lease.holds(100 * SECOND), "nothing is proved yet");
        lease.prove(100 * SECOND);
        assert!(lease.holds(100 * SECOND));
        assert!(lease.holds(104 * SECOND));
        assert!(!lease.holds(105 * SECOND));
    }

    #[test]
    fn an_older_proof_takes_nothing_back() {
        let lease = Lease::new(5 * SECOND);
        lease.prove(100 * SECOND);
        lease.prove(90 * SECOND);
        assert_eq!(lease.age(101 * SECOND), Some(SECOND));
    }

    #[test]
    fn an_ended_lease_stays_ended() {
        let lease = Lease::new(5 * SECOND);
        lease.prove(100 * SECOND);
        lease.end();
        lease.prove(101 * SECOND);
        assert!(!lease.holds(101 * SECOND));
    }
}
