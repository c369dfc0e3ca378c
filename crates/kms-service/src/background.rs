//! What the service does unasked, on threads of its own: expiry and final deletion, the pool of wrapping keys, the
//! reconciler, and the watch over token and database.

use std::cell::RefCell;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use kms_audit::{Resource, ServiceEvent, ServiceEventKind};
use kms_core::{KeyAddress, KmsError};
use kms_material::{AuditEntry, ServiceAudit, ServiceStep};
use uuid::Uuid;

use crate::service::Service;

const DUE_EVERY: Duration = Duration::from_secs(1);
const POOL_EVERY: Duration = Duration::from_secs(2);
const RECONCILE_EVERY: Duration = Duration::from_secs(30);
const WATCH_EVERY: Duration = Duration::from_secs(2);
/// Checks in a row that may miss the sentinel: a SoftHSM process that missed it stays blind until it is started anew.
const BLIND_BOUND: u32 = 5;

/// Whether this node can serve.
#[derive(Debug, Default)]
pub struct Health {
    token: AtomicBool,
    database: AtomicBool,
}

impl Health {
    /// Whether token and database worked when last looked at.
    pub fn is_ready(&self) -> bool {
        self.token.load(Ordering::Acquire) && self.database.load(Ordering::Acquire)
    }

    /// What is wrong, in words for an operator.
    pub fn problems(&self) -> Vec<&'static str> {
        let mut problems = Vec::new();
        if !self.token.load(Ordering::Acquire) {
            problems.push("the token does not show this deployment's sentinel");
        }
        if !self.database.load(Ordering::Acquire) {
            problems.push("the database does not answer");
        }
        problems
    }
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
        report(service.keeper().reconcile(true)?);
        let mut background = Self { stops: Vec::new(), threads: Vec::new() };
        background.every("due", DUE_EVERY, service, run_due)?;
        background.every("wrapping-pool", POOL_EVERY, service, fill_pool)?;
        background
            .every("reconcile", RECONCILE_EVERY, service, |service, _| service.keeper().reconcile(false).map(report))?;
        let health = Arc::clone(health);
        watch(service, &health);
        let misses = Mutex::new(0);
        background.every("watch", WATCH_EVERY, service, move |service, _| {
            let mut misses = misses.lock().unwrap_or_else(PoisonError::into_inner);
            *misses = if watch(service, &health) { 0 } else { *misses + 1 };
            if *misses >= BLIND_BOUND {
                tracing::error!("the token stays unknown: this process is blind and ends; nothing was destroyed");
                std::process::exit(75);
            }
            Ok(())
        })?;
        Ok(background)
    }

    /// Ends all tasks and waits for them.
    pub fn stop(self) {
        drop(self.stops);
        for thread in self.threads {
            let _panicked = thread.join();
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

/// Looks at token and database; `false` if the token does not show its sentinel.
fn watch(service: &Service, health: &Health) -> bool {
    let token = service.keeper().hsm().check();
    let database = service.keeper().metadata().ping();
    health.token.store(token.is_ok(), Ordering::Release);
    health.database.store(database.is_ok(), Ordering::Release);
    if let Err(error) = &token {
        tracing::error!(error = %error, "the token cannot be trusted now");
    }
    token.is_ok()
}

/// Destroys expired material and purges keys whose window is over.
fn run_due(service: &Service, _stopped: &Receiver<()>) -> Result<(), KmsError> {
    let records = RefCell::new(Vec::new());
    let audit: ServiceAudit<'_> = &|step, address| {
        let (entry, record) = service_record(service, step, address);
        records.borrow_mut().push(record);
        entry
    };
    let keeper = service.keeper();
    let result = keeper.expire_due(audit).and_then(|_| keeper.purge_due(audit)).map(drop);
    let records = records.into_inner();
    if !records.is_empty() {
        service.audit_log().append(&records).map_err(KmsError::internal)?;
    }
    result
}

fn fill_pool(service: &Service, stopped: &Receiver<()>) -> Result<(), KmsError> {
    service.keeper().end_spent_pairs()?;
    while stopped.try_recv() == Err(std::sync::mpsc::TryRecvError::Empty) && service.keeper().fill_pool()? {}
    Ok(())
}

fn report(report: kms_material::Report) {
    metrics::gauge!("strongroom_unknown_objects").set(report.unknown.len() as f64);
    metrics::gauge!("strongroom_missing_objects").set(report.missing.len() as f64);
    if report.undone + report.finished > 0 {
        tracing::info!(undone = report.undone, finished = report.finished, "rows and token are one again");
    }
}

/// The record of a step of the service's own, for the transaction and for the file.
fn service_record(service: &Service, step: ServiceStep, address: &KeyAddress) -> (AuditEntry, Vec<u8>) {
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
        event_time: service.keeper().clock().real_now(),
        region: region.as_str(),
        account: account.as_str(),
        kind,
        resources: &[Resource { account: account.as_str(), arn: &arn }],
    }
    .render();
    let row = [b"{".as_slice(), &record].concat();
    (AuditEntry { event_id, request_id: event_id.to_string(), record: row }, record)
}
