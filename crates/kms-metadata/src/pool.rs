//! Connections to Postgres: what each is set to, and the pool of them.

use std::time::Duration;

use diesel::connection::{Connection, SimpleConnection};
use diesel::pg::PgConnection;
use diesel::r2d2::{ConnectionManager, CustomizeConnection, Error, NopErrorHandler, Pool, PooledConnection};

use crate::error::{MetadataError, from_connecting};

/// How long a statement may wait for a row's lock (object-protocol.md 3).
pub(crate) const LOCK_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a statement may take. A little more than [`LOCK_TIMEOUT`], or a wait for a lock would end by it instead.
const STATEMENT_TIMEOUT: Duration = Duration::from_millis(5500);

/// How long a request waits for a free connection.
const CHECK_OUT_TIMEOUT: Duration = Duration::from_secs(2);

/// Parameters of libpq that end a connection whose other side is gone, unless the URL sets them itself. Seconds, but for
/// `tcp_user_timeout` (milliseconds).
const DEFAULTS: [(&str, &str); 6] = [
    ("connect_timeout", "5"),
    ("keepalives", "1"),
    ("keepalives_idle", "30"),
    ("keepalives_interval", "10"),
    ("keepalives_count", "3"),
    ("tcp_user_timeout", "10000"),
];

pub(crate) type PgPool = Pool<ConnectionManager<PgConnection>>;
pub(crate) type Pooled = PooledConnection<ConnectionManager<PgConnection>>;

/// Makes the pool. Connections are not tested at check-out, which would cost a round trip each time; a closed one shows
/// at BEGIN and is replaced there. What fails in the pool's own threads is not logged: they try several times a second for
/// as long as Postgres is away, and whoever waits for a connection is told the cause.
pub(crate) fn pool(url: &str, size: u32) -> Result<PgPool, MetadataError> {
    Pool::builder()
        .max_size(size.max(1))
        .min_idle(Some(1))
        .test_on_check_out(false)
        .connection_timeout(CHECK_OUT_TIMEOUT)
        .connection_customizer(Box::new(Limits))
        .error_handler(Box::new(NopErrorHandler))
        .build(ConnectionManager::new(with_defaults(url, "strongroom")))
        .map_err(|error| MetadataError::Unavailable(error.to_string()))
}

/// A connection outside the pool, named `application` in `pg_stat_activity`, without a limit on its statements.
pub(crate) fn connect(url: &str, application: &str) -> Result<PgConnection, MetadataError> {
    PgConnection::establish(&with_defaults(url, application)).map_err(|error| from_connecting(&error))
}

/// A connection outside the pool with the limits of those inside.
pub(crate) fn connect_limited(url: &str, application: &str) -> Result<PgConnection, MetadataError> {
    let mut connection = connect(url, application)?;
    set_limits(&mut connection).map_err(crate::error::from_diesel)?;
    Ok(connection)
}

/// A creator holds its transaction open over a token call of any length, so a transaction may idle without limit.
fn set_limits(connection: &mut PgConnection) -> diesel::QueryResult<()> {
    connection.batch_execute(&format!(
        "SET statement_timeout = {}; SET lock_timeout = {}; SET idle_in_transaction_session_timeout = 0",
        STATEMENT_TIMEOUT.as_millis(),
        LOCK_TIMEOUT.as_millis(),
    ))
}

#[derive(Debug)]
struct Limits;

impl CustomizeConnection<PgConnection, Error> for Limits {
    fn on_acquire(&self, connection: &mut PgConnection) -> Result<(), Error> {
        set_limits(connection).map_err(Error::QueryError)
    }
}

/// Adds what the connection string does not say, in whichever of libpq's two forms it is written.
fn with_defaults(url: &str, application: &str) -> String {
    let mut text = url.to_owned();
    let is_uri = url.starts_with("postgres://") || url.starts_with("postgresql://");
    let named = [("application_name", application)];
    for (name, value) in DEFAULTS.iter().chain(&named).filter(|(name, _)| !url.contains(&format!("{name}="))) {
        if is_uri {
            let separator = if text.contains('?') { '&' } else { '?' };
            text.push_str(&format!("{separator}{name}={}", value.replace(' ', "%20")));
        } else {
            text.push_str(&format!(" {name}='{value}'"));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_string_of_either_form_gets_what_it_does_not_say() {
        let uri = with_defaults("postgres:///strongroom?host=/run&connect_timeout=1", "a node");
        assert!(uri.starts_with("postgres:///strongroom?host=/run&connect_timeout=1&keepalives=1&"), "{uri}");
        assert!(uri.ends_with("&application_name=a%20node"), "{uri}");
        let pairs = with_defaults("host=/run dbname=strongroom", "a node");
        assert!(pairs.starts_with("host=/run dbname=strongroom connect_timeout='5' "), "{pairs}");
        assert!(pairs.ends_with(" application_name='a node'"), "{pairs}");
        assert!(with_defaults("postgres://localhost/x", "n").contains("/x?connect_timeout=5&"));
    }
}
