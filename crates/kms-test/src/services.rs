//! The Postgres and the template token behind all tests of a process, or of a whole run.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use kms_local::{EphemeralFolder, LocalError, PostgresAddress, PostgresOptions, PrivatePostgres, SoftHsmToken};

/// The label of every test token.
pub const TOKEN_LABEL: &str = "strongroom test";

/// Set by `with-test-cluster`: the folder of the Postgres socket.
const POSTGRES_VARIABLE: &str = "STRONGROOM_TEST_POSTGRES";

/// Set by `with-test-cluster`: the folder of the run, which holds the template token and lock files.
const FOLDER_VARIABLE: &str = "STRONGROOM_TEST_FOLDER";

/// A Postgres and a template token that end with this process.
#[derive(Debug)]
pub struct SharedServices {
    // Fields are dropped in this order: the server must have ended before its folder goes.
    postgres: PrivatePostgres,
    folder: EphemeralFolder,
}

impl SharedServices {
    /// Starts both. Takes about a second.
    ///
    /// # Errors
    /// What [`PrivatePostgres::start`] and [`SoftHsmToken::create_or_open`] return.
    pub fn start() -> Result<Self, LocalError> {
        let folder = new_folder()?;
        SoftHsmToken::create_or_open(&template_token(folder.path()), TOKEN_LABEL)?;
        let postgres = PrivatePostgres::start(folder.path(), PostgresOptions::THROW_AWAY)?;
        Ok(Self { postgres, folder })
    }

    /// The environment variables by which test processes find these services.
    #[must_use]
    pub fn environment(&self) -> [(&'static str, PathBuf); 2] {
        [
            (POSTGRES_VARIABLE, self.postgres.address().folder().to_path_buf()),
            (FOLDER_VARIABLE, self.folder.path().to_path_buf()),
        ]
    }
}

/// Where the Postgres of the tests answers.
pub(crate) fn postgres() -> &'static PostgresAddress {
    static ADDRESS: OnceLock<PostgresAddress> = OnceLock::new();
    ADDRESS.get_or_init(|| match std::env::var_os(POSTGRES_VARIABLE) {
        Some(folder) => PostgresAddress::new(PathBuf::from(folder)),
        None => own_postgres().address().clone(),
    })
}

/// The folder of the run: lock files of the processes that share it.
pub(crate) fn folder() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| match std::env::var_os(FOLDER_VARIABLE) {
        Some(folder) => PathBuf::from(folder),
        None => own_folder().path().to_path_buf(),
    })
}

/// The folder of a token that nobody uses and every [`crate::TestToken`] is a copy of.
pub(crate) fn template() -> &'static Path {
    static TEMPLATE: OnceLock<PathBuf> = OnceLock::new();
    TEMPLATE.get_or_init(|| {
        let path = template_token(folder());
        SoftHsmToken::create_or_open(&path, TOKEN_LABEL).unwrap_or_else(|error| panic!("no token for tests: {error}"));
        path
    })
}

// Values in a `static` are never dropped. The server's supervisor and the folder's janitor see the end of the process.

fn own_postgres() -> &'static PrivatePostgres {
    static POSTGRES: OnceLock<PrivatePostgres> = OnceLock::new();
    POSTGRES.get_or_init(|| {
        PrivatePostgres::start(folder(), PostgresOptions::THROW_AWAY)
            .unwrap_or_else(|error| panic!("no Postgres for tests: {error}"))
    })
}

fn own_folder() -> &'static EphemeralFolder {
    static FOLDER: OnceLock<EphemeralFolder> = OnceLock::new();
    FOLDER.get_or_init(|| new_folder().unwrap_or_else(|error| panic!("no folder for tests: {error}")))
}

fn new_folder() -> Result<EphemeralFolder, LocalError> {
    EphemeralFolder::new("strongroom-test-")
}

fn template_token(folder: &Path) -> PathBuf {
    folder.join("template-token")
}
