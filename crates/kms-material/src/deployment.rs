//! The deployment: one id shared by Postgres and its tokens, and the root key from which the process derives its subkeys.
//! Each token holds a sentinel with the id; the first token of the first start holds the root key too.
//! On any mismatch the node does not serve and says why.

use std::time::Duration;

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

/// How often it is looked whether leases are over; in all a little longer than the usual lease.
const LEASE_TRIES: usize = 16;
const LEASE_PAUSE: Duration = Duration::from_millis(500);

/// An established deployment, ready to serve.
#[derive(Clone, Debug)]
pub struct Deployment {
    /// The id that Postgres and the tokens share.
    pub id: Uuid,
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
    #[error("the token {token} belongs to deployment {found}, the database to another one or to none")]
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
    /// A token of the deployment is not among the configured ones, and its keys could not be served.
    #[error("the token {0} of this deployment is not configured: add it")]
    TokenNotGiven(String),
    /// No node has served with this database and token yet.
    #[error("the database knows no deployment yet: start a node first")]
    NotMade,
    /// The token that should be replaced is there.
    #[error("the token shows the sentinel of this deployment: it is not lost, and nothing is replaced")]
    NothingLost,
    /// A node serves: its token is there, and it would not know one that joins.
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
    /// Opens the deployment of this database and these tokens, each with its label, or makes it when all are new; then the
    /// first token gets the root key. A token that is new to the deployment joins it, while no other node serves.
    /// `escrow` is handed a new root key once, before it is used, so that it can be encrypted for its owner
    /// (cryptography.md 4).
    ///
    /// # Errors
    /// See [`DeploymentError`]; a missing sentinel is never made anew. Nodes that start at once wait for one another, a
    /// minute at most.
    pub fn open(
        metadata: &Metadata,
        tokens: &[(&str, &Token)],
        escrow: &mut dyn FnMut(&Uuid, &SecretKey) -> Result<(), String>,
    ) -> Result<Self, DeploymentError> {
        let stores = alone(metadata, || {
            let known = metadata.read(|tx| Ok::<_, KmsError>(tx.token_stores()?))?;
            let (first, others) = by_root(tokens, &known)?;
            let is_joined = |label: &str| known.iter().any(|store| store.token == label && store.established);
            if others.iter().any(|(label, _)| !is_joined(label)) {
                // Nodes that serve without the token would not find the keys that are made in it.
                await_peers(metadata)?;
            }
            let store = Self::establish(metadata, first, None, escrow)?;
            let id = store.deployment_id;
            let mut stores = vec![(first.1, store)];
            for token in others {
                stores.push((token.1, Self::establish(metadata, token, Some(id), escrow)?));
            }
            Ok(stores)
        })?;
        for (token, store) in &stores {
            token.attach(store.sentinel)?;
        }
        let (token, store) = stores.first().ok_or_else(no_root)?;
        Self::derive(token, store)
    }

    /// The store of this token, with everything in the token that it names. A token that joins a deployment has its id, and
    /// gets no root key. The caller holds the lock of starts.
    fn establish(
        metadata: &Metadata,
        (label, token): (&str, &Token),
        joins: Option<Uuid>,
        escrow: &mut dyn FnMut(&Uuid, &SecretKey) -> Result<(), String>,
    ) -> Result<TokenStore, DeploymentError> {
        let found = token.find_deployments()?;
        let known = metadata.read(|tx| Ok::<_, KmsError>(tx.find_token_store(label)?))?;
        let store = match known {
            Some(store) => store,
            None => Self::announce(metadata, label, joins, &found)?,
        };
        if let Some((_, other)) = found.iter().find(|(_, id)| *id != store.deployment_id) {
            return Err(DeploymentError::OtherDeployment { token: label.to_owned(), found: *other });
        }
        let is_made = found.iter().any(|(sentinel, _)| *sentinel == store.sentinel);
        if store.established && !is_made {
            return Err(DeploymentError::SentinelMissing { token: label.to_owned() });
        }
        if !store.established {
            if !is_made {
                Self::make(token, &store, escrow)?;
            }
            metadata.write(|tx| {
                store.root.map_or(Ok(()), |root| make_present(tx, root))?;
                Ok::<_, KmsError>(tx.establish_token_store(&store.token)?)
            })?;
        }
        Ok(store)
    }

    /// Commits the intent before anything is made in the token. A token that names a deployment already is not taken.
    fn announce(
        metadata: &Metadata,
        token_label: &str,
        joins: Option<Uuid>,
        found: &[(ObjectId, Uuid)],
    ) -> Result<TokenStore, DeploymentError> {
        if let Some((_, other)) = found.first() {
            return Err(DeploymentError::OtherDeployment { token: token_label.to_owned(), found: *other });
        }
        let store = TokenStore {
            token: token_label.to_owned(),
            deployment_id: joins.unwrap_or_else(Uuid::new_v4),
            sentinel: ObjectId::random(),
            root: joins.is_none().then(ObjectId::random),
            established: false,
        };
        metadata.write(|tx| {
            if let Some(root) = store.root {
                tx.insert_object(&root_row(&store.token, root, ""))?;
            }
            tx.insert_token_store(&store)
        })?;
        Ok(store)
    }

    /// Makes the root key, where it belongs, and then the sentinel, which says that both are there; repeated after a kill in
    /// between.
    fn make(
        token: &Token,
        store: &TokenStore,
        escrow: &mut dyn FnMut(&Uuid, &SecretKey) -> Result<(), String>,
    ) -> Result<(), DeploymentError> {
        let Some(root) = store.root else {
            return Ok(token.join(store.deployment_id, store.sentinel)?);
        };
        let material = Self::new_root(token)?;
        escrow(&store.deployment_id, &material).map_err(DeploymentError::NotKept)?;
        Ok(token.establish(store.deployment_id, store.sentinel, &root_object(root), &material)?)
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
        let root = root_object(store.root.ok_or_else(no_root)?);
        let subkey = |purpose| -> Result<Sealer, HsmError> {
            Ok(Sealer::new(purpose, token.mac(&root, &subkey_input(store.deployment_id, purpose))?))
        };
        Ok(Self { id: store.deployment_id, salts: subkey(Purpose::Salt)?, pages: subkey(Purpose::Page)? })
    }
}

/// A token with its label.
type Named<'a> = (&'a str, &'a Token);

/// The token that holds or gets the root key, and the others. Every token that the database knows must be given, but for
/// one that was about to join and did not: no key is bound to it.
fn by_root<'a>(tokens: &[Named<'a>], known: &[TokenStore]) -> Result<(Named<'a>, Vec<Named<'a>>), DeploymentError> {
    let is_given = |store: &&TokenStore| {
        let never_joined = !store.established && store.root.is_none();
        never_joined || tokens.iter().any(|(label, _)| *label == store.token)
    };
    let Some((first, _)) = tokens.first() else {
        return Err(KmsError::internal("no token is configured").into());
    };
    match known.iter().find(|store| !is_given(store)) {
        Some(missing) if tokens.len() == 1 && known.len() == 1 => {
            return Err(DeploymentError::OtherToken { token: (*first).to_owned(), known: missing.token.clone() });
        }
        Some(missing) => return Err(DeploymentError::TokenNotGiven(missing.token.clone())),
        None => {}
    }
    let holder = known.iter().find(|store| store.root.is_some()).map_or(*first, |store| &store.token);
    let (holders, others): (Vec<_>, Vec<_>) = tokens.iter().copied().partition(|(label, _)| *label == holder);
    holders.first().map(|first| (*first, others)).ok_or_else(|| no_root().into())
}

/// Waits until no other node has a lease: one that was just stopped or killed had one for a moment.
///
/// # Errors
/// [`DeploymentError::NodesLive`] after 8 seconds.
pub(crate) fn await_peers(metadata: &Metadata) -> Result<(), DeploymentError> {
    for _ in 0..LEASE_TRIES {
        if metadata.live_peers()? == 0 {
            return Ok(());
        }
        std::thread::sleep(LEASE_PAUSE);
    }
    Err(DeploymentError::NodesLive)
}

/// What the database says that the token of this label holds.
///
/// # Errors
/// [`DeploymentError::NotMade`], [`DeploymentError::OtherToken`] if it knows other labels.
pub(crate) fn established_store(metadata: &Metadata, label: &str) -> Result<TokenStore, DeploymentError> {
    let stores = metadata.read(|tx| Ok::<_, KmsError>(tx.token_stores()?))?;
    match stores.iter().find(|store| store.token == label) {
        Some(store) if store.established => Ok(store.clone()),
        Some(_) => Err(DeploymentError::NotMade),
        None => Err(stores.into_iter().next().map_or(DeploymentError::NotMade, |known| DeploymentError::OtherToken {
            token: label.to_owned(),
            known: known.token,
        })),
    }
}

/// A row of the deployment's first token always names its root key.
pub(crate) fn no_root() -> KmsError {
    KmsError::internal("the database names no root key for this token")
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
pub(crate) fn root_row(token: &str, root: ObjectId, claimed_by: &str) -> NewObject {
    NewObject {
        id: root,
        kind: ObjectKind::Root,
        label: root_object(root).label,
        key: None,
        token: token.to_owned(),
        claimed_by: claimed_by.to_owned(),
    }
}
