//! The service: takes a verified request to its operation and back.

use std::sync::Arc;

use kms_audit::AuditLog;
use kms_core::key_ref::does_not_exist;
use kms_core::sealing::Sealer;
use kms_core::{Clock, KeyFacts, KeyId, KeyRef, KmsError, Region};
use kms_material::{Deployment, Keeper};
use kms_model::Request;

use crate::audit_event::{EventDraft, OperationRequest};
use crate::authorize::{authorize, no_such_ciphertext_key, no_such_resource};
use crate::cache::KeyCache;
use crate::context::Context;
use crate::dispatch::model_error;
use crate::hot::{HotOperation, Prepared, Target};
use crate::key_record::KeyRecord;
use crate::lane::{Lane, Outcome, TokenWork};
use crate::workers::Workers;

/// How often a record that went stale under an operation is read anew before the client is asked to come again.
const ATTEMPTS: usize = 4;

/// Threads that read keys into the cache.
const LOADERS: usize = 2;

/// What the service is made of.
pub struct ServiceConfig {
    /// Rows and token.
    pub keeper: Keeper,
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
    keeper: Keeper,
    cache: Arc<KeyCache>,
    audit: Arc<AuditLog>,
    clock: Arc<dyn Clock>,
    pages: Sealer,
    lane: Lane,
    /// Apart from the others, so that changes which wait for peers hold up no request that misses the cache.
    loaders: Workers,
    workers: Workers,
}

impl Service {
    /// Starts the lane and the workers.
    ///
    /// # Errors
    /// No thread could be started.
    pub fn start(config: ServiceConfig) -> std::io::Result<Self> {
        let ServiceConfig { keeper, cache, audit, deployment, workers } = config;
        let clock = Arc::clone(keeper.clock());
        let lane = Lane::start(Arc::clone(keeper.hsm()), Arc::clone(&audit), Arc::clone(&cache), Arc::clone(&clock))?;
        let loaders = Workers::start("loading", LOADERS)?;
        let workers = Workers::start("management", workers)?;
        Ok(Self { keeper, cache, audit, clock, pages: deployment.pages, lane, loaders, workers })
    }

    /// Validates the body, runs the operation, records it, and gives the JSON of the answer.
    ///
    /// # Errors
    /// Every refusal of KMS.
    pub async fn call(&self, request: OperationRequest, body: &[u8]) -> Result<Vec<u8>, KmsError> {
        let mut event = EventDraft::new(&request, self.clock.real_now());
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
    pub(crate) async fn refuse(&self, refusal: KmsError, event: EventDraft) -> Result<Vec<u8>, KmsError> {
        self.use_token(Err(refusal), event).await
    }

    /// Runs work on the lane that needs no key.
    pub(crate) async fn use_token(
        &self,
        work: Result<TokenWork, KmsError>,
        event: EventDraft,
    ) -> Result<Vec<u8>, KmsError> {
        match self.lane.run(work, None, event).await {
            Outcome::Done(result) => result,
            Outcome::Stale(_) => Err(KmsError::internal("work without a record went stale")),
        }
    }

    /// The hot path: the record from the cache, all checks here, one job for the lane. What a cached record refuses is
    /// asked once more of the rows (S4); a record that goes stale under the token call is read anew.
    pub(crate) async fn use_key<O: HotOperation>(
        &self,
        request: OperationRequest,
        body: Request<'_>,
        mut event: EventDraft,
    ) -> Result<Vec<u8>, KmsError> {
        let target = body.into_input::<O::Input>().map_err(model_error).and_then(|input| {
            let target = O::target(&input, &request.caller)?;
            let key = self.locate(&request, &target)?;
            Ok((input, target, key))
        });
        let (input, target, key) = match target {
            Ok(found) => found,
            Err(refusal) => return self.refuse(refusal, event).await,
        };
        let mut cached = self.cache.find(&key, self.clock.boottime());
        for _ in 0..ATTEMPTS {
            let from_cache = cached.is_some();
            let record = match cached.take() {
                Some(record) => record,
                None => match self.load(key).await {
                    Ok(Some(record)) => record,
                    Ok(None) => return self.refuse(unknown(&request, &target, key), event).await,
                    Err(error) => return self.refuse(error, event).await,
                },
            };
            if record.facts.address.account == request.caller.account {
                event.set_key(&record.facts, &record.arn);
            }
            let prepared =
                check_access(&request, &target, &record).and_then(|()| O::prepare(&input, &record, self.clock.now()));
            if from_cache && matches!(&prepared, Err(refusal) if refusal.rests_on_stored_facts()) {
                continue;
            }
            let work = prepared.map(|Prepared { work, material }| {
                event.set_material(&material.id);
                work
            });
            let guard = work.is_ok().then(|| Arc::clone(&record));
            match self.lane.run(work, guard, event).await {
                Outcome::Done(result) => return result.and_then(|answer| self.within_lease(answer)),
                Outcome::Stale(draft) => event = *draft,
            }
        }
        self.refuse(KmsError::timeout("the key changed again and again, or the lease is over"), event).await
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
        event: EventDraft,
        run: impl FnOnce(&Context<'_>) -> Result<Vec<u8>, KmsError> + Send + 'static,
    ) -> Result<Vec<u8>, KmsError> {
        let service = self.clone();
        self.workers
            .run(move || {
                let context = Context {
                    operation: request.operation,
                    caller: &request.caller,
                    keeper: &service.keeper,
                    pages: &service.pages,
                    event: event.into(),
                };
                let result = run(&context);
                let record = context.event.into_inner().render(result.as_ref().err());
                service.audit.append(&[record]).map_err(KmsError::internal)?;
                result
            })
            .await
    }

    /// Where the key of a request must be, by its name alone.
    fn locate(&self, request: &OperationRequest, target: &Target) -> Result<(Region, KeyId), KmsError> {
        let caller = &request.caller;
        match target {
            Target::OfCiphertext(key_id) => Ok((caller.region, *key_id)),
            Target::Named(key_id) => match KeyRef::parse(key_id, caller.region, caller.account)? {
                KeyRef::Key(address) if address.account == caller.account => Ok((address.region, address.key_id)),
                KeyRef::Key(_) => Err(no_such_resource(caller, request.operation)),
                KeyRef::Alias(arn) => Err(KmsError::NotFound(format!("Alias {arn} is not found."))),
            },
        }
    }

    /// Reads a key on a worker, proves its objects, and installs its record in the cache.
    async fn load(&self, key: (Region, KeyId)) -> Result<Option<Arc<KeyRecord>>, KmsError> {
        let service = self.clone();
        self.loaders
            .run(move || {
                let read = || service.keeper.metadata().read(|tx| tx.find_key(key.0, key.1));
                for _ in 0..ATTEMPTS {
                    let generation = service.cache.generation();
                    let Some(row) = read()? else { return Ok(None) };
                    match service.verify_objects(&row.facts) {
                        Ok(()) => return Ok(Some(service.cache.install(KeyRecord::new(row.facts), generation))),
                        // An object that was destroyed since the rows were read is missing rightly: they tell why.
                        Err(_) if read()?.is_none_or(|now| now.facts.version != row.facts.version) => {}
                        Err(error) => return Err(error),
                    }
                }
                Err(KmsError::timeout("the key changed again and again while its record was read"))
            })
            .await
    }

    /// Proves that each usable material of a key is the object that its row names.
    fn verify_objects(&self, facts: &KeyFacts) -> Result<(), KmsError> {
        let now = self.clock.now();
        for material in facts.materials.iter().filter(|material| material.is_usable(now)) {
            if let Some(object) = material.object {
                self.keeper.verify_object(facts, material, object)?;
            }
        }
        Ok(())
    }
}

/// A key of another account is as unknown as one that does not exist, by its id and by its ciphertexts.
fn check_access(request: &OperationRequest, target: &Target, record: &KeyRecord) -> Result<(), KmsError> {
    let address = &record.facts.address;
    if address.account != request.caller.account {
        return Err(unknown(request, target, (address.region, address.key_id)));
    }
    authorize(&request.caller, request.operation, record)
}

fn unknown(request: &OperationRequest, target: &Target, (region, key_id): (Region, KeyId)) -> KmsError {
    match target {
        Target::OfCiphertext(_) => no_such_ciphertext_key(&request.caller, request.operation),
        Target::Named(_) => {
            let account = request.caller.account;
            does_not_exist(&kms_core::KeyAddress { region, account, key_id }.arn())
        }
    }
}

impl Service {
    /// The keeper, for background tasks.
    pub(crate) fn keeper(&self) -> &Keeper {
        &self.keeper
    }

    /// The audit log, for background tasks.
    pub(crate) fn audit_log(&self) -> &AuditLog {
        &self.audit
    }
}
