//! A lane: one thread that makes keyed token calls. It takes what is queued, at most a batch, makes the calls, writes the
//! batch's audit records with one write, then answers all (hot-path.md 6). Which lanes there are, `lanes.rs` says.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use kms_audit::AuditLog;
use kms_core::{Clock, Hsm, KmsError};
use tokio::sync::oneshot;

use crate::audit_event::EventDraft;
use crate::cache::KeyCache;
use crate::draft_slot::DraftSlot;
use crate::key_record::KeyRecord;
use crate::refusals::Refusals;
use crate::token_random::TokenRandom;
use crate::workers::DEADLINE;

/// Threads of one lane lost in the token or the audit that are put up with before the process ends.
const ABANDONED_BOUND: u64 = 8;
/// How often the thread lets others run before it sleeps: under load the next job is on its way, and to sleep and be woken
/// costs both sides more (docs/performance.md).
const YIELDS: usize = 4;
/// Bytes that hold a usual audit record.
const KEPT_RECORD: usize = 4_096;

/// What is left of an operation once everything is checked: the token call and what follows from it. The material that it
/// uses names its token; random bytes come from the token of the lane.
pub(crate) type TokenWork = Box<dyn FnOnce(&mut TokenRandom) -> Result<Vec<u8>, KmsError> + Send>;

/// How a lane works.
#[derive(Clone, Copy)]
pub(crate) struct LaneSettings {
    /// Name of its thread, at most 15 bytes.
    pub(crate) name: &'static str,
    /// Most jobs whose records go out with one write, and whose clients therefore wait for each other.
    pub(crate) batch: usize,
    /// A batch that takes longer hangs: its thread is replaced.
    pub(crate) hanging: Duration,
    /// Jobs that may wait; one more is throttled.
    pub(crate) queue_bound: usize,
}

/// What became of a job.
pub(crate) enum Outcome {
    /// The answer, or the refusal; its audit record is written.
    Done(Result<Vec<u8>, KmsError>),
    /// A record that the job rested on no longer counts: nothing was answered and nothing recorded, and the draft of
    /// the audit record comes back. Read the record anew.
    Stale(Box<EventDraft>),
}

struct Job {
    work: Result<TokenWork, KmsError>,
    /// What the work rests on.
    records: Vec<Arc<KeyRecord>>,
    event: Arc<DraftSlot>,
    reply: oneshot::Sender<Outcome>,
}

struct Finished {
    event: Arc<DraftSlot>,
    result: Result<Vec<u8>, KmsError>,
    reply: oneshot::Sender<Outcome>,
}

#[derive(Default)]
struct Queue {
    jobs: VecDeque<Job>,
    /// Threads that wait for a job; waking one costs a system call, so nobody is woken when there is none.
    sleepers: usize,
}

struct Shared {
    settings: LaneSettings,
    queue: Mutex<Queue>,
    wake: Condvar,
    /// Counts the lane's threads: a thread that finds another number here was replaced while it hung, and ends.
    generation: AtomicU64,
    /// Threads that were replaced and have not come back.
    abandoned: AtomicU64,
    /// CLOCK_BOOTTIME in milliseconds at which the present batch began, 0 when idle.
    busy_since: AtomicU64,
    hsm: Arc<dyn Hsm>,
    audit: Arc<AuditLog>,
    cache: Arc<KeyCache>,
    clock: Arc<dyn Clock>,
}

/// A lane. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Lane {
    shared: Arc<Shared>,
    refusals: Refusals,
}

impl Lane {
    pub(crate) fn start(
        settings: LaneSettings,
        hsm: Arc<dyn Hsm>,
        audit: Arc<AuditLog>,
        refusals: Refusals,
        cache: Arc<KeyCache>,
        clock: Arc<dyn Clock>,
    ) -> std::io::Result<Self> {
        let shared = Shared {
            settings,
            queue: Mutex::default(),
            wake: Condvar::new(),
            generation: AtomicU64::new(0),
            abandoned: AtomicU64::new(0),
            busy_since: AtomicU64::new(0),
            hsm,
            audit,
            cache,
            clock,
        };
        let lane = Self { shared: Arc::new(shared), refusals };
        lane.spawn()?;
        Ok(lane)
    }

    /// Hands over a checked operation, or a refusal that is only to be recorded, and waits for its end.
    pub(crate) async fn run(
        &self,
        work: Result<TokenWork, KmsError>,
        records: Vec<Arc<KeyRecord>>,
        event: Box<EventDraft>,
    ) -> Outcome {
        let (reply, receiver) = oneshot::channel();
        let slot = DraftSlot::new(event);
        if !self.shared.push(Job { work, records, event: Arc::clone(&slot), reply }) {
            return self.give_up(KmsError::Throttling, &slot).await;
        }
        match tokio::time::timeout(DEADLINE, receiver).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_dropped)) => self.give_up(KmsError::internal("the lane dropped a job"), &slot).await,
            Err(_elapsed) => {
                self.replace_if_hanging();
                self.give_up(KmsError::timeout("the token did not answer in time"), &slot).await
            }
        }
    }

    /// Jobs that wait.
    pub(crate) fn depth(&self) -> usize {
        self.shared.lock().jobs.len()
    }

    /// Jobs that wait or are done now.
    pub(crate) fn load(&self) -> usize {
        self.depth() + usize::from(self.shared.busy_since.load(Ordering::Relaxed) != 0)
    }

    /// Threads that hang now.
    pub(crate) fn abandoned(&self) -> u64 {
        self.shared.abandoned.load(Ordering::Relaxed)
    }

    /// Refuses a request that the lane has not decided, with its record. Without a draft the lane is about to record it.
    async fn give_up(&self, refusal: KmsError, slot: &DraftSlot) -> Outcome {
        match slot.take() {
            Some(event) => Outcome::Done(Err(self.refusals.record(refusal, &event).await)),
            None => Outcome::Done(Err(refusal)),
        }
    }

    /// A client has waited for the deadline: if the present batch has taken most of that time, it hangs in the token, its
    /// thread is left behind and a new one started.
    fn replace_if_hanging(&self) {
        let since = self.shared.busy_since.load(Ordering::Acquire);
        let now = millis(&*self.shared.clock);
        let hangs = since != 0 && now.saturating_sub(since) >= self.shared.settings.hanging.as_millis() as u64;
        if hangs && self.shared.busy_since.compare_exchange(since, 0, Ordering::AcqRel, Ordering::Acquire).is_ok() {
            let lane = self.shared.generation.fetch_add(1, Ordering::AcqRel) + 1;
            tracing::error!(lane, "a batch hangs in the token or the audit: the lane's thread is replaced");
            metrics::counter!("strongroom_abandoned_workers_total", "pool" => "lane").increment(1);
            let abandoned = self.shared.abandoned.fetch_add(1, Ordering::AcqRel) + 1;
            if abandoned > ABANDONED_BOUND || self.spawn().is_err() {
                tracing::error!("too many batches hang: the process ends");
                std::process::exit(70);
            }
        }
    }

    fn spawn(&self) -> std::io::Result<()> {
        let shared = Arc::clone(&self.shared);
        std::thread::Builder::new().name(shared.settings.name.to_owned()).spawn(move || shared.work()).map(drop)
    }
}

impl Shared {
    fn work(&self) {
        let generation = self.generation.load(Ordering::Acquire);
        let mut random = TokenRandom::new(Arc::clone(&self.hsm));
        let mut finished = Vec::with_capacity(self.settings.batch);
        let mut records = Records::default();
        while !self.is_replaced(generation) {
            let batch = self.next_batch();
            let begun = millis(&*self.clock).max(1);
            self.busy_since.store(begun, Ordering::Release);
            for _ in 0..batch {
                if self.is_replaced(generation) {
                    break;
                }
                let Some(job) = self.pop() else { break };
                if job.reply.is_closed() {
                    continue;
                }
                let result = job.work.and_then(|work| run_caught(work, &mut random));
                if self.is_replaced(generation) {
                    break;
                }
                if !job.records.iter().all(|record| self.is_current(record)) {
                    if let Some(event) = job.event.take() {
                        let _client_gone = job.reply.send(Outcome::Stale(event));
                    }
                    continue;
                }
                finished.push(Finished { event: job.event, result, reply: job.reply });
            }
            self.flush(&mut records, &mut finished);
            // Unless it is the batch of a replacement by now.
            let _is_replaced = self.busy_since.compare_exchange(begun, 0, Ordering::AcqRel, Ordering::Acquire);
        }
        self.abandoned.fetch_sub(1, Ordering::AcqRel);
        // What woke this thread last was meant for its replacement.
        self.wake.notify_one();
    }

    fn is_replaced(&self, generation: u64) -> bool {
        self.generation.load(Ordering::Acquire) != generation
    }

    /// Writes the records of the batch, and only then lets its answers go.
    fn flush(&self, records: &mut Records, finished: &mut Vec<Finished>) {
        // Who gave up meanwhile has recorded that, and hears nothing more.
        finished.retain(|Finished { event, result, .. }| {
            event.decide(|event| event.render_into(result.as_ref().err(), records.next()))
        });
        let written = self.audit.append(records.taken());
        if let Err(error) = &written {
            tracing::error!(error = %error, "the audit log cannot be written: nothing is answered");
        }
        records.clear();
        for Finished { event, result, reply } in finished.drain(..) {
            drop(event);
            let result = match &written {
                Ok(()) => result,
                Err(_) => Err(KmsError::internal("the audit log cannot be written")),
            };
            let _client_gone = reply.send(Outcome::Done(result));
        }
    }

    /// Queues a job; `false` if the queue is full.
    fn push(&self, job: Job) -> bool {
        let mut queue = self.lock();
        if queue.jobs.len() >= self.settings.queue_bound {
            return false;
        }
        queue.jobs.push_back(job);
        let is_awaited = queue.sleepers > 0;
        drop(queue);
        if is_awaited {
            self.wake.notify_one();
        }
        true
    }

    /// Waits for work and says how much of it to take as one batch.
    fn next_batch(&self) -> usize {
        for _ in 0..YIELDS {
            if !self.lock().jobs.is_empty() {
                break;
            }
            std::thread::yield_now();
        }
        let mut queue = self.lock();
        while queue.jobs.is_empty() {
            queue.sleepers += 1;
            queue = self.wake.wait(queue).unwrap_or_else(PoisonError::into_inner);
            queue.sleepers -= 1;
        }
        queue.jobs.len().min(self.settings.batch)
    }

    /// Jobs not begun stay in the queue for a replacement thread.
    fn pop(&self) -> Option<Job> {
        self.lock().jobs.pop_front()
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_current(&self, record: &Arc<KeyRecord>) -> bool {
        self.cache.is_current(record, self.clock.boottime())
    }
}

/// The records of a batch. Their buffers are used again: the allocator has no quick place for blocks of this size.
#[derive(Default)]
struct Records {
    buffers: Vec<Vec<u8>>,
    taken: usize,
}

impl Records {
    /// An empty buffer for the next record.
    fn next(&mut self) -> &mut Vec<u8> {
        if self.taken == self.buffers.len() {
            self.buffers.push(Vec::with_capacity(KEPT_RECORD));
        }
        self.taken += 1;
        &mut self.buffers[self.taken - 1]
    }

    /// The records of the batch.
    fn taken(&self) -> &[Vec<u8>] {
        &self.buffers[..self.taken]
    }

    /// Begins the next batch; what one huge request has grown is given back.
    fn clear(&mut self) {
        for buffer in &mut self.buffers[..self.taken] {
            buffer.clear();
            buffer.shrink_to(KEPT_RECORD);
        }
        self.taken = 0;
    }
}

/// Does a job; a panic in it is an error of its own.
fn run_caught(work: TokenWork, random: &mut TokenRandom) -> Result<Vec<u8>, KmsError> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| work(random)))
        .unwrap_or_else(|_| Err(KmsError::internal("an operation panicked")))
}

fn millis(clock: &dyn Clock) -> u64 {
    clock.boottime().as_millis() as u64
}
