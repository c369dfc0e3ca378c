//! A look at what rows and token disagree on, for a command beside the nodes. It changes neither.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use kms_core::hsm::FoundObject;
use kms_core::sealing::{Purpose, subkey_input};
use kms_core::{Hsm, KmsError, ObjectId};
use kms_hsm::Token;
use kms_metadata::{Metadata, ObjectRow, ObjectState, TokenStore};

use crate::DeploymentError;
use crate::deployment::{established_store, root_object};
use crate::reconcile::STALE;

/// Rows that are listed at most of each kind that a node finishes by itself.
const LISTED: i64 = 10_000;

/// Rows and token of one established deployment, seen by a process that serves nobody.
pub struct Inspector {
    pub(crate) metadata: Metadata,
    pub(crate) hsm: Arc<dyn Hsm>,
    pub(crate) store: TokenStore,
}

/// An object of the token with a label and an id of ours that no row knows.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UnknownObject {
    /// `CKA_ID`.
    pub id: ObjectId,
    /// `CKA_LABEL`.
    pub label: String,
    /// Whether it is a secret key; else it is a private key.
    pub is_secret_key: bool,
}

/// What rows and token disagree on.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Findings {
    /// Objects without a row. No node touches them.
    pub unknown: Vec<UnknownObject>,
    /// Objects without an id, torn by a kill while they were made. No node touches them.
    pub nameless: usize,
    /// Rows `present` without their object: what was lost. No node touches them.
    pub missing: Vec<ObjectRow>,
    /// Rows `destroying`: nodes finish them.
    pub destroying: Vec<ObjectRow>,
    /// Objects whose row is `destroyed`, as an older copy of the token brings them back: nodes destroy them again.
    pub returned: Vec<ObjectId>,
    /// Rows `creating` for more than 25 seconds: nodes undo them unless their creator lives.
    pub unfinished: Vec<ObjectRow>,
}

impl Findings {
    /// Whether rows and token agree.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl Inspector {
    /// Finds the deployment of this database in this token, and makes nothing.
    ///
    /// # Errors
    /// [`DeploymentError`]: the two do not belong together, no node has served yet, or one of them does not answer.
    pub fn open(metadata: Metadata, token: Arc<Token>, token_label: &str) -> Result<Self, DeploymentError> {
        let store = established_store(&metadata, token_label)?;
        let found = token.find_deployments()?;
        if let Some((_, other)) = found.iter().find(|(_, id)| *id != store.deployment_id) {
            return Err(DeploymentError::OtherDeployment { token: token_label.to_owned(), found: *other });
        }
        if !found.iter().any(|(sentinel, _)| *sentinel == store.sentinel) {
            return Err(DeploymentError::SentinelMissing { token: token_label.to_owned() });
        }
        token.attach(store.sentinel)?;
        Ok(Self { metadata, hsm: token, store })
    }

    /// What the database says of the deployment.
    pub fn store(&self) -> &TokenStore {
        &self.store
    }

    /// Uses the root key once; `false` if another token holds it.
    ///
    /// # Errors
    /// It is not in the token, or the token does not let it be used.
    pub fn try_root(&self) -> Result<bool, KmsError> {
        let Some(root) = self.store.root else { return Ok(false) };
        self.hsm.mac(&root_object(root), &subkey_input(self.store.deployment_id, Purpose::Salt))?;
        Ok(true)
    }

    /// Compares rows and token. Rows `present` are read before the token is listed and all states after it, so that what
    /// nodes make and destroy meanwhile is not mistaken (object-protocol.md R3 and R4).
    ///
    /// # Errors
    /// Postgres does not answer or the token is unknown.
    pub fn compare(&self) -> Result<Findings, KmsError> {
        let token = &self.store.token;
        let present = self.metadata.read(|tx| Ok::<_, KmsError>(tx.present_of_token(token)?))?;
        let objects = self.hsm.list()?;
        let found: HashSet<ObjectId> = objects.iter().filter_map(|object| object.id).collect();
        let absent: Vec<ObjectRow> = present.into_iter().filter(|row| !found.contains(&row.id)).collect();
        let ids: Vec<ObjectId> = found.iter().copied().chain(absent.iter().map(|row| row.id)).collect();
        let (states, destroying, unfinished) = self.metadata.read(|tx| {
            let before = tx.now()? - STALE;
            Ok::<_, KmsError>((
                tx.object_states(&ids)?,
                tx.destroying(token, LISTED)?,
                tx.stale_creating(token, before, LISTED)?,
            ))
        })?;
        let is_present = |row: &ObjectRow| states.get(&row.id) == Some(&ObjectState::Present);
        Ok(Findings {
            unknown: unknown_among(&objects, &states),
            nameless: objects.iter().filter(|object| object.id.is_none()).count(),
            missing: absent.into_iter().filter(is_present).collect(),
            destroying,
            returned: found.into_iter().filter(|id| states.get(id) == Some(&ObjectState::Destroyed)).collect(),
            unfinished,
        })
    }
}

fn unknown_among(objects: &[FoundObject], states: &HashMap<ObjectId, ObjectState>) -> Vec<UnknownObject> {
    let described = |object: &FoundObject| {
        let id = object.id.filter(|id| !states.contains_key(id))?;
        Some(UnknownObject { id, label: object.label.clone(), is_secret_key: object.is_secret_key })
    };
    objects.iter().filter_map(described).collect()
}
