//! Where a private Postgres answers.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::LocalError;
use crate::wire::{self, Login, QueryError};

/// The superuser of a private Postgres; the socket's folder decides who may be it.
pub(crate) const USER: &str = "strongroom";

/// The port is only part of the socket's name: nothing listens on the network.
pub(crate) const PORT: u16 = 5432;

/// The folder of the Unix socket of a private Postgres.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PostgresAddress {
    folder: PathBuf,
}

impl PostgresAddress {
    /// The Postgres whose socket lies in `folder` (absolute).
    #[must_use]
    pub fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// The folder of the socket.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// A libpq connection string (keyword=value) for `database`.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        let host = quote(&self.folder.to_string_lossy());
        format!("host={host} port={PORT} user={USER} dbname={}", quote(database))
    }

    /// Runs one statement in `database` and gives the first column of its last row.
    ///
    /// # Errors
    /// [`LocalError::Postgres`] if the server refuses or does not answer within `timeout`.
    pub fn execute(&self, database: &str, sql: &str, timeout: Duration) -> Result<Option<String>, LocalError> {
        self.query(database, sql, timeout).map_err(|error| LocalError::Postgres(error.to_string()))
    }

    pub(crate) fn query(&self, database: &str, sql: &str, timeout: Duration) -> Result<Option<String>, QueryError> {
        wire::query(&self.folder.join(socket_name()), &Login { user: USER, database }, sql, timeout)
    }
}

/// Name of the socket file. Source: PostgreSQL documentation, `unix_socket_directories`.
pub(crate) fn socket_name() -> String {
    format!(".s.PGSQL.{PORT}")
}

/// Quotes a value of a connection string. Source: PostgreSQL documentation, "Keyword/Value Connection Strings".
fn quote(value: &str) -> String {
    format!("'{}'", value.replace('\\', r"\\").replace('\'', r"\'"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_with_quotes_and_spaces_survives_the_connection_string() {
        let url = PostgresAddress::new(PathBuf::from(r"/tmp/it's \ here")).url("strongroom");
        assert_eq!(url, r"host='/tmp/it\'s \\ here' port=5432 user=strongroom dbname='strongroom'");
    }
}
