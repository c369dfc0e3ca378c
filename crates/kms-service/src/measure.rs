//! The metrics: their list, and the figures that nobody counts as they happen. The hot path counts in plain atomics, which
//! are read when `/metrics` is asked for; what only the rows know is asked of them on a timer.

use std::time::Duration;

use kms_core::key_spec::WrappingKeySpec;
use kms_core::wrapping::WrappingAlgorithm;
use kms_core::{KmsError, Timestamp};
use metrics::{counter, gauge};

use crate::background::Health;
use crate::service::Service;

/// A metric as `/metrics` shows it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Metric {
    /// Its name.
    pub name: &'static str,
    /// Whether it only grows (until the process ends).
    pub is_counter: bool,
    /// Its labels, in the order of the page; empty if it has none.
    pub labels: &'static [&'static str],
    /// What it says, in words that stand as its help.
    pub meaning: &'static str,
}

const fn counter(name: &'static str, labels: &'static [&'static str], meaning: &'static str) -> Metric {
    Metric { name, is_counter: true, labels, meaning }
}

const fn gauge(name: &'static str, labels: &'static [&'static str], meaning: &'static str) -> Metric {
    Metric { name, is_counter: false, labels, meaning }
}

/// Every metric; docs/metrics.md is this list.
pub const METRICS: [Metric; 21] = [
    gauge("strongroom_build_info", &["version"], "Always 1; the label is the version that runs."),
    gauge("strongroom_ready", &[], "1 while /health/ready says 200, else 0."),
    counter(
        "strongroom_requests_total",
        &["operation", "outcome"],
        "Requests with a good signature by outcome: ok, refused (the client's side), throttled, timeout, fault.",
    ),
    counter(
        "strongroom_rejected_requests_total",
        &["reason"],
        "Requests that came to no operation: signature, protocol, unknown_operation, body.",
    ),
    gauge(
        "strongroom_lease_age_seconds",
        &[],
        "Time since the last proof that changes of other nodes are heard; -1 before the first.",
    ),
    gauge(
        "strongroom_queue_depth",
        &["queue"],
        "Jobs that wait: lane (token calls), loading (reads of keys), management, refusals (audit records).",
    ),
    gauge("strongroom_abandoned_workers", &["pool"], "Threads that hang in the token, Postgres or the audit now."),
    counter(
        "strongroom_abandoned_workers_total",
        &["pool"],
        "Threads that were given up and replaced because they hung.",
    ),
    gauge(
        "strongroom_reconcile_age_seconds",
        &[],
        "Time since rows and token were last compared to the end; a run begins every 30 seconds.",
    ),
    gauge(
        "strongroom_unknown_objects",
        &[],
        "Objects of the token with an id and label of ours and no row: see the runbook.",
    ),
    gauge("strongroom_missing_objects", &[], "Rows that say present and have no object in the token: see the runbook."),
    gauge(
        "strongroom_missing_pairs",
        &[],
        "Wrapping keys that the last comparison found without an object and gave up.",
    ),
    gauge(
        "strongroom_nameless_objects",
        &[],
        "Objects without an id, torn by a kill while they were made; they do no harm.",
    ),
    gauge(
        "strongroom_unfinished_objects",
        &[],
        "Objects that the last comparison could not destroy or undo; the next one tries again.",
    ),
    gauge(
        "strongroom_wrapping_pool_depth",
        &["spec", "algorithm"],
        "Wrapping keys made ahead for GetParametersForImport.",
    ),
    gauge(
        "strongroom_next_expiry_seconds",
        &[],
        "Time until the next imported key material expires; +Inf if none does, negative if its destruction is late.",
    ),
    gauge("strongroom_expiring_materials", &["within"], "Imported key materials that expire within 1d, 7d and 30d."),
    gauge(
        "strongroom_audit_outbox_rows",
        &[],
        "Audit records committed with their change that no file is known to hold yet.",
    ),
    counter(
        "strongroom_audit_forwarded_total",
        &[],
        "Audit records that were appended late, for a node that died or could not write.",
    ),
    counter(
        "strongroom_audit_omitted_total",
        &[],
        "Records of refusals that found no place in the queue; one record tells their number.",
    ),
    gauge(
        "strongroom_measured_age_seconds",
        &[],
        "Time since the figures that only the database knows were read: pool depth, expiry, outbox.",
    ),
];

/// How soon materials expire that are counted.
const WITHIN: [(&str, time::Duration); 3] =
    [("1d", time::Duration::days(1)), ("7d", time::Duration::days(7)), ("30d", time::Duration::days(30))];

/// Gives the recorder of this process the help of every metric, and a first value to those that wait for an event. To be
/// called once, when the recorder is set.
pub fn describe_metrics(version: &'static str) {
    for metric in METRICS {
        if metric.is_counter {
            metrics::describe_counter!(metric.name, metric.meaning);
        } else {
            metrics::describe_gauge!(metric.name, metric.meaning);
        }
    }
    gauge!("strongroom_build_info", "version" => version).set(1.0);
    for pool in ["lane", "loading", "management"] {
        counter!("strongroom_abandoned_workers_total", "pool" => pool).increment(0);
    }
    counter!("strongroom_audit_forwarded_total").increment(0);
    counter!("strongroom_audit_omitted_total").increment(0);
}

impl Service {
    /// Brings the gauges to what holds now; called when `/metrics` is asked for. Waits for nothing but a short lock.
    pub fn publish_gauges(&self, health: &Health) {
        let now = self.keepers().clock().boottime();
        gauge!("strongroom_ready").set(if health.problems(now).is_empty() { 1.0 } else { 0.0 });
        let lease_age = self.keepers().metadata().lease().age(now);
        gauge!("strongroom_lease_age_seconds").set(lease_age.map_or(-1.0, |age| age.as_secs_f64()));
        gauge!("strongroom_reconcile_age_seconds").set(health.reconcile_age(now).as_secs_f64());
        gauge!("strongroom_measured_age_seconds").set(health.measured_age(now).as_secs_f64());
        for (queue, depth) in self.queue_depths() {
            gauge!("strongroom_queue_depth", "queue" => queue).set(depth as f64);
        }
        for (pool, abandoned) in self.abandoned() {
            gauge!("strongroom_abandoned_workers", "pool" => pool).set(abandoned as f64);
        }
    }
}

/// Asks the rows for what only they know.
///
/// # Errors
/// Postgres does not answer.
pub(crate) fn measure(service: &Service) -> Result<(), KmsError> {
    let keeper = service.keepers().first();
    let now = keeper.clock().now();
    let moments = WITHIN.map(|(_, within)| now + within);
    let (pool, measures) =
        keeper.metadata().read(|tx| Ok::<_, KmsError>((tx.pool_depth(keeper.token())?, tx.measures(&moments)?)))?;
    for spec in [WrappingKeySpec::Rsa2048, WrappingKeySpec::Rsa3072, WrappingKeySpec::Rsa4096] {
        for algorithm in
            WrappingAlgorithm::ALL.into_iter().filter(|algorithm| keeper.hsm().supports_wrapping(*algorithm))
        {
            let depth = pool.get(&(spec, algorithm)).copied().unwrap_or(0);
            gauge!("strongroom_wrapping_pool_depth", "spec" => spec.name(), "algorithm" => algorithm.name())
                .set(depth as f64);
        }
    }
    gauge!("strongroom_next_expiry_seconds")
        .set(measures.next_expiry.map_or(f64::INFINITY, |at| seconds_until(at, now)));
    for ((within, _), count) in WITHIN.into_iter().zip(&measures.expiring) {
        gauge!("strongroom_expiring_materials", "within" => within).set(*count as f64);
    }
    gauge!("strongroom_audit_outbox_rows").set(measures.audit_outbox as f64);
    Ok(())
}

fn seconds_until(at: Timestamp, now: Timestamp) -> f64 {
    (at - now).as_seconds_f64()
}

/// How long ago this second since boot was.
pub(crate) fn age(second: u64, now: Duration) -> Duration {
    now.saturating_sub(Duration::from_secs(second))
}
