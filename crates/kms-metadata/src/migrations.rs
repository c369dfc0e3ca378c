//! The schema, embedded into the binary and applied once however many nodes start together.

use diesel::connection::SimpleConnection;
use diesel::pg::PgConnection;
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use crate::error::{MetadataError, from_diesel};
use crate::pool;

const MIGRATIONS: EmbeddedMigrations = embed_migrations!("../../migrations");

/// The advisory lock of migrations: the ASCII codes of `kms-migr`.
const LOCK: i64 = 0x6b6d_732d_6d69_6772;

/// Brings the schema of the database at `url` to this version. Takes an advisory lock first, so that of several nodes
/// starting together one migrates and the others find it done.
///
/// # Errors
/// [`MetadataError::Unavailable`] when Postgres cannot be reached, [`MetadataError::Other`] when a migration fails; then
/// the migrations before it stay and the failed one is rolled back.
pub fn migrate(url: &str) -> Result<(), MetadataError> {
    under_lock(url, |connection| connection.run_pending_migrations(MIGRATIONS).map(drop))
}

type Outcome = diesel::migration::Result<()>;

fn under_lock(url: &str, work: impl FnOnce(&mut PgConnection) -> Outcome) -> Result<(), MetadataError> {
    let mut connection = pool::connect(url, "strongroom migrate")?;
    connection.batch_execute(&format!("SELECT pg_advisory_lock({LOCK})")).map_err(from_diesel)?;
    let done = work(&mut connection).map_err(|error| MetadataError::Other(format!("migration: {error}")));
    // The lock would end with the connection too; an error here says nothing about the migrations.
    let _ended_with_the_connection = connection.batch_execute(&format!("SELECT pg_advisory_unlock({LOCK})"));
    done
}
