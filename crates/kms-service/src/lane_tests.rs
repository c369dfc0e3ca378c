//! Requests that the lane does not decide, over a real token and a real file.

use std::path::Path;
use std::sync::mpsc::channel;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use kms_audit::{AuditLog, Durability};
use kms_core::{Clock, Operation, Timestamp};

use crate::audit_event::draft_for_tests;
use crate::cache::KeyCache;
use crate::lane::{Lane, LaneSettings, Outcome, TokenWork};
use crate::refusals::Refusals;
use crate::test_token;

/// Few, so that the queue is soon full.
const QUEUE_BOUND: usize = 32;

struct TestClock;

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        time::macros::datetime!(2026-11-24 12:00 UTC)
    }

    fn real_now(&self) -> Timestamp {
        self.now()
    }

    fn boottime(&self) -> Duration {
        static START: LazyLock<Instant> = LazyLock::new(Instant::now);
        Duration::from_secs(1_000) + START.elapsed()
    }
}

fn lane(dir: &Path) -> Lane {
    let audit = Arc::new(AuditLog::open(dir, "n", Durability::Write).unwrap());
    let refusals = Refusals::start(Arc::clone(&audit)).unwrap();
    let settings =
        LaneSettings { name: "token-lane", batch: 16, hanging: Duration::from_millis(4_500), queue_bound: QUEUE_BOUND };
    Lane::start(settings, test_token::open(1), audit, refusals, KeyCache::new(), Arc::new(TestClock)).unwrap()
}

/// The operations in the file with their error codes, once there are so many.
fn recorded(dir: &Path, count: usize) -> Vec<(String, String)> {
    let since = Instant::now();
    loop {
        let text = std::fs::read_to_string(dir.join("n-000001.jsonl")).unwrap();
        let events = text.lines().skip(1).map(|line| {
            let record: serde_json::Value = serde_json::from_str(line).unwrap();
            let word = |name: &str| record[name].as_str().unwrap_or("none").to_owned();
            (word("eventName"), word("errorCode"))
        });
        let events: Vec<_> = events.collect();
        if events.len() >= count {
            return events;
        }
        assert!(since.elapsed() < Duration::from_secs(10), "{events:?}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn count(events: &[(String, String)], name: &str, code: &str) -> usize {
    events.iter().filter(|(event, error)| event == name && error == code).count()
}

#[tokio::test]
async fn a_request_that_finds_the_queue_full_is_recorded_as_throttled() {
    let dir = tempfile::tempdir().unwrap();
    let lane = lane(dir.path());
    let (release, wait) = channel::<()>();
    let (begun, has_begun) = channel::<()>();
    let run = |work: TokenWork, operation| {
        let lane = lane.clone();
        tokio::spawn(async move { lane.run(Ok(work), Vec::new(), draft_for_tests(operation)).await })
    };
    let hanging = run(
        Box::new(move |_| {
            let _ = begun.send(());
            let _ = wait.recv();
            Ok(Vec::new())
        }),
        Operation::Decrypt,
    );
    tokio::task::yield_now().await;
    has_begun.recv().unwrap();
    let waiting: Vec<_> =
        (0..QUEUE_BOUND).map(|_| run(Box::new(|_| Ok(Vec::new())), Operation::GenerateRandom)).collect();
    // Each queues its job at its first poll.
    for _ in 0..=QUEUE_BOUND {
        tokio::task::yield_now().await;
    }
    let work: TokenWork = Box::new(|_| Ok(Vec::new()));
    let refused = lane.run(Ok(work), Vec::new(), draft_for_tests(Operation::Encrypt)).await;
    assert!(matches!(refused, Outcome::Done(Err(error)) if error.exception() == "ThrottlingException"));
    assert_eq!(count(&recorded(dir.path(), 1), "Encrypt", "ThrottlingException"), 1);
    release.send(()).unwrap();
    for task in waiting.into_iter().chain([hanging]) {
        assert!(matches!(task.await.unwrap(), Outcome::Done(Ok(_))));
    }
    assert_eq!(recorded(dir.path(), QUEUE_BOUND + 2).len(), QUEUE_BOUND + 2);
}

#[tokio::test(start_paused = true)]
async fn a_request_abandoned_at_its_deadline_has_one_record_however_its_call_ends() {
    let dir = tempfile::tempdir().unwrap();
    let lane = lane(dir.path());
    let (release, wait) = channel::<()>();
    let (begun, has_begun) = channel::<()>();
    let work: TokenWork = Box::new(move |_| {
        let _ = begun.send(());
        let _ = wait.recv();
        Ok(Vec::new())
    });
    let hanging = tokio::spawn({
        let lane = lane.clone();
        async move { lane.run(Ok(work), Vec::new(), draft_for_tests(Operation::Encrypt)).await }
    });
    tokio::task::yield_now().await;
    has_begun.recv().unwrap();
    assert!(matches!(hanging.await.unwrap(), Outcome::Done(Err(_))));
    assert_eq!(recorded(dir.path(), 1), [("Encrypt".to_owned(), "DependencyTimeoutException".to_owned())]);
    release.send(()).unwrap();
    tokio::time::resume();
    let work: TokenWork = Box::new(|_| Ok(vec![7]));
    let next = lane.run(Ok(work), Vec::new(), draft_for_tests(Operation::Decrypt)).await;
    assert!(matches!(next, Outcome::Done(Ok(answer)) if answer == [7]));
    let events = recorded(dir.path(), 2);
    assert_eq!((events.len(), count(&events, "Decrypt", "none")), (2, 1), "{events:?}");
}
