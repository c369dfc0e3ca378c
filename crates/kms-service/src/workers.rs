//! A bounded pool of threads for blocking work. A full queue refuses; a job past its deadline is abandoned, its thread
//! replaced; too many abandoned threads end the process.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use kms_core::KmsError;
use tokio::sync::oneshot;

/// Why a job has no result.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Lost {
    /// The queue is full: it never began.
    Refused,
    /// It panicked.
    Panicked,
    /// Past the deadline it either never began or goes on without anybody waiting for it.
    Abandoned,
}

impl From<Lost> for KmsError {
    fn from(lost: Lost) -> Self {
        match lost {
            Lost::Refused => Self::Throttling,
            Lost::Panicked => Self::internal("a worker panicked"),
            Lost::Abandoned => Self::timeout("a job passed its deadline"),
        }
    }
}

/// Jobs that may wait.
const QUEUE_BOUND: usize = 1_024;
/// How long a caller waits for its job, queueing included.
pub(crate) const DEADLINE: Duration = Duration::from_secs(9);
/// Abandoned threads that are put up with before the process ends.
const ABANDONED_BOUND: usize = 32;

const QUEUED: u8 = 0;
const RUNNING: u8 = 1;
const ABANDONED: u8 = 2;

type Task = Box<dyn FnOnce() + Send>;

struct Job {
    state: Arc<AtomicU8>,
    task: Task,
}

#[derive(Default)]
struct Shared {
    queue: Mutex<VecDeque<Job>>,
    wake: Condvar,
    abandoned: AtomicUsize,
}

/// The pool.
#[derive(Clone)]
pub(crate) struct Workers {
    name: &'static str,
    shared: Arc<Shared>,
}

impl Workers {
    pub(crate) fn start(name: &'static str, threads: usize) -> std::io::Result<Self> {
        let workers = Self { name, shared: Arc::new(Shared::default()) };
        for _ in 0..threads {
            workers.spawn()?;
        }
        Ok(workers)
    }

    /// Runs a blocking job on a worker and waits for it.
    ///
    /// # Errors
    /// There is no result, and why.
    pub(crate) async fn run<T: Send + 'static>(&self, job: impl FnOnce() -> T + Send + 'static) -> Result<T, Lost> {
        let (sender, receiver) = oneshot::channel();
        let state = Arc::new(AtomicU8::new(QUEUED));
        let task: Task = Box::new(move || {
            let _client_gone = sender.send(job());
        });
        {
            let mut queue = self.shared.queue.lock().unwrap_or_else(PoisonError::into_inner);
            if queue.len() >= QUEUE_BOUND {
                return Err(Lost::Refused);
            }
            queue.push_back(Job { state: Arc::clone(&state), task });
        }
        self.shared.wake.notify_one();
        match tokio::time::timeout(DEADLINE, receiver).await {
            Ok(Ok(result)) => Ok(result),
            Ok(Err(_panicked)) => Err(Lost::Panicked),
            Err(_elapsed) => {
                if state.swap(ABANDONED, Ordering::AcqRel) == RUNNING {
                    self.replace_abandoned();
                }
                Err(Lost::Abandoned)
            }
        }
    }

    /// Jobs that wait.
    pub(crate) fn depth(&self) -> usize {
        self.shared.queue.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Threads that hang now.
    pub(crate) fn abandoned(&self) -> usize {
        self.shared.abandoned.load(Ordering::Relaxed)
    }

    fn replace_abandoned(&self) {
        let abandoned = self.shared.abandoned.fetch_add(1, Ordering::AcqRel) + 1;
        tracing::error!(pool = self.name, abandoned, "a worker hangs and is replaced");
        metrics::counter!("strongroom_abandoned_workers_total", "pool" => self.name).increment(1);
        if abandoned > ABANDONED_BOUND || self.spawn().is_err() {
            tracing::error!(pool = self.name, "too many workers hang: the process ends");
            std::process::exit(70);
        }
    }

    fn spawn(&self) -> std::io::Result<()> {
        let shared = Arc::clone(&self.shared);
        std::thread::Builder::new().name(self.name.to_owned()).spawn(move || work(&shared)).map(drop)
    }
}

/// Takes jobs until one of them was abandoned: a replacement works already.
fn work(shared: &Shared) {
    loop {
        let job = {
            let mut queue = shared.queue.lock().unwrap_or_else(PoisonError::into_inner);
            loop {
                match queue.pop_front() {
                    Some(job) => break job,
                    None => queue = shared.wake.wait(queue).unwrap_or_else(PoisonError::into_inner),
                }
            }
        };
        if job.state.compare_exchange(QUEUED, RUNNING, Ordering::AcqRel, Ordering::Acquire).is_err() {
            continue;
        }
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(job.task));
        if outcome.is_err() {
            tracing::error!("a job panicked");
        }
        if job.state.load(Ordering::Acquire) == ABANDONED {
            shared.abandoned.fetch_sub(1, Ordering::AcqRel);
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_job_runs_and_its_result_comes_back() {
        let workers = Workers::start("test", 1).unwrap();
        assert_eq!(workers.run(|| 7).await, Ok(7));
    }

    #[tokio::test]
    async fn a_panic_is_an_error_and_the_worker_lives_on() {
        let workers = Workers::start("test", 1).unwrap();
        let refused = workers.run::<()>(|| panic!("on purpose")).await;
        assert_eq!(refused, Err(Lost::Panicked));
        assert_eq!(workers.run(|| 7).await, Ok(7));
    }

    #[tokio::test(start_paused = true)]
    async fn a_full_queue_is_throttled() {
        let workers = Workers::start("test", 0).unwrap();
        let mut waiting = Vec::new();
        for _ in 0..QUEUE_BOUND {
            let workers = workers.clone();
            waiting.push(tokio::spawn(async move { workers.run(|| ()).await }));
        }
        while workers.shared.queue.lock().unwrap().len() < QUEUE_BOUND {
            tokio::task::yield_now().await;
        }
        assert_eq!(workers.run(|| ()).await, Err(Lost::Refused));
        for task in waiting {
            task.abort();
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_hanging_job_is_abandoned_and_its_thread_replaced() {
        let workers = Workers::start("test", 1).unwrap();
        let (release, wait) = std::sync::mpsc::channel::<()>();
        let (begun, has_begun) = std::sync::mpsc::channel::<()>();
        let hanging = tokio::spawn({
            let workers = workers.clone();
            async move {
                workers
                    .run(move || {
                        let _ = begun.send(());
                        let _ = wait.recv();
                    })
                    .await
            }
        });
        tokio::task::yield_now().await;
        has_begun.recv().unwrap();
        assert_eq!(hanging.await.unwrap(), Err(Lost::Abandoned));
        assert_eq!(workers.shared.abandoned.load(Ordering::Acquire), 1);
        let (sender, receiver) = oneshot::channel();
        let job = Job { state: Arc::default(), task: Box::new(move || assert_eq!(sender.send(9), Ok(()))) };
        workers.shared.queue.lock().unwrap().push_back(job);
        workers.shared.wake.notify_one();
        assert_eq!(receiver.await.unwrap(), 9);
        release.send(()).unwrap();
    }
}
