//! What the service does unasked, on threads of its own: expiry and final deletion, the pool of wrapping keys, the
//! reconciler, and the watch over token and database.

use std::cell::RefCell;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use kms_audit::{Resource, ServiceEvent, ServiceEventKind};
use kms_core::{KeyAddress, KmsError, Timestamp};
use kms_material::{AuditEntry, ServiceAudit, ServiceStep};
use uuid::Uuid;

use crate::measure::{age, measure};
use crate::service::Service;

const DUE_EVERY: Duration = Duration::from_secs(1);
/// How often the database is asked for the time at start: one prompt answer is enough.
const QUESTIONS: usize = 3;
const POOL_EVERY: Duration = Duration::from_secs(2);
const RECONCILE_EVERY: Duration = Duration::from_secs(30);
const WATCH_EVERY: Duration = Duration::from_secs(2);
const AUDIT_EVERY: Duration = Duration::from_secs(2);
const MEASURE_EVERY: Duration = Duration::from_secs(10);
const OUTBOX_EVERY: Duration = Duration::from_secs(2);
/// How far the clocks of node and database may differ.
pub const LARGEST_SKEW: time::Duration = time::Duration::seconds(60);
/// How long a good look at a dependency counts.
const FRESH: Duration = Duration::from_secs(8);
/// How long the end of a task is waited for; one that hangs in Postgres or the token ends with the process.
const STOP_PATIENCE: Duration = Duration::from_secs(5);
/// Checks in a row that may miss the sentinel: a SoftHSM process that missed it stays blind until it is started anew.
const BLIND_BOUND: u32 = 5;

/// Whether this node can serve: when each of its dependencies was last seen to work, by CLOCK_BOOTTIME.
#[derive(Debug, Default)]
pub struct Health {
    token: AtomicU64,
    database: AtomicU64,
    lease: AtomicU64,
    audit: AtomicU64,
    /// When rows and token were last compared to the end.
    reconciled: AtomicU64,
    /// When the rows were last measured.
    measured: AtomicU64,
}

impl Health {
    /// What is wrong, in words for an operator; nothing when the node can serve. A look that hangs is no good news: only
    /// a fresh one counts.
    pub fn problems(&self, boottime: Duration) -> Vec<&'static str> {
        let oldest = seconds(boottime).saturating_sub(FRESH.as_secs());
        let looks = [
            (&self.token, "the token does not show this deployment's sentinel"),
            (&self.database, "the database does not answer"),
            (&self.lease, "the lease is over: changes of other nodes cannot be heard"),
            (&self.audit, "the audit log cannot be written, or its file is gone"),
        ];
        let is_stale = |last: &AtomicU64| last.load(Ordering::Acquire) < oldest.max(1);
        looks.into_iter().filter(|(last, _)| is_stale(last)).map(|(_, problem)| problem).collect()
    }

    /// Time since rows and token were last compared.
    pub(crate) fn reconcile_age(&self, boottime: Duration) -> Duration {
        age(self.reconciled.load(Ordering::Acquire), boottime)
    }

    /// Time since the rows were last measured.
    pub(crate) fn measured_age(&self, boottime: Duration) -> Duration {
        age(self.measured.load(Ordering::Acquire), boottime)
    }

    /// Notes a look: a failure counts at once, a success until it is no longer fresh.
    fn note(last: &AtomicU64, is_well: bool, boottime: Duration) {
        last.store(if is_well { seconds(boottime).max(1) } else { 0 }, Ordering::Release);
    }
}

fn seconds(boottime: Duration) -> u64 {
    boottime.as_secs()
}

/// The running background tasks.
pub struct Background {
    stops: Vec<Sender<()>>,
    threads: Vec<JoinHandle<()>>,
}

impl Background {
    /// Reconciles once, then starts all tasks.
    ///
    /// # Errors
    /// The first run of the reconciler failed (the token is unknown, Postgres does not answer), or no thread could start.
    pub fn start(service: &Service, health: &Arc<Health>) -> Result<Self, KmsError> {
        for _ in 0..QUESTIONS {
            hear_time(service)?;
        }
        reconcile(service, health, true)?;
        measure_and_note(service, health)?;
        let mut background = Self { stops: Vec::new(), threads: Vec::new() };
        background.every("due", DUE_EVERY, service, run_due)?;
        background.every("wrapping-pool", POOL_EVERY, service, fill_pool)?;
        let reconcile_health = Arc::clone(health);
        background.every("reconcile", RECONCILE_EVERY, service, move |service, _| {
            reconcile(service, &reconcile_health, false)
        })?;
        let measure_health = Arc::clone(health);
        background
            .every("measure", MEASURE_EVERY, service, move |service, _| measure_and_note(service, &measure_health))?;
        background.every("audit-outbox", OUTBOX_EVERY, service, |service, _| forward(service))?;
        let audit_health = Arc::clone(health);
        tend_audit(service, health);
        background.every("audit", AUDIT_EVERY, service, move |service, _| {
            tend_audit(service, &audit_health);
            Ok(())
        })?;
        let database_health = Arc::clone(health);
        watch_database(service, health);
        // Apart from the token's, so that a database that hangs does not make the look at the token late.
        background.every("watch-database", WATCH_EVERY, service, move |service, _| {
            watch_database(service, &database_health);
            Ok(())
        })?;
        let health = Arc::clone(health);
        watch_tokens(service, &health);
        let misses = Mutex::new(0);
        background.every("watch", WATCH_EVERY, service, move |service, _| {
            let mut misses = misses.lock().unwrap_or_else(PoisonError::into_inner);
            *misses = if watch_tokens(service, &health) { 0 } else { *misses + 1 };
            if *misses >= BLIND_BOUND {
                tracing::error!("the token stays unknown: this process is blind and ends; nothing was destroyed");
                std::process::exit(75);
            }
            Ok(())
        })?;
        Ok(background)
    }

    /// Ends all tasks and waits for them, but not for one that hangs.
    pub fn stop(self) {
        drop(self.stops);
        let deadline = Instant::now() + STOP_PATIENCE;
        for thread in self.threads {
            while !thread.is_finished() && Instant::now() < deadline {
                std::thread::sleep(Duration::from_millis(5));
            }
            if thread.is_finished() {
                let _panicked = thread.join();
            }
        }
    }

    fn every(
        &mut self,
        name: &'static str,
        period: Duration,
        service: &Service,
        run: impl Fn(&Service, &Receiver<()>) -> Result<(), KmsError> + Send + 'static,
    ) -> Result<(), KmsError> {
        let (stop, stopped) = channel();
        let service = service.clone();
        let thread = std::thread::Builder::new().name(name.to_owned()).spawn(move || {
            while stopped.recv_timeout(period) == Err(RecvTimeoutError::Timeout) {
                if let Err(error) = run(&service, &stopped) {
                    let cause = std::error::Error::source(&error).map(ToString::to_string);
                    tracing::warn!(task = name, error = %error, cause, "a background task failed and will be repeated");
                }
            }
        });
        self.threads.push(thread.map_err(KmsError::internal)?);
        self.stops.push(stop);
        Ok(())
    }
}

/// Looks at the database and at the lease over it.
fn watch_database(service: &Service, health: &Health) {
    let (clock, metadata) = (service.keepers().clock(), service.keepers().metadata());
    Health::note(&health.database, metadata.ping().is_ok(), clock.boottime());
    Health::note(&health.lease, metadata.lease().holds(clock.boottime()), clock.boottime());
}

/// Looks at the tokens; `false` if one does not show its sentinel.
fn watch_tokens(service: &Service, health: &Health) -> bool {
    let token = service.keepers().check();
    Health::note(&health.token, token.is_ok(), service.keepers().clock().boottime());
    if let Err(error) = &token {
        tracing::error!(error = %error, "the token cannot be trusted now");
    }
    token.is_ok()
}

/// Destroys expired material and purges keys whose window is over. Only what was committed enters the audit file.
fn run_due(service: &Service, _stopped: &Receiver<()>) -> Result<(), KmsError> {
    check_clock(service)?;
    let in_flight = RefCell::new(Vec::new());
    let audit: ServiceAudit<'_> = &|step, address| {
        let entry = service_record(service, step, address);
        in_flight.borrow_mut().push(service.outbox().begin(entry.event_id));
        entry
    };
    let mut committed = Vec::new();
    let mut done = Ok(());
    for keeper in service.keepers().iter() {
        let expired = keeper.expire_due(audit, &mut committed);
        let purged = keeper.purge_due(audit, &mut committed);
        done = done.and(expired.and(purged).map(drop));
    }
    let records: Vec<Vec<u8>> = committed.iter().map(|entry| entry.record[1..].to_vec()).collect();
    if !records.is_empty() {
        service.audit_log().append(&records).map_err(KmsError::internal)?;
    }
    for event in in_flight.into_inner() {
        // What may be committed or not is owed: its row, if there is one, tells.
        if committed.iter().any(|entry| entry.event_id == event.event_id()) {
            event.written();
        }
    }
    done
}

/// Expiry and windows go by the database's time (object-protocol.md S6): asks for it.
fn hear_time(service: &Service) -> Result<Timestamp, KmsError> {
    let clock = service.keepers().clock();
    let asked = clock.boottime();
    let database = service.keepers().metadata().read(|tx| tx.now())?;
    clock.hear(database, asked, clock.boottime());
    Ok(database)
}

/// What expires or is purged is gone for good, so a node whose clock disagrees with the database's does neither.
fn check_clock(service: &Service) -> Result<(), KmsError> {
    let skew = (hear_time(service)? - service.keepers().clock().real_now()).abs();
    if skew <= LARGEST_SKEW {
        return Ok(());
    }
    Err(KmsError::internal(format!("the clocks of this node and of the database differ by {} s", skew.whole_seconds())))
}

/// Looks after the audit log. A thread of its own: a disk that hangs must not hide what else is wrong.
fn tend_audit(service: &Service, health: &Health) {
    let clock = service.keepers().clock();
    let tended = service.audit_log().tend(clock.real_now());
    if let Err(error) = &tended {
        let cause = std::error::Error::source(error).map(ToString::to_string);
        tracing::error!(error = %error, cause, "the audit log needs attention");
    }
    Health::note(&health.audit, tended.is_ok(), clock.boottime());
}

/// Sees to the rows of `audit_outbox`.
fn forward(service: &Service) -> Result<(), KmsError> {
    let appended = service.outbox().forward(service.keepers().metadata(), service.audit_log())?;
    if appended > 0 {
        metrics::counter!("strongroom_audit_forwarded_total").increment(appended as u64);
        tracing::info!(appended, "audit records that no file held were appended");
    }
    Ok(())
}

/// Pairs are made ahead in the first token alone: whatever can be imported anywhere is bound to it, unless it cannot.
fn fill_pool(service: &Service, stopped: &Receiver<()>) -> Result<(), KmsError> {
    // A token that fails holds up no other.
    let ended: Vec<_> = service.keepers().iter().map(|keeper| keeper.end_spent_pairs()).collect();
    while stopped.try_recv() == Err(std::sync::mpsc::TryRecvError::Empty) && service.keepers().first().fill_pool()? {}
    ended.into_iter().try_for_each(|ended| ended.map(drop))
}

/// Makes rows and tokens one again, and tells what is left open.
fn reconcile(service: &Service, health: &Health, at_start: bool) -> Result<(), KmsError> {
    let (found, outcome) = service.keepers().reconcile(at_start);
    report(found);
    outcome?;
    Health::note(&health.reconciled, true, service.keepers().clock().boottime());
    Ok(())
}

fn measure_and_note(service: &Service, health: &Health) -> Result<(), KmsError> {
    measure(service)?;
    Health::note(&health.measured, true, service.keepers().clock().boottime());
    Ok(())
}

fn report(report: kms_material::Report) {
    metrics::gauge!("strongroom_unknown_objects").set(report.unknown.len() as f64);
    metrics::gauge!("strongroom_missing_objects").set(report.missing.len() as f64);
    metrics::gauge!("strongroom_missing_pairs").set(report.missing_pairs as f64);
    metrics::gauge!("strongroom_unfinished_objects").set(report.unfinished as f64);
    metrics::gauge!("strongroom_nameless_objects").set(report.nameless as f64);
    if report.undone + report.finished > 0 {
        tracing::info!(undone = report.undone, finished = report.finished, "rows and token are one again");
    }
}

/// The record of a step of the service's own, a whole JSON object; the file takes it without its opening brace.
fn service_record(service: &Service, step: ServiceStep, address: &KeyAddress) -> AuditEntry {
    let event_id = Uuid::new_v4();
    let (arn, key_id, region) = (address.arn(), address.key_id.to_string(), address.region);
    let account = address.account;
    let material = match step {
        ServiceStep::MaterialExpired(id) => id.to_string(),
        ServiceStep::KeyDeleted => String::new(),
    };
    let kind = match step {
        ServiceStep::MaterialExpired(_) => {
            ServiceEventKind::DeleteExpiredKeyMaterial { key_id: &key_id, key_material_id: &material }
        }
        ServiceStep::KeyDeleted => ServiceEventKind::DeleteKey { key_id: &key_id },
    };
    let record = ServiceEvent {
        event_id,
        event_time: service.keepers().clock().real_now(),
        region: region.as_str(),
        account: account.as_str(),
        kind,
        resources: &[Resource { account: account.as_str(), arn: &arn }],
    }
    .render();
    let record = [b"{".as_slice(), &record].concat();
    AuditEntry { event_id, request_id: event_id.to_string(), record }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_good_look_counts_while_it_is_fresh_and_a_bad_one_at_once() {
        let health = Health::default();
        let at = Duration::from_secs;
        assert_eq!(health.problems(at(100)).len(), 4, "nothing was looked at yet");
        for last in [&health.token, &health.database, &health.lease, &health.audit] {
            Health::note(last, true, at(100));
        }
        assert!(health.problems(at(108)).is_empty());
        assert_eq!(health.problems(at(109)).len(), 4, "a look that hangs leaves the last one to age");
        Health::note(&health.lease, false, at(101));
        assert_eq!(health.problems(at(101)), ["the lease is over: changes of other nodes cannot be heard"]);
    }
}
