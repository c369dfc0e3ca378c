//! The lanes: which thread makes which token calls, so that slow ones hold up no quick ones (hot-path.md 6).

use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::Duration;

use kms_audit::AuditLog;
use kms_core::{Clock, Hsm};

use crate::cache::KeyCache;
use crate::lane::{Lane, LaneSettings};
use crate::refusals::Refusals;

/// Calls under secret keys take 20 us each, and SoftHSM contends when two threads make them: one lane. A batch that hangs
/// took a thousand times as long for each of its calls.
const SECRETS: LaneSettings =
    LaneSettings { name: "token-lane", batch: 16, hanging: Duration::from_millis(4_500), queue_bound: 1_024 };
/// Calls under private keys take 0.05 to 3 ms, outside SoftHSM's locks: several lanes, and small batches.
const PAIRS: LaneSettings =
    LaneSettings { name: "pair-lane", batch: 4, hanging: Duration::from_millis(4_500), queue_bound: 1_024 };
/// Each lane may hold a session of the token, and these must leave some to all others.
const MOST_PAIR_LANES: usize = 4;
/// An RSA pair of 4096 bits takes a second of the processor, a busy one many: that is work and no hanging token. No more wait
/// than are made within the deadline; the others are throttled.
const DATA_KEY_PAIRS: LaneSettings =
    LaneSettings { name: "data-key-pairs", batch: 1, hanging: Duration::from_secs(120), queue_bound: 8 };

/// Who does the work of an operation. Where one takes several kinds of work, the slowest decides: sealing a data key pair or
/// re-encrypting from an RSA key calls under a secret key from a lane of pairs, which is rare enough to contend for nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum LaneKind {
    /// What takes a call under a secret key, or no key at all.
    Secret,
    /// What takes a private or a public key.
    Pair,
    /// What makes an RSA data key pair in the process.
    RsaDataKeyPair,
}

/// All lanes. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Lanes {
    secrets: Lane,
    pairs: Arc<[Lane]>,
    data_key_pairs: Lane,
}

impl Lanes {
    /// Starts their threads.
    ///
    /// # Errors
    /// One could not be started.
    pub(crate) fn start(
        hsm: &Arc<dyn Hsm>,
        audit: &Arc<AuditLog>,
        refusals: &Refusals,
        cache: &Arc<KeyCache>,
        clock: &Arc<dyn Clock>,
    ) -> std::io::Result<Self> {
        let start = |settings| {
            let (hsm, audit, cache, clock) = (Arc::clone(hsm), Arc::clone(audit), Arc::clone(cache), Arc::clone(clock));
            Lane::start(settings, hsm, audit, refusals.clone(), cache, clock)
        };
        let pairs = available_parallelism().map_or(1, usize::from).min(MOST_PAIR_LANES);
        Ok(Self {
            secrets: start(SECRETS)?,
            pairs: (0..pairs).map(|_| start(PAIRS)).collect::<Result<_, _>>()?,
            data_key_pairs: start(DATA_KEY_PAIRS)?,
        })
    }

    /// The lane for a kind of work; of several, the one with the fewest jobs.
    pub(crate) fn of(&self, kind: LaneKind) -> &Lane {
        match kind {
            LaneKind::Secret => &self.secrets,
            LaneKind::Pair => self.pairs.iter().min_by_key(|lane| lane.load()).unwrap_or(&self.secrets),
            LaneKind::RsaDataKeyPair => &self.data_key_pairs,
        }
    }

    /// Jobs that wait.
    pub(crate) fn depth(&self) -> usize {
        self.all().map(Lane::depth).sum()
    }

    /// Threads that hang now.
    pub(crate) fn abandoned(&self) -> u64 {
        self.all().map(Lane::abandoned).sum()
    }

    fn all(&self) -> impl Iterator<Item = &Lane> {
        self.pairs.iter().chain([&self.secrets, &self.data_key_pairs])
    }
}
