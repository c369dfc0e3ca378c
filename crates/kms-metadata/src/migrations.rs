//! The schema, embedded into the binary and applied once however many nodes start together.

use std::collections::BTreeSet;

use diesel::connection::SimpleConnection;
use diesel::migration::{Migration, MigrationSource};
use diesel::pg::{Pg, PgConnection};
use diesel::prelude::*;
use diesel::sql_types::{Bool, Text};
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

/// How the schema of a database stands to that of this version, as versions of migrations.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct SchemaState {
    /// Migrations of this version that the database has not seen.
    pub pending: Vec<String>,
    /// Migrations of the database that this version does not know: a newer version has run here.
    pub newer: Vec<String>,
}

/// Compares the schema of the database at `url` with that of this version and changes nothing.
///
/// # Errors
/// [`MetadataError::Unavailable`] when Postgres cannot be reached, [`MetadataError::Other`].
pub fn schema_state(url: &str) -> Result<SchemaState, MetadataError> {
    let mut connection = pool::connect(url, "strongroom look")?;
    let applied = applied(&mut connection).map_err(from_diesel)?;
    let known = MigrationSource::<Pg>::migrations(&MIGRATIONS)
        .map_err(|error| MetadataError::Other(format!("migrations: {error}")))?;
    let known: BTreeSet<String> = known.iter().map(|migration| migration.name().version().to_string()).collect();
    Ok(SchemaState {
        pending: known.difference(&applied).cloned().collect(),
        newer: applied.difference(&known).cloned().collect(),
    })
}

#[derive(QueryableByName)]
struct IsThere {
    #[diesel(sql_type = Bool)]
    is_there: bool,
}

#[derive(QueryableByName)]
struct Version {
    #[diesel(sql_type = Text)]
    version: String,
}

/// The versions in diesel's table; diesel's own way to ask for them makes the table.
fn applied(connection: &mut PgConnection) -> QueryResult<BTreeSet<String>> {
    let there = diesel::sql_query("SELECT to_regclass('__diesel_schema_migrations') IS NOT NULL AS is_there");
    if !there.get_result::<IsThere>(connection)?.is_there {
        return Ok(BTreeSet::new());
    }
    let versions =
        diesel::sql_query("SELECT version::text FROM __diesel_schema_migrations").load::<Version>(connection)?;
    Ok(versions.into_iter().map(|row| row.version).collect())
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

#[cfg(test)]
mod tests {
    use kms_test::TestDatabase;

    use super::*;

    fn tables(database: &TestDatabase) -> String {
        let tables = "SELECT coalesce(string_agg(table_name, ' ' ORDER BY table_name), '') FROM information_schema.tables \
            WHERE table_schema = 'public' AND table_name <> '__diesel_schema_migrations'";
        database.execute(tables).unwrap()
    }

    #[test]
    fn each_migration_is_taken_back_by_its_down_file_and_applies_again() {
        let database = TestDatabase::new();
        migrate(&database.url()).unwrap();
        let migrated = tables(&database);
        assert_eq!(
            migrated,
            "aliases audit_outbox import_mismatches key_materials key_objects keys nodes policies tags token_stores wrapping_keys"
        );
        under_lock(&database.url(), |connection| connection.revert_all_migrations(MIGRATIONS).map(drop)).unwrap();
        assert_eq!(tables(&database), "");
        let functions = "SELECT count(*)::text FROM pg_proc WHERE pronamespace = 'public'::regnamespace \
            AND proname ~ '^key'";
        assert_eq!(database.execute(functions).unwrap(), "0");
        migrate(&database.url()).unwrap();
        assert_eq!(tables(&database), migrated);
    }

    #[test]
    fn the_state_of_a_schema_names_what_is_lacking_and_what_is_newer_and_changes_nothing() {
        let database = TestDatabase::new();
        let url = database.url();
        let all = schema_state(&url).unwrap().pending;
        assert!(!all.is_empty());
        assert_eq!(database.execute("SELECT to_regclass('__diesel_schema_migrations')::text"), None);
        migrate(&url).unwrap();
        assert_eq!(schema_state(&url).unwrap(), SchemaState::default());
        database.execute("UPDATE __diesel_schema_migrations SET version = '20990101000000' WHERE version LIKE '%7'");
        let state = schema_state(&url).unwrap();
        assert_eq!(
            (state.pending, state.newer),
            (vec!["20261124000007".to_owned()], vec!["20990101000000".to_owned()])
        );
    }

    #[test]
    fn nodes_that_start_together_migrate_once() {
        let database = TestDatabase::new();
        let url = database.url();
        std::thread::scope(|scope| {
            let starts: Vec<_> = (0..4).map(|_| scope.spawn(|| migrate(&url))).collect();
            for start in starts {
                start.join().unwrap().unwrap();
            }
        });
        let applied = database.execute("SELECT count(*)::text FROM __diesel_schema_migrations").unwrap();
        assert_eq!(applied, "11");
    }

    #[test]
    fn a_database_that_cannot_be_reached_is_unavailable() {
        let error = migrate("host=/nonexistent dbname=x password=secret-word").unwrap_err();
        assert!(matches!(&error, MetadataError::Unavailable(text) if !text.contains("secret-word")), "{error}");
    }

    /// The columns as the database has them, in the form of schema.rs.
    const COLUMNS: &str = "SELECT string_agg(line, E'\\n' ORDER BY table_name, ordinal_position) FROM ( \
        SELECT c.table_name, c.ordinal_position, c.table_name || ' ' || c.column_name || ' -> ' || \
            CASE c.is_nullable WHEN 'YES' THEN 'Nullable<' ELSE '' END || initcap(c.udt_name) || \
            CASE c.is_nullable WHEN 'YES' THEN '>' ELSE '' END AS line \
        FROM information_schema.columns c \
        WHERE c.table_schema = 'public' AND c.table_name <> '__diesel_schema_migrations') AS columns";

    #[test]
    fn schema_rs_says_what_the_migrations_make() {
        let database = TestDatabase::new();
        migrate(&database.url()).unwrap();
        let mut table = "";
        let mut said = Vec::new();
        for line in include_str!("schema.rs").lines().map(str::trim) {
            if let Some((name, "{")) = line.split_once(' ').map(|(name, rest)| (name, &rest[rest.len() - 1..])) {
                table = name;
            }
            if line.contains(" -> ") && !line.contains('(') {
                said.push(format!("{table} {}", line.trim_end_matches(',')));
            }
        }
        assert_eq!(said.join("\n"), database.execute(COLUMNS).unwrap());
    }
}
