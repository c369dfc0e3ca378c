//! Records of requests that never came to a thread which writes its own: the queue was full, the deadline passed, the job
//! panicked. One thread writes them, so that no such request waits for the token and no async thread for the disk.

use std::collections::VecDeque;
use std::mem;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use kms_audit::{AuditLog, omitted_body};
use kms_core::KmsError;
use tokio::sync::oneshot;

use crate::audit_event::EventDraft;

/// Records that may wait. Past it refusals are counted, and one record tells their number.
const BOUND: usize = 4_096;
/// Records written at a time.
const BATCH: usize = 64;
/// How long a refused client waits for its record.
const PATIENCE: Duration = Duration::from_secs(1);

/// The writer of these records. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Refusals {
    shared: Arc<Shared>,
}

struct Shared {
    queue: Mutex<Queue>,
    wake: Condvar,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Waiting>,
    /// Refusals that found no place since the last write.
    omitted: u64,
    /// Whether the last write failed.
    is_failing: bool,
    /// Since when the writer is at a write.
    writing_since: Option<Instant>,
}

struct Waiting {
    record: Vec<u8>,
    reply: oneshot::Sender<bool>,
}

impl Refusals {
    /// Starts the thread.
    ///
    /// # Errors
    /// It could not be started.
    pub(crate) fn start(audit: Arc<AuditLog>) -> std::io::Result<Self> {
        let refusals = Self { shared: Arc::new(Shared { queue: Mutex::default(), wake: Condvar::new() }) };
        let shared = Arc::clone(&refusals.shared);
        std::thread::Builder::new().name("refusals".to_owned()).spawn(move || {
            loop {
                let batch = shared.next_batch();
                shared.write(&audit, batch);
            }
        })?;
        Ok(refusals)
    }

    /// Records that wait.
    pub(crate) fn depth(&self) -> usize {
        self.shared.lock().waiting.len()
    }

    /// Records a refusal and gives what to answer: the refusal, or that the audit cannot be written.
    pub(crate) async fn record(&self, refusal: KmsError, event: &EventDraft) -> KmsError {
        let (reply, receiver) = oneshot::channel();
        if !self.shared.push(Waiting { record: event.render(Some(&refusal)), reply }) {
            // Too many to record each is no reason to refuse otherwise; an audit that cannot be written is.
            let is_written = self.shared.makes_progress();
            return if is_written { refusal } else { KmsError::internal("the audit log cannot be written") };
        }
        match tokio::time::timeout(PATIENCE, receiver).await {
            Ok(Ok(true)) => refusal,
            _ => KmsError::internal("the audit log cannot be written"),
        }
    }
}

impl Shared {
    /// Queues a record; `false` if there is no place, which is counted.
    fn push(&self, waiting: Waiting) -> bool {
        let mut queue = self.lock();
        let has_place = queue.waiting.len() < BOUND;
        if has_place {
            queue.waiting.push_back(waiting);
        } else {
            queue.omitted += 1;
            metrics::counter!("strongroom_audit_omitted_total").increment(1);
        }
        drop(queue);
        self.wake.notify_one();
        has_place
    }

    fn next_batch(&self) -> (Vec<Waiting>, u64) {
        let mut queue = self.lock();
        while queue.waiting.is_empty() {
            queue = self.wake.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
        queue.writing_since = Some(Instant::now());
        let count = queue.waiting.len().min(BATCH);
        (queue.waiting.drain(..count).collect(), mem::take(&mut queue.omitted))
    }

    /// Whether the last write came to a good end, and the present one does not hang.
    fn makes_progress(&self) -> bool {
        let queue = self.lock();
        !queue.is_failing && queue.writing_since.is_none_or(|since| since.elapsed() < PATIENCE)
    }

    fn write(&self, audit: &AuditLog, batch: (Vec<Waiting>, u64)) {
        let is_written = write(audit, batch);
        let mut queue = self.lock();
        queue.is_failing = !is_written;
        queue.writing_since = None;
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes a batch and tells its clients; whether it could be written.
fn write(audit: &AuditLog, (batch, omitted): (Vec<Waiting>, u64)) -> bool {
    let (mut records, replies): (Vec<_>, Vec<_>) =
        batch.into_iter().map(|waiting| (waiting.record, waiting.reply)).unzip();
    if omitted > 0 {
        records.push(omitted_body(omitted));
    }
    let written = audit.append(&records);
    if let Err(error) = &written {
        tracing::error!(error = %error, omitted, "refusals could not be recorded");
    }
    for reply in replies {
        let _client_gone = reply.send(written.is_ok());
    }
    written.is_ok()
}

#[cfg(test)]
mod tests {
    use kms_audit::Durability;
    use kms_core::Operation;

    use super::*;
    use crate::audit_event::draft_for_tests;

    fn lines(dir: &std::path::Path) -> Vec<serde_json::Value> {
        let text = std::fs::read_to_string(dir.join("n-000001.jsonl")).unwrap();
        text.lines().skip(1).map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    #[tokio::test]
    async fn a_refusal_is_in_the_file_before_its_client_hears_of_it() {
        let dir = tempfile::tempdir().unwrap();
        let audit = Arc::new(AuditLog::open(dir.path(), "n", Durability::Write).unwrap());
        let refusals = Refusals::start(audit).unwrap();
        let answer = refusals.record(KmsError::Throttling, &draft_for_tests(Operation::CreateKey)).await;
        assert_eq!(answer.exception(), "ThrottlingException");
        let lines = lines(dir.path());
        assert_eq!(
            (&lines[0]["eventName"], &lines[0]["errorCode"]),
            (&"CreateKey".into(), &"ThrottlingException".into())
        );
        assert_eq!(lines.len(), 1);
    }

    #[tokio::test]
    async fn what_finds_no_place_is_counted_and_the_count_is_recorded() {
        let dir = tempfile::tempdir().unwrap();
        let audit = AuditLog::open(dir.path(), "n", Durability::Write).unwrap();
        let refusals = Refusals { shared: Arc::new(Shared { queue: Mutex::default(), wake: Condvar::new() }) };
        let mut receivers = Vec::new();
        for _ in 0..BOUND {
            let (reply, receiver) = oneshot::channel();
            assert!(refusals.shared.push(Waiting { record: br#""a":1}"#.to_vec(), reply }));
            receivers.push(receiver);
        }
        for _ in 0..3 {
            refusals.record(KmsError::Throttling, &draft_for_tests(Operation::Encrypt)).await;
        }
        for _ in 0..BOUND / BATCH {
            let batch = refusals.shared.next_batch();
            refusals.shared.write(&audit, batch);
        }
        for receiver in receivers {
            assert!(receiver.await.unwrap());
        }
        let omitted: Vec<_> = lines(dir.path()).into_iter().filter(|line| line["recordType"] == "omitted").collect();
        assert_eq!((omitted.len(), &omitted[0]["count"]), (1, &3.into()));
    }

    #[tokio::test]
    async fn what_finds_no_place_while_the_audit_cannot_be_written_is_not_answered() {
        let refusals = Refusals { shared: Arc::new(Shared { queue: Mutex::default(), wake: Condvar::new() }) };
        for _ in 0..BOUND {
            let (reply, _gone) = oneshot::channel();
            assert!(refusals.shared.push(Waiting { record: br#""a":1}"#.to_vec(), reply }));
        }
        let refuse = async || refusals.record(KmsError::Throttling, &draft_for_tests(Operation::Encrypt)).await;
        assert_eq!(refuse().await.exception(), "ThrottlingException");
        refusals.shared.lock().writing_since = Instant::now().checked_sub(2 * PATIENCE);
        assert_eq!(refuse().await.exception(), "KMSInternalException", "the write hangs");
        {
            let mut queue = refusals.shared.lock();
            (queue.writing_since, queue.is_failing) = (None, true);
        }
        assert_eq!(refuse().await.exception(), "KMSInternalException", "the last write failed");
    }
}
