//! The deployment: one id shared by Postgres and the token, and the root key from which the process derives its subkeys.
//! On any mismatch the node does not serve and says why.

use kms_core::hsm::{HsmError, ObjectKind, TokenObject};
use kms_core::sealing::{Purpose, Sealer, subkey_input};
use kms_core::secret::SecretKey;
use kms_core::{KmsError, ObjectId};
use kms_hsm::Token;
use kms_metadata::{Metadata, MetadataError, NewObject, TokenStore};
use uuid::Uuid;

use crate::claim::make_present;

const ROOT: &str = "root";

/// How often the lock of starts is waited for, each time as long as a statement may wait for a lock (5 s): a minute.
const LOCK_TRIES: usize = 12;

/// An established deployment, ready to serve.
#[derive(Clone, Debug)]
pub struct Deployment {
    /// The id that Postgres and the token share.
    pub id: Uuid,
    /// The label of the token.
    pub token: String,
    /// Seals the salts of keys.
    pub salts: Sealer,
    /// Seals the markers of lists.
    pub pages: Sealer,
}

/// Why a node may not serve.
#[derive(Debug, thiserror::Error)]
pub enum DeploymentError {
    /// Postgres names a sentinel that the token does not show: the token folder is missing, empty or another one.
    #[error(
        "the token {token} does not hold the sentinel of this deployment: the token is missing, empty or another one; restore it, nothing is made anew"
    )]
    SentinelMissing {
        /// The label of the token.
        token: String,
    },
    /// The token belongs to another deployment.
    #[error("the token {token} belongs to deployment {found}, the database to another one")]
    OtherDeployment {
        /// The label of the token.
        token: String,
        /// The deployment that the token names.
        found: Uuid,
    },
    /// The database knows another token already; its keys would be looked for in this one and not be found.
    #[error("the database belongs to the token {known}, not to {token}: correct the token's label")]
    OtherToken {
        /// The label of the token.
        token: String,
        /// The label that the database knows.
        known: String,
    },
    /// No node has served with this database and token yet.
    #[error("the database knows no deployment yet: start a node first")]
    NotMade,
    /// The token that should be replaced is there.
    #[error("the token shows the sentinel of this deployment: it is not lost, and nothing is replaced")]
    NothingLost,
    /// A node serves, so its token is there.
    #[error("a node has a lease: stop all nodes, and wait a minute after a kill")]
    NodesLive,
    /// The root key is that of another deployment, or was altered.
    #[error("the salts of this database's keys do not open under this root key: it is another deployment's")]
    WrongRoot,
    /// A new root key could not be taken into custody, so nothing was made.
    #[error("a new deployment cannot be made: {0}")]
    NotKept(String),
    /// Postgres or the token does not answer, or the root key is not what it was.
    #[error("the deployment cannot be established")]
    Unavailable(#[source] KmsError),
}

impl<E: Into<KmsError>> From<E> for DeploymentError {
    fn from(error: E) -> Self {
        Self::Unavailable(error.into())
    }
}

impl Deployment {
    /// Opens the deployment of this database and token, or makes it when both are new. `escrow` is handed a new root key
    /// once, before it is used, so that it can be encrypted for its owner (cryptography.md 4).
    ///
    /// # Errors
    /// See [`DeploymentError`]; a missing sentinel is never made anew. Nodes that start at once wait for one another, a
    /// minute at most.
    pub fn open(
        metadata: &Metadata,
        token: &Token,
        token_label: &str,
        escrow: &mut dyn FnMut(&Uuid, &SecretKey) -> Result<(), String>,
    ) -> Result<Self, DeploymentError> {
        let store = alone(metadata, || Self::establish(metadata, token, token_label, escrow))?;
        token.attach(store.sentinel)?;
        Self::derive(token, &store)
    }

    /// The store of this token, with everything in the token that it names. The caller holds the lock of starts.
    fn establish(
        metadata: &Metadata,
        token: &Token,
        token_label: &str,
        escrow: &mut dyn FnMut(&Uuid, &SecretKey) -> Result<(), String>,
    ) -> Result<TokenStore, DeploymentError> {
        let found = token.find_deployments()?;
        let known = metadata.read(|tx| Ok::<_, KmsError>(tx.find_token_store(token_label)?))?;
        let store = match known {
            Some(store) => store,
            None => Self::announce(metadata, token_label, &found)?,
        };
        if let Some((_, other)) = found.iter().find(|(_, id)| *id != store.deployment_id) {
            return Err(DeploymentError::OtherDeployment { token: token_label.to_owned(), found: *other });
        }
        if store.established && !found.iter().any(|(sentinel, _)| *sentinel == store.sentinel) {
            return Err(DeploymentError::SentinelMissing { token: token_label.to_owned() });
        }
        if !store.established {
            let is_made = found.iter().any(|(sentinel, _)| *sentinel == store.sentinel);
            if !is_made {
                Self::make(token, &store, escrow)?;
            }
            metadata.write(|tx| {
                make_present(tx, store.root)?;
                Ok::<_, KmsError>(tx.establish_token_store(&store.token)?)
            })?;
        }
        Ok(store)
    }

    /// Commits the intent before anything is made in the token. A token that names a deployment already is not taken.
    fn announce(
        metadata: &Metadata,
        token_label: &str,
        found: &[(ObjectId, Uuid)],
    ) -> Result<TokenStore, DeploymentError> {
        if let Some((_, other)) = found.first() {
            return Err(DeploymentError::OtherDeployment { token: token_label.to_owned(), found: *other });
        }
        let store = TokenStore {
            token: token_label.to_owned(),
            deployment_id: Uuid::new_v4(),
            sentinel: ObjectId::random(),
            root: ObjectId::random(),
            established: false,
        };
        let known = metadata.read(|tx| Ok::<_, KmsError>(tx.token_labels()?))?;
        if let Some(known) = known.into_iter().next() {
            return Err(DeploymentError::OtherToken { token: token_label.to_owned(), known });
        }
        metadata.write(|tx| {
            tx.insert_object(&root_row(&store))?;
            tx.insert_token_store(&store)
        })?;
        Ok(store)
    }

    /// Makes the root key and then the sentinel, which says that both are there; repeated after a kill in between.
    fn make(
        token: &Token,
        store: &TokenStore,
        escrow: &mut dyn FnMut(&Uuid, &SecretKey) -> Result<(), String>,
    ) -> Result<(), DeploymentError> {
        let root = Self::new_root(token)?;
        escrow(&store.deployment_id, &root).map_err(DeploymentError::NotKept)?;
        token.establish(store.deployment_id, store.sentinel, &root_object(store.root), &root)?;
        Ok(())
    }

    /// 32 bytes of the operating system XORed with 32 of the token.
    fn new_root(token: &Token) -> Result<SecretKey, KmsError> {
        use kms_core::Hsm;
        let tokens = SecretKey::try_fill(|bytes| token.generate_random(bytes))?;
        SecretKey::try_fill(|bytes| {
            getrandom::fill(bytes).map_err(KmsError::internal)?;
            bytes.iter_mut().zip(tokens.expose()).for_each(|(byte, other)| *byte ^= other);
            Ok(())
        })
    }

    fn derive(token: &Token, store: &TokenStore) -> Result<Self, DeploymentError> {
        use kms_core::Hsm;
        let subkey = |purpose| -> Result<Sealer, HsmError> {
            let key = token.mac(&root_object(store.root), &subkey_input(store.deployment_id, purpose))?;
            Ok(Sealer::new(purpose, key))
        };
        Ok(Self {
            id: store.deployment_id,
            token: store.token.clone(),
            salts: subkey(Purpose::Salt)?,
            pages: subkey(Purpose::Page)?,
        })
    }
}

/// Runs `run` while no other node is between its look at rows and token and the end of what it makes of them. Otherwise
/// two first starts at once would both find nothing, and the loser would have handed a root key into custody that no
/// deployment has.
///
/// The lock has a transaction of its own around those of `run`, because the intent must be committed before anything is
/// made in the token. It is the one place where transactions nest: at start, where nobody else uses the pool.
pub(crate) fn alone<T>(
    metadata: &Metadata,
    mut run: impl FnMut() -> Result<T, DeploymentError>,
) -> Result<T, DeploymentError> {
    let mut tries = 0;
    loop {
        tries += 1;
        let mut was_busy = false;
        let outcome = metadata.write(|tx| {
            tx.lock_token_stores().inspect_err(|error| was_busy = matches!(error, MetadataError::LockTimeout))?;
            run()
        });
        if !was_busy || tries == LOCK_TRIES {
            return outcome;
        }
        tracing::info!("waiting for another node that starts on this database");
    }
}

/// The token object of a root key.
pub(crate) fn root_object(id: ObjectId) -> TokenObject {
    TokenObject::internal(id, ROOT)
}

/// The root key is listed like every key object, so it has a row; the sentinel is no key and has none.
fn root_row(store: &TokenStore) -> NewObject {
    NewObject {
        id: store.root,
        kind: ObjectKind::Root,
        label: root_object(store.root).label,
        key: None,
        token: store.token.clone(),
        claimed_by: String::new(),
    }
}
