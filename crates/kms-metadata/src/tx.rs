//! One transaction, as the queries see it.

use std::time::Instant;

use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::result::{DatabaseErrorKind, Error, QueryResult};
use diesel::sql_types::{Integer, Timestamptz};
use kms_core::{KeyAddress, Timestamp};

use crate::error::{MetadataError, from_diesel};
use crate::pool::LOCK_TIMEOUT;

/// A transaction that is open. Its methods are the queries, one file per noun. Lock the key first
/// ([`Tx::lock_key`]), then touch its materials and objects (object-protocol.md A3).
///
/// After any error of a method but [`MetadataError::NotFound`] and [`MetadataError::VersionChanged`] the transaction can
/// only be rolled back; committing it is refused.
#[derive(Debug)]
pub struct Tx<'a> {
    /// The name of this node, for rows that say who wrote them.
    pub(crate) node_name: &'a str,
    connection: &'a mut Connection,
    changed: Vec<KeyAddress>,
    has_failed: bool,
}

/// The connection, in a wrapper that prints nothing of itself.
pub(crate) struct Connection(pub(crate) crate::pool::Pooled);

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Connection")
    }
}

impl<'a> Tx<'a> {
    pub(crate) fn new(connection: &'a mut Connection, node_name: &'a str) -> Self {
        Self { node_name, connection, changed: Vec::new(), has_failed: false }
    }

    /// Runs one statement. An error of Postgres has aborted the transaction, which is remembered: a COMMIT after it would
    /// be answered without an error and do nothing.
    pub(crate) fn run<T>(
        &mut self,
        statement: impl FnOnce(&mut PgConnection) -> QueryResult<T>,
    ) -> Result<T, MetadataError> {
        let started = Instant::now();
        statement(&mut self.connection.0).map_err(|error| {
            self.has_failed = true;
            sort(error, started)
        })
    }

    /// The time of the database.
    ///
    /// # Errors
    /// Those of any statement.
    pub fn now(&mut self) -> Result<Timestamp, MetadataError> {
        self.run(|connection| diesel::select(diesel::dsl::now.into_sql::<Timestamptz>()).get_result(connection))
    }

    /// The version of the server, as `server_version_num`: 150004 is 15.4.
    ///
    /// # Errors
    /// Those of any statement.
    pub fn server_version(&mut self) -> Result<i32, MetadataError> {
        let setting = diesel::dsl::sql::<Integer>("SELECT current_setting('server_version_num')::integer");
        self.run(|connection| setting.get_result(connection))
    }

    /// Notes that a key changed, so that it is published with the COMMIT.
    pub(crate) fn note_change(&mut self, address: KeyAddress) {
        if !self.changed.contains(&address) {
            self.changed.push(address);
        }
    }

    /// What is to be published, unless the transaction can no longer be committed.
    pub(crate) fn into_changes(self) -> Result<Vec<KeyAddress>, MetadataError> {
        if self.has_failed {
            return Err(MetadataError::Other("a statement failed and its error was passed over".to_owned()));
        }
        Ok(self.changed)
    }
}

/// diesel does not give the SQLSTATE of a timeout, and its text is in the server's language; the time it took tells.
fn sort(error: Error, started: Instant) -> MetadataError {
    let is_unsorted = matches!(error, Error::DatabaseError(DatabaseErrorKind::Unknown, _));
    if is_unsorted && started.elapsed() >= LOCK_TIMEOUT { MetadataError::LockTimeout } else { from_diesel(error) }
}
