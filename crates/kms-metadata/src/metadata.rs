//! The way in: a pool, transactions over it, and the lease that goes with them.

use std::fmt;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use diesel::connection::{AnsiTransactionManager, SimpleConnection, TransactionManager};
use diesel::result::Error;
use kms_core::{Clock, KeyAddress};
use uuid::Uuid;

use crate::error::{MetadataError, from_diesel, is_definite_refusal, is_lost_connection};
use crate::lease::{Invalidate, Invalidator, Lease};
use crate::listener::Listener;
use crate::nodes::{self, Node};
use crate::pool::{self, PgPool};
use crate::publish::{self, CHANGES, Change, Expected, Registry};
use crate::tx::{Connection, Tx};

/// The lease of a node unless the configuration says otherwise (design.md 6).
pub const DEFAULT_LEASE: Duration = Duration::from_secs(5);

/// How much longer than a lease a publisher waits at most, whatever the rows say.
const PATIENCE: Duration = Duration::from_secs(1);

/// How long [`Metadata::stop`] waits for the listener's thread.
const STOP_PATIENCE: Duration = Duration::from_secs(2);

/// What a node's access to the metadata needs.
#[derive(Clone)]
pub struct MetadataConfig {
    /// Connection string of libpq, a URI or `name=value` pairs. May hold a password; never shown.
    pub url: String,
    /// Most connections at once; one more is the listener's.
    pub pool_size: u32,
    /// Stays the same over restarts of a node. Two live processes never share one.
    pub node_id: Uuid,
    /// What the node is called in rows and logs.
    pub node_name: String,
    /// How long a node may serve from its cache after its last proof; the same on all nodes.
    pub lease: Duration,
}

impl fmt::Debug for MetadataConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MetadataConfig")
            .field("pool_size", &self.pool_size)
            .field("node_id", &self.node_id)
            .field("node_name", &self.node_name)
            .field("lease", &self.lease)
            .finish_non_exhaustive()
    }
}

/// The metadata. Cheap to clone; the listener ends with [`Metadata::stop`] or the last clone.
#[derive(Clone)]
pub struct Metadata {
    inner: Arc<Inner>,
}

/// Of a process that caches nothing.
struct NoCache;

impl Invalidate for NoCache {
    fn invalidate(&self, _address: &KeyAddress) {}

    fn invalidate_all(&self) {}
}

struct Inner {
    pool: PgPool,
    node: Node,
    invalidator: Invalidator,
    registry: Arc<Registry>,
}

impl Metadata {
    /// Connects, begins to listen and takes the node's lease row over from the process that ran under this id before. When
    /// it returns, the lease holds. The schema must be there ([`crate::migrate`]).
    ///
    /// # Errors
    /// [`MetadataError::Unavailable`] when Postgres cannot be reached; [`MetadataError::Other`] without the schema.
    pub fn connect(
        config: MetadataConfig,
        clock: Arc<dyn Clock>,
        cache: Arc<dyn Invalidate>,
    ) -> Result<Self, MetadataError> {
        let node =
            Node { node_id: config.node_id, boot_id: Uuid::new_v4(), name: config.node_name, lease: config.lease };
        let pool = pool::pool(&config.url, config.pool_size)?;
        let invalidator = Invalidator { lease: Arc::new(Lease::new(config.lease)), cache };
        let registry = Arc::new(Registry::default());
        let listener = Listener {
            url: config.url,
            node: node.clone(),
            clock,
            invalidator: invalidator.clone(),
            registry: registry.clone(),
        };
        let connection = listener.start()?;
        thread::Builder::new()
            .name("metadata-listener".to_owned())
            .spawn(move || listener.run(connection))
            .map_err(|error| MetadataError::Other(format!("no thread for the listener: {error}")))?;
        Ok(Self { inner: Arc::new(Inner { pool, node, invalidator, registry }) })
    }

    /// Access for a command that runs beside the nodes: no cache, so no lease, no listener and no row in `nodes`. What it
    /// changes of a key would be waited for as for any other change. Connects at once with two connections.
    ///
    /// # Errors
    /// [`MetadataError::Unavailable`] when Postgres cannot be reached.
    pub fn beside_nodes(url: &str, name: &str) -> Result<Self, MetadataError> {
        let node =
            Node { node_id: Uuid::new_v4(), boot_id: Uuid::new_v4(), name: name.to_owned(), lease: DEFAULT_LEASE };
        let invalidator = Invalidator { lease: Arc::new(Lease::new(node.lease)), cache: Arc::new(NoCache) };
        let registry = Arc::new(Registry::default());
        // Nobody is to be waited for at the end.
        registry.listener_has_stopped();
        let metadata = Self { inner: Arc::new(Inner { pool: pool::pool(url, 2)?, node, invalidator, registry }) };
        metadata.ping()?;
        Ok(metadata)
    }

    /// How many other nodes may have a lease now.
    ///
    /// # Errors
    /// [`MetadataError::Unavailable`].
    pub fn live_peers(&self) -> Result<usize, MetadataError> {
        Ok(self.inner.list_peers()?.len())
    }

    /// Runs `f` over one read-only snapshot (REPEATABLE READ). Do not call it, or [`Metadata::write`], within another: each
    /// takes a connection of the pool.
    ///
    /// # Errors
    /// What `f` gives; [`MetadataError::Unavailable`].
    pub fn read<T, E: From<MetadataError>>(&self, f: impl FnOnce(&mut Tx<'_>) -> Result<T, E>) -> Result<T, E> {
        let mut connection = self.begin("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY")?;
        let value = f(&mut Tx::new(&mut connection, &self.inner.node.name));
        // What was read is read; a connection that cannot end its transaction is not used again.
        let _ended = AnsiTransactionManager::rollback_transaction(&mut *connection.0);
        value
    }

    /// Runs `f` in a READ COMMITTED transaction, commits it, and publishes the keys that it changed: when this returns,
    /// every node with a live lease has dropped what it cached of them. An `Err` of `f` rolls back.
    ///
    /// # Errors
    /// What `f` gives; [`MetadataError::Unavailable`] when nothing was committed; [`MetadataError::OutcomeUnknown`] when
    /// the answer to COMMIT was lost: look the rows up under the key's lock (object-protocol.md A6).
    pub fn write<T, E: From<MetadataError>>(&self, f: impl FnOnce(&mut Tx<'_>) -> Result<T, E>) -> Result<T, E> {
        let mut connection = self.begin("BEGIN ISOLATION LEVEL READ COMMITTED, READ WRITE")?;
        let mut tx = Tx::new(&mut connection, &self.inner.node.name);
        let outcome = f(&mut tx).and_then(|value| Ok((value, tx.into_changes()?)));
        match outcome {
            Ok((value, changed)) => {
                self.finish(connection, changed)?;
                Ok(value)
            }
            Err(error) => {
                // A rollback that fails leaves a broken connection, which rolls back by itself when the pool drops it.
                let _ended = AnsiTransactionManager::rollback_transaction(&mut *connection.0);
                Err(error)
            }
        }
    }

    /// The lease of this node's cache.
    pub fn lease(&self) -> &Lease {
        &self.inner.invalidator.lease
    }

    /// Asks Postgres for a sign of life.
    ///
    /// # Errors
    /// [`MetadataError::Unavailable`].
    pub fn ping(&self) -> Result<(), MetadataError> {
        self.read(|tx| tx.run(|connection| connection.batch_execute("SELECT 1")))
    }

    /// Ends the lease at once, then the listener, and gives the lease up in the node's row so that nobody waits for this
    /// node. Transactions still work; this node's changes then take a peer's lease each, as no acknowledgement is heard.
    pub fn stop(&self) {
        self.inner.stop();
    }

    /// Opens a transaction. A pooled connection that was closed meanwhile, as all are after a restart of Postgres, shows
    /// here, where nothing has been asked over it yet.
    fn begin(&self, statement: &str) -> Result<Connection, MetadataError> {
        let mut lost = None;
        for _ in 0..=self.inner.pool.max_size() {
            let pooled = self.inner.pool.get();
            let mut pooled = pooled.map_err(|error| MetadataError::Unavailable(error.to_string()))?;
            match AnsiTransactionManager::begin_transaction_sql(&mut *pooled, statement) {
                Ok(()) => return Ok(Connection(pooled)),
                Err(error) if is_lost_connection(&error) => lost = Some(from_diesel(error)),
                Err(error) => return Err(from_diesel(error)),
            }
        }
        Err(lost.unwrap_or_else(|| MetadataError::Unavailable("the pool is empty".to_owned())))
    }

    /// Commits, and publishes what changed.
    fn finish(&self, mut connection: Connection, changed: Vec<KeyAddress>) -> Result<(), MetadataError> {
        if changed.is_empty() {
            return commit(&mut connection);
        }
        let change = Change { id: Uuid::new_v4(), publisher: self.inner.node.boot_id, keys: Some(changed) };
        let expected = self.inner.registry.expect(change.id);
        publish::notify(&mut connection.0, CHANGES, &change.to_payload())?;
        let committed = commit(&mut connection);
        if matches!(committed, Ok(()) | Err(MetadataError::OutcomeUnknown(_))) {
            self.inner.invalidator.drop_keys(change.keys.as_deref().unwrap_or_default());
        }
        committed?;
        self.wait_for_peers(connection, &expected);
        Ok(())
    }

    /// The change is committed, so nothing here is an error: where the peers cannot be asked for, the longest lease that
    /// any of them can have is waited out.
    fn wait_for_peers(&self, mut connection: Connection, expected: &Expected) {
        let node = &self.inner.node;
        let bound = node.lease + PATIENCE;
        let peers = nodes::live_peers(&mut connection.0, node);
        drop(connection);
        match peers.or_else(|_| self.inner.list_peers()) {
            Ok(peers) if peers.is_empty() => (),
            Ok(peers) => expected.wait(&peers, bound, || self.reread_peers()),
            Err(error) => {
                tracing::warn!(%error, "the other nodes cannot be listed; waiting until their leases are over");
                thread::sleep(bound);
            }
        }
    }

    /// Never waits for a connection, or the wait for a lease would become one for the pool.
    fn reread_peers(&self) -> Option<Vec<nodes::Peer>> {
        nodes::live_peers(&mut *self.inner.pool.try_get()?, &self.inner.node).ok()
    }
}

impl Inner {
    fn list_peers(&self) -> Result<Vec<nodes::Peer>, MetadataError> {
        let mut pooled = self.pool.get().map_err(|error| MetadataError::Unavailable(error.to_string()))?;
        nodes::live_peers(&mut pooled, &self.node)
    }

    fn stop(&self) {
        self.invalidator.lease.end();
        self.registry.stop_listener(STOP_PATIENCE);
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Commits. An error is definite only when Postgres itself refused over a connection that lives.
fn commit(connection: &mut Connection) -> Result<(), MetadataError> {
    fail::fail_point!("metadata.before_commit");
    AnsiTransactionManager::commit_transaction(&mut *connection.0).map_err(|error| outcome(error, connection))?;
    fail::fail_point!("metadata.after_commit");
    fail::fail_point!("metadata.commit_lost", |_| Err(MetadataError::OutcomeUnknown("failpoint".to_owned())));
    Ok(())
}

/// The kind of an error is diesel's guess; the connection is asked too, as a refusal that is none would lose a commit.
fn outcome(error: Error, connection: &mut Connection) -> MetadataError {
    if is_definite_refusal(&error) && connection.0.batch_execute("SELECT 1").is_ok() {
        from_diesel(error)
    } else {
        MetadataError::OutcomeUnknown(error.to_string().lines().next().unwrap_or_default().to_owned())
    }
}
