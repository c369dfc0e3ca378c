//! Makes, destroys and reconciles key material: the only code that joins rows and token objects.
//!
//! Postgres and a token cannot commit together, so the row of an object is the durable intent and always comes first:
//! `creating` before the object is made, `destroying` before it is destroyed. The order of steps is a model-checked
//! protocol; its steps are named here as there (I0-I7 import, D1-D3 delete, F1-F3 finish, R1-R4 reconcile).
//! Three rules carry the rest: no object is destroyed unless its row is committed `destroying` or `destroyed`; the key
//! row's lock, held from the last check to `present`, is the claim; what is unknown is looked up or refused, never guessed.

mod claim;
mod delete;
mod deployment;
mod expiry;
mod finish;
mod generate;
mod identity;
mod import;
mod import_plan;
mod inspection;
mod keepers;
mod purge;
mod reconcile;
mod recovery;
mod unknown;
mod wrapping_pool;

use std::sync::Arc;

use kms_core::sealing::Sealer;
use kms_core::{Clock, Hsm};
use kms_metadata::{Metadata, MetadataError, Tx};
use serde_json::Value;
use uuid::Uuid;

pub use deployment::{Deployment, DeploymentError};
pub use expiry::{ServiceAudit, ServiceStep};
pub use generate::{Born, CreationAudit};
pub use import::{Expiration, Import, ImportType, MISMATCHES_PER_DAY};
pub use inspection::{Findings, Inspector, UnknownObject};
pub use keepers::Keepers;
pub use reconcile::Report;
pub use wrapping_pool::{ATTEMPTS_PER_PAIR, LIVE_PAIRS_PER_ACCOUNT, Pair, Parameters};

/// The keeper of key material: joins the rows of Postgres with the objects of one token.
#[derive(Clone)]
pub struct Keeper {
    metadata: Metadata,
    hsm: Arc<dyn Hsm>,
    clock: Arc<dyn Clock>,
    salts: Sealer,
    token: String,
    node: String,
}

/// A rendered audit record, committed in the transaction of the change that it tells of.
#[derive(Clone, Debug)]
pub struct AuditEntry {
    /// Id of the event.
    pub event_id: Uuid,
    /// `x-amzn-RequestId` of the request, or the id of the background run.
    pub request_id: String,
    /// The record as JSON.
    pub record: Vec<u8>,
}

impl AuditEntry {
    /// Commits the record with the change it tells of.
    ///
    /// # Errors
    /// Those of any statement.
    pub fn insert(&self, tx: &mut Tx<'_>) -> Result<(), MetadataError> {
        tx.insert_audit(self.event_id, &self.request_id, &self.record)
    }
}

/// Renders the audit record of a change once its response elements are known.
pub type Audit<'a> = &'a dyn Fn(Value) -> AuditEntry;

impl Keeper {
    /// A keeper over this database and the token of this label.
    pub fn new(
        metadata: Metadata,
        hsm: Arc<dyn Hsm>,
        clock: Arc<dyn Clock>,
        deployment: &Deployment,
        token: impl Into<String>,
        node: impl Into<String>,
    ) -> Self {
        Self { metadata, hsm, clock, salts: deployment.salts.clone(), token: token.into(), node: node.into() }
    }

    /// The rows.
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// The label of the token.
    pub fn token(&self) -> &str {
        &self.token
    }

    /// The token.
    pub fn hsm(&self) -> &Arc<dyn Hsm> {
        &self.hsm
    }

    /// The clock of expiry and deletion windows.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }
}
