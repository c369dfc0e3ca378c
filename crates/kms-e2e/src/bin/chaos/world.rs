//! What the tasks of a run share.

use std::collections::{BTreeMap, HashSet};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use aws_sdk_kms::Client;
use kms_local::{DATABASE, PostgresAddress};
use tokio::sync::RwLock;

use crate::checker::Process;
use crate::clock::ServerClock;
use crate::kind::Turns;
use crate::reply::Reply;

/// Wrong things after which a run stops: the first one matters, the others show how it goes on.
const MOST_VIOLATIONS: usize = 5;

/// How long a statement on the rows may take, which waits for nobody.
const ROWS_PATIENCE: Duration = Duration::from_secs(30);

/// A server that clients talk to.
pub(crate) struct Node {
    pub(crate) client: Client,
    is_up: AtomicBool,
    starts: AtomicU64,
}

/// Everything shared.
pub(crate) struct World {
    pub(crate) nodes: Vec<Node>,
    pub(crate) clock: ServerClock,
    /// Of keys that are not symmetric.
    pub(crate) kinds: Turns,
    /// Where rows are, for what only a hand in the rows can do: `serve` has no clock that could be moved.
    rows: Option<PostgresAddress>,
    /// Held shared over each operation; who takes it alone has stopped all clients.
    pub(crate) gate: RwLock<()>,
    /// Whether a server is stopped or was just continued, so that timeouts and internal errors are allowed.
    pub(crate) is_disturbed: AtomicBool,
    /// Whether a server's clock is or was just so far off that it refuses signatures.
    pub(crate) is_clock_off: AtomicBool,
    /// Whether every answer must come in time, whatever happens to what the servers stand on.
    pub(crate) must_answer: AtomicBool,
    violations: Mutex<Vec<String>>,
    counts: Mutex<BTreeMap<&'static str, Count>>,
    uses: Mutex<BTreeMap<String, Count>>,
    unknown: Mutex<BTreeMap<String, usize>>,
    acknowledged: Mutex<HashSet<String>>,
}

/// What came back from calls of one kind.
#[derive(Clone, Copy, Default)]
pub(crate) struct Count {
    pub(crate) done: usize,
    pub(crate) refused: usize,
    pub(crate) unknown: usize,
}

impl Count {
    fn note(&mut self, reply: &Reply) {
        match reply {
            Reply::Known(answer) if answer.is_success() => self.done += 1,
            Reply::Known(_) | Reply::NotTaken | Reply::Wrong(_) => self.refused += 1,
            Reply::Unknown { .. } => self.unknown += 1,
        }
    }

    /// How many calls there were.
    pub(crate) const fn calls(self) -> usize {
        self.done + self.refused + self.unknown
    }
}

impl std::ops::AddAssign for Count {
    fn add_assign(&mut self, other: Self) {
        self.done += other.done;
        self.refused += other.refused;
        self.unknown += other.unknown;
    }
}

impl World {
    /// A world of these servers, none of which is up. With `rows` the dates of rows are moved, without it the clock.
    pub(crate) fn new(clients: Vec<Client>, rows: Option<PostgresAddress>, kinds: Turns) -> Self {
        let node = |client| Node { client, is_up: AtomicBool::new(false), starts: AtomicU64::new(0) };
        Self {
            nodes: clients.into_iter().map(node).collect(),
            clock: ServerClock::default(),
            kinds,
            rows,
            gate: RwLock::new(()),
            is_disturbed: AtomicBool::new(false),
            is_clock_off: AtomicBool::new(false),
            must_answer: AtomicBool::new(false),
            violations: Mutex::default(),
            counts: Mutex::default(),
            uses: Mutex::default(),
            unknown: Mutex::default(),
            acknowledged: Mutex::default(),
        }
    }

    /// Whether the dates of rows may be moved.
    pub(crate) fn has_rows(&self) -> bool {
        self.rows.is_some()
    }

    /// Makes the scheduled deletion of a key due now. False, and nothing happened, if none is scheduled, if it has begun, or
    /// if somebody else holds the row.
    pub(crate) fn make_due(&self, key_id: &str) -> bool {
        let free = format!(
            "SELECT key_id FROM keys WHERE key_id = '{key_id}' AND deletion_date IS NOT NULL \
             AND purge_started_at IS NULL FOR UPDATE SKIP LOCKED"
        );
        let sql = format!("UPDATE keys SET deletion_date = now() WHERE key_id IN ({free}) RETURNING key_id");
        let moved = self.rows.as_ref().map(|rows| crate::blocking(|| rows.execute(DATABASE, &sql, ROWS_PATIENCE)));
        match moved {
            Some(Ok(found)) => found.is_some(),
            Some(Err(error)) => {
                self.violated(format!("a date could not be moved: {error}"));
                false
            }
            None => false,
        }
    }

    /// A server has been started.
    pub(crate) fn started(&self, node: usize) {
        self.nodes[node].starts.fetch_add(1, Ordering::SeqCst);
        self.nodes[node].is_up.store(true, Ordering::SeqCst);
    }

    /// Clients shall not turn to this server for now.
    pub(crate) fn avoid(&self, node: usize) {
        self.nodes[node].is_up.store(false, Ordering::SeqCst);
    }

    /// Clients may turn to this server again.
    pub(crate) fn use_again(&self, node: usize) {
        self.nodes[node].is_up.store(true, Ordering::SeqCst);
    }

    /// The servers that clients may turn to.
    pub(crate) fn up(&self) -> Vec<usize> {
        (0..self.nodes.len()).filter(|node| self.nodes[*node].is_up.load(Ordering::SeqCst)).collect()
    }

    /// The process that runs as this node now.
    pub(crate) fn process(&self, node: usize) -> Process {
        (node, self.nodes[node].starts.load(Ordering::SeqCst))
    }

    /// Whether another process runs as that node by now.
    pub(crate) fn has_ended(&self, process: Process) -> bool {
        self.process(process.0) != process
    }

    /// Waits until there is a server to talk to, another process than the given one.
    pub(crate) async fn wait_for_other(&self, process: Process) {
        while !self.has_violations() && !self.up().iter().any(|node| self.process(*node) != process) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Something is wrong.
    pub(crate) fn violated(&self, text: String) {
        lock(&self.violations).push(text);
    }

    /// Whether anything was wrong up to now.
    pub(crate) fn has_violations(&self) -> bool {
        !lock(&self.violations).is_empty()
    }

    /// The first wrong things, and how many there are.
    pub(crate) fn violations(&self) -> (Vec<String>, usize) {
        let all = lock(&self.violations);
        (all.iter().take(MOST_VIOLATIONS).cloned().collect(), all.len())
    }

    /// Counts what came back from an operation.
    pub(crate) fn count(&self, operation: &'static str, reply: &Reply) {
        lock(&self.counts).entry(operation).or_default().note(reply);
        if let Reply::Unknown { why, .. } = reply {
            *lock(&self.unknown).entry(why.clone()).or_default() += 1;
        }
    }

    /// Counts what came back from a use of a key of this kind.
    pub(crate) fn used(&self, kind: &str, reply: &Reply) {
        lock(&self.uses).entry(kind.to_owned()).or_default().note(reply);
    }

    /// A request was answered by this server: the audit must tell of it.
    pub(crate) fn acknowledged(&self, request_id: String) {
        lock(&self.acknowledged).insert(request_id);
    }

    /// The ids of all requests that were answered.
    pub(crate) fn all_acknowledged(&self) -> HashSet<String> {
        lock(&self.acknowledged).clone()
    }

    /// The counts by operation.
    pub(crate) fn counts(&self) -> BTreeMap<&'static str, Count> {
        lock(&self.counts).clone()
    }

    /// The counts of uses by the kind of the key.
    pub(crate) fn uses(&self) -> BTreeMap<String, Count> {
        lock(&self.uses).clone()
    }

    /// Why answers are unknown, and how often.
    pub(crate) fn unknown(&self) -> BTreeMap<String, usize> {
        lock(&self.unknown).clone()
    }
}

/// A panicking task has left counts and lists whole.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
