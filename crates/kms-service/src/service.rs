//! The service: takes a verified request to its operation and back.

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use kms_audit::AuditLog;
use kms_core::sealing::Sealer;
use kms_core::{Clock, KeyFacts, KmsError};
use kms_material::{Deployment, Keepers};
use kms_metadata::MetadataError;
use kms_model::Request;

use crate::audit_event::{EventDraft, OperationRequest};
use crate::cache::KeyCache;
use crate::context::Context;
use crate::dispatch::model_error;
use crate::gate::Gate;
use crate::hot::{HotOperation, Prepared};
use crate::key_record::KeyRecord;
use crate::lane::{Outcome, TokenWork};
use crate::lanes::{LaneKind, Lanes};
use crate::outbox::{InFlight, Outbox};
use crate::refusals::Refusals;
use crate::target::Target;
use crate::workers::Workers;

/// How often a record that went stale under an operation is read anew before the client is asked to come again.
const ATTEMPTS: usize = 4;

/// RSA keys and wrapping pairs that requests have generated in the token at once. One takes up to two seconds of the
/// processor, a session of the token and a worker.
const RSA_AT_ONCE: usize = 3;

/// Threads that read keys into the cache.
const LOADERS: usize = 2;

/// What the service is made of.
pub struct ServiceConfig {
    /// Rows and tokens.
    pub keepers: Keepers,
    /// The cache that the rows' listener keeps.
    pub cache: Arc<KeyCache>,
    /// The audit file.
    pub audit: Arc<AuditLog>,
    /// The deployment's seals.
    pub deployment: Deployment,
    /// Threads for management operations.
    pub workers: usize,
}

/// The key service. Cheap to clone.
#[derive(Clone)]
pub struct Service {
    keepers: Keepers,
    cache: Arc<KeyCache>,
    audit: Arc<AuditLog>,
    clock: Arc<dyn Clock>,
    pages: Sealer,
    rsa_gate: Arc<Gate>,
    /// The lanes of each keeper's token, so that a slow one holds up no use of another's keys.
    lanes: Arc<[Lanes]>,
    outbox: Arc<Outbox>,
    refusals: Refusals,
    /// Apart from the others, so that changes which wait for peers hold up no request that misses the cache.
    loaders: Workers,
    workers: Workers,
}

impl Service {
    /// Starts the lanes and the workers.
    ///
    /// # Errors
    /// No thread could be started.
    pub fn start(config: ServiceConfig) -> std::io::Result<Self> {
        let ServiceConfig { keepers, cache, audit, deployment, workers } = config;
        let clock = Arc::clone(keepers.clock());
        let refusals = Refusals::start(Arc::clone(&audit))?;
        let outbox = Arc::default();
        let rsa_gate = Arc::new(Gate::of(RSA_AT_ONCE));
        let lanes = keepers.iter().map(|keeper| Lanes::start(keeper.hsm(), &audit, &refusals, &cache, &clock));
        let lanes = lanes.collect::<Result<_, _>>()?;
        let loaders = Workers::start("loading", LOADERS)?;
        let workers = Workers::start("management", workers)?;
        Ok(Self {
            keepers,
            cache,
            audit,
            clock,
            pages: deployment.pages,
            rsa_gate,
            lanes,
            outbox,
            refusals,
            loaders,
            workers,
        })
    }

    /// Validates the body, runs the operation, records it, and gives the JSON of the answer.
    ///
    /// # Errors
    /// Every refusal of KMS.
    pub async fn call(&self, request: OperationRequest, body: &[u8]) -> Result<Vec<u8>, KmsError> {
        let mut event = Box::new(EventDraft::new(&request, self.clock.real_now()));
        let Some(shape) = kms_model::operation(request.operation.name()) else {
            return self.refuse(KmsError::internal("an operation has no shape"), event).await;
        };
        match kms_model::read(shape, body) {
            Ok(read) => {
                event.set_parameters(read.value());
                self.dispatch(request, read, event).await
            }
            Err(error) => self.refuse(model_error(error), event).await,
        }
    }

    /// Records a refusal and gives it.
    pub(crate) async fn refuse(&self, refusal: KmsError, event: Box<EventDraft>) -> Result<Vec<u8>, KmsError> {
        self.use_token(Err(refusal), event).await
    }

    /// Runs work on the lane that needs no key.
    pub(crate) async fn use_token(
        &self,
        work: Result<TokenWork, KmsError>,
        event: Box<EventDraft>,
    ) -> Result<Vec<u8>, KmsError> {
        match self.lanes[0].of(LaneKind::Secret).run(work, Vec::new(), event).await {
            Outcome::Done(result) => result,
            Outcome::Stale(_) => Err(KmsError::internal("work without a record went stale")),
        }
    }

    /// The hot path: the records from the cache, all checks here, one job for the lane. What a cached record refuses is
    /// asked once more of the rows (S4), and again if a `ValidTo` passed while they were read; a record that goes
    /// stale under the token call is read anew.
    pub(crate) async fn use_keys<O: HotOperation<KEYS>, const KEYS: usize>(
        &self,
        request: OperationRequest,
        body: Request<'_>,
        mut event: Box<EventDraft>,
    ) -> Result<Vec<u8>, KmsError> {
        let read = |input: O::Input| O::targets(&input, &request.caller).map(|targets| (input, targets));
        let (input, targets) = match body.into_input().map_err(model_error).and_then(read) {
            Ok(read) => read,
            Err(refusal) => return self.refuse(refusal, event).await,
        };
        let mut cached = targets.each_ref().map(|target| self.cache.find(target, self.clock.boottime()));
        for _ in 0..ATTEMPTS {
            let from_cache = cached.iter().any(Option::is_some);
            let asked = (!from_cache).then(|| self.clock.now());
            let records = match self.records(&request, &targets, O::ACTIONS, &mut cached, &mut event).await {
                Ok(records) => records,
                Err(refusal) => return self.refuse(refusal, event).await,
            };
            let keys: [&KeyRecord; KEYS] = std::array::from_fn(|index| &*records[index]);
            let now = self.clock.now();
            let prepared = O::prepare(&input, keys, now);
            let is_of_one_moment =
                || asked.is_some_and(|asked| !keys.iter().any(|key| key.facts.expires_between(asked, now)));
            if matches!(&prepared, Err(refusal) if refusal.rests_on_stored_facts()) && !is_of_one_moment() {
                continue;
            }
            let work = prepared.map(|Prepared { work, lane, used }| {
                if let Some(used) = used {
                    event.set_material(used);
                }
                (lane, work)
            });
            let (lane, work, guard) = match work {
                Ok((lane, work)) => (lane, Ok(work), records),
                Err(refusal) => (LaneKind::Secret, Err(refusal), Vec::new()),
            };
            match self.lanes_for(&guard).of(lane).run(work, guard, event).await {
                Outcome::Done(result) => return result.and_then(|answer| self.within_lease(answer)),
                Outcome::Stale(draft) => event = draft,
            }
        }
        self.refuse(KmsError::timeout("the key changed again and again, or the lease is over"), event).await
    }

    /// The records of all targets, authorized: those found in the cache, the others read now.
    async fn records<const KEYS: usize>(
        &self,
        request: &OperationRequest,
        targets: &[Target; KEYS],
        actions: [&str; KEYS],
        cached: &mut [Option<Arc<KeyRecord>>; KEYS],
        event: &mut EventDraft,
    ) -> Result<Vec<Arc<KeyRecord>>, KmsError> {
        let mut records = Vec::with_capacity(KEYS);
        for ((target, action), cached) in targets.iter().zip(actions).zip(cached) {
            let found = match cached.take() {
                Some(record) => Some(record),
                None => self.load(target.clone()).await?,
            };
            let record = target.authorize(found, |record| &record.facts, &request.caller, action)?;
            records.push(record);
        }
        event.set_keys(records.iter().map(|record| (record.facts.address.account, Arc::clone(&record.arn))));
        Ok(records)
    }

    /// The lanes of the token that the first key is bound to.
    fn lanes_for(&self, records: &[Arc<KeyRecord>]) -> &Lanes {
        let token = records.first().map(|first| &*first.facts.token);
        let mut each = self.keepers.iter().zip(&*self.lanes);
        each.find(|(keeper, _)| Some(keeper.token()) == token).map_or(&self.lanes[0], |(_, lanes)| lanes)
    }

    /// The last look before an answer leaves. The record counted after the token call, so the operation came before any
    /// change since; but a process that was stopped meanwhile wakes with its lease over, and then must not answer.
    fn within_lease(&self, answer: Vec<u8>) -> Result<Vec<u8>, KmsError> {
        if self.cache.lease_holds(self.clock.boottime()) {
            return Ok(answer);
        }
        Err(KmsError::timeout("the lease ended before the answer left"))
    }

    /// Runs a management operation on a worker; its record is written before its answer is given.
    pub(crate) async fn on_worker(
        &self,
        request: OperationRequest,
        event: Box<EventDraft>,
        run: impl FnOnce(&Context<'_>) -> Result<Vec<u8>, KmsError> + Send + 'static,
    ) -> Result<Vec<u8>, KmsError> {
        let service = self.clone();
        let spare = event.under_own_id();
        let is_told = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&is_told);
        let outcome = self
            .workers
            .run(move || {
                let in_flight = service.outbox.begin(event.event_id());
                let context = Context {
                    operation: request.operation,
                    caller: &request.caller,
                    keepers: &service.keepers,
                    pages: &service.pages,
                    rsa_gate: &service.rsa_gate,
                    event: RefCell::new(*event),
                };
                let result = run(&context);
                service.record(context.event.into_inner(), in_flight, result.as_ref().err(), &told)?;
                result
            })
            .await;
        match outcome {
            Ok(result) => result,
            Err(lost) if is_told.swap(true, Ordering::AcqRel) => Err(lost.into()),
            Err(lost) => Err(self.refusals.record(lost.into(), &spare).await),
        }
    }

    /// Records what became of a management request. A refusal after a change that may be committed is an event of its
    /// own; the change's record follows from its row (docs/decisions/0008). A refusal that the client was told of already
    /// is not recorded twice.
    fn record(
        &self,
        event: EventDraft,
        in_flight: InFlight,
        refusal: Option<&KmsError>,
        is_told: &AtomicBool,
    ) -> Result<(), KmsError> {
        let append = |record| self.audit.append(&[record]).map_err(KmsError::internal);
        match (refusal, event.has_row()) {
            (None, true) => append(event.render(None)).map(|()| in_flight.written()),
            (None, false) => {
                in_flight.without_row();
                append(event.render(None))
            }
            (Some(_), has_row) if is_told.swap(true, Ordering::AcqRel) => {
                if !has_row {
                    in_flight.without_row();
                }
                Ok(())
            }
            (Some(refusal), true) => append(event.under_own_id().render(Some(refusal))),
            (Some(refusal), false) => {
                in_flight.without_row();
                append(event.render(Some(refusal)))
            }
        }
    }

    /// Reads a key on a worker, proves its objects, and installs its record in the cache.
    async fn load(&self, target: Target) -> Result<Option<Arc<KeyRecord>>, KmsError> {
        let service = self.clone();
        self.loaders
            .run(move || {
                for _ in 0..ATTEMPTS {
                    let fill = service.cache.begin_fill();
                    let Some(record) = service.read_record(&target)? else { return Ok(None) };
                    match service.verify_objects(&record.facts) {
                        Ok(()) => return Ok(Some(service.cache.install(record, &fill))),
                        // An object that was destroyed since the rows were read is missing rightly: they tell why.
                        Err(_) if service.read_record(&target)?.is_none_or(|now| now.facts != record.facts) => {}
                        Err(error) => return Err(error),
                    }
                }
                Err(KmsError::timeout("the key changed again and again while its record was read"))
            })
            .await?
    }

    /// A key with its aliases, in one snapshot.
    fn read_record(&self, target: &Target) -> Result<Option<KeyRecord>, KmsError> {
        let read = self.keepers.metadata().read(|tx| {
            let Some(row) = target.find(tx)? else { return Ok(None) };
            let aliases = tx.aliases_of_key(&row.facts.address)?;
            Ok::<_, MetadataError>(Some((row.facts, aliases)))
        })?;
        let Some((facts, aliases)) = read else { return Ok(None) };
        let hsm = Arc::clone(self.keepers.of(&facts)?.hsm());
        KeyRecord::new(facts, aliases.into_iter().map(|alias| alias.name).collect(), &hsm).map(Some)
    }

    /// Proves that each usable material of a key is the object that its row names.
    fn verify_objects(&self, facts: &KeyFacts) -> Result<(), KmsError> {
        let now = self.clock.now();
        for material in facts.materials.iter().filter(|material| material.is_usable(now)) {
            if let Some(object) = material.object {
                self.keepers.of(facts)?.verify_object(facts, material, object)?;
            }
        }
        Ok(())
    }
}

impl Service {
    /// The keepers, for background tasks.
    pub(crate) fn keepers(&self) -> &Keepers {
        &self.keepers
    }

    /// Jobs that wait, by queue.
    pub(crate) fn queue_depths(&self) -> [(&'static str, usize); 4] {
        [
            ("lane", self.lanes.iter().map(Lanes::depth).sum()),
            ("loading", self.loaders.depth()),
            ("management", self.workers.depth()),
            ("refusals", self.refusals.depth()),
        ]
    }

    /// Threads that hang now, by pool.
    pub(crate) fn abandoned(&self) -> [(&'static str, u64); 3] {
        let count = |workers: &Workers| workers.abandoned() as u64;
        [
            ("lane", self.lanes.iter().map(Lanes::abandoned).sum()),
            ("loading", count(&self.loaders)),
            ("management", count(&self.workers)),
        ]
    }

    /// The audit log, for background tasks.
    pub(crate) fn audit_log(&self) -> &AuditLog {
        &self.audit
    }

    /// The rows whose records are not in the file, for background tasks.
    pub(crate) fn outbox(&self) -> &Arc<Outbox> {
        &self.outbox
    }
}
