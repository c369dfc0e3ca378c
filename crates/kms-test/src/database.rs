//! A database of one's own.

use std::fs::File;
use std::time::Duration;

use uuid::Uuid;

use crate::services;

/// Creating a database is quick, but a hundred tests may ask at once.
const TIMEOUT: Duration = Duration::from_secs(60);

const MAINTENANCE_DATABASE: &str = "postgres";

/// A database that nobody else uses. It is dropped, with whoever is still connected, when the value is.
#[derive(Debug)]
pub struct TestDatabase {
    name: String,
}

impl TestDatabase {
    /// An empty database.
    ///
    /// # Panics
    /// If Postgres is not installed or refuses.
    #[must_use]
    pub fn new() -> Self {
        let name = new_name();
        execute(&format!("CREATE DATABASE {name}"));
        Self { name }
    }

    /// A copy of the template `kind`, which is made once for all test processes of a run by calling `prepare` with the
    /// connection string of an empty database (run the migrations there, then close the connection). A copy takes
    /// about a tenth of a second, whatever `prepare` costs.
    ///
    /// # Panics
    /// If Postgres is not installed or refuses, or if `kind` holds anything but `a-z`, `0-9` and `_`.
    #[must_use]
    pub fn from_template(kind: &str, prepare: impl FnOnce(&str)) -> Self {
        let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        assert!(!kind.is_empty() && kind.len() <= 40 && kind.chars().all(is_plain), "no name of a template: {kind}");
        let template = format!("template_{kind}");
        ensure_template(&template, prepare);
        let name = new_name();
        execute(&format!("CREATE DATABASE {name} TEMPLATE {template}"));
        Self { name }
    }

    /// A libpq connection string.
    #[must_use]
    pub fn url(&self) -> String {
        services::postgres().url(&self.name)
    }

    /// The name of the database.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Runs one statement, past whatever the tested code does, and gives the first column of its last row as text.
    ///
    /// # Panics
    /// If Postgres refuses.
    pub fn execute(&self, sql: &str) -> Option<String> {
        execute_in(&self.name, sql)
    }

    /// Runs one statement that Postgres must refuse, and gives its reason.
    ///
    /// # Panics
    /// If Postgres does not refuse.
    pub fn refused(&self, sql: &str) -> String {
        let outcome = services::postgres().execute(&self.name, sql, TIMEOUT);
        outcome.expect_err("the statement is refused").to_string()
    }
}

impl Default for TestDatabase {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        let sql = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name);
        // The cluster is thrown away after the run, so a database that stays until then does no harm.
        let _ = services::postgres().execute(MAINTENANCE_DATABASE, &sql, TIMEOUT);
    }
}

/// Test processes run side by side: the first makes the template under a lock, the others find it.
fn ensure_template(template: &str, prepare: impl FnOnce(&str)) {
    let lock = services::folder().join(format!("{template}.lock"));
    let lock = File::create(lock).expect("the folder of the run is ours to write");
    lock.lock().expect("a lock on a file of our own");
    if execute(&format!("SELECT 1 FROM pg_database WHERE datname = '{template}'")).is_some() {
        return;
    }
    // It gets its name when it is whole; a process that died on the way leaves only the name it had before.
    let unfinished = format!("{template}_unfinished");
    execute(&format!("DROP DATABASE IF EXISTS {unfinished} WITH (FORCE)"));
    execute(&format!("CREATE DATABASE {unfinished}"));
    prepare(&services::postgres().url(&unfinished));
    execute(&format!("ALTER DATABASE {unfinished} RENAME TO {template}"));
}

fn new_name() -> String {
    format!("test_{}", Uuid::new_v4().simple())
}

fn execute(sql: &str) -> Option<String> {
    execute_in(MAINTENANCE_DATABASE, sql)
}

fn execute_in(database: &str, sql: &str) -> Option<String> {
    let answer = services::postgres().execute(database, sql, TIMEOUT);
    answer.unwrap_or_else(|error| panic!("{error}, asked to: {sql}"))
}
