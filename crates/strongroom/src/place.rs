//! Where tokens and database are, for a command that looks at them beside a running node or without one.

use std::path::{Path, PathBuf};

use anyhow::anyhow;
use kms_hsm::TokenConfig;
use kms_local::{FolderLock, LocalError, PostgresOptions, PrivatePostgres};

use crate::cli::PlaceArguments;
use crate::config::Config;
use crate::dev_tokens::DevTokens;
use crate::process;

/// Sessions of a command: one works, one is to spare.
const SESSIONS: u32 = 2;

/// Tokens and database, each found or not.
pub(crate) struct Place {
    /// How to open each token; that of `dev` and the one of the top level first.
    pub(crate) tokens: Vec<anyhow::Result<TokenConfig>>,
    /// The connection string of the database; a secret.
    pub(crate) database: anyhow::Result<String>,
    /// The folder of audit log and node id.
    pub(crate) data_dir: PathBuf,
    /// What a node of `serve` is configured with; none for `dev`.
    pub(crate) config: Option<Config>,
}

/// What was started for the command and is stopped, in this order, when this is dropped: keep it to the end.
pub(crate) struct Borrowed {
    _postgres: Option<PrivatePostgres>,
    _lock: Option<FolderLock>,
}

impl Place {
    /// The place that the arguments name. For the folder of `dev` the process may start itself again, with the
    /// variables of the tokens set: call it first of all.
    ///
    /// # Errors
    /// There is no such configuration or folder.
    pub(crate) fn of(arguments: &PlaceArguments) -> anyhow::Result<(Self, Borrowed)> {
        match (&arguments.config, &arguments.data_dir) {
            (Some(file), _) => Ok((Self::configured(Config::load(file)?), Borrowed { _postgres: None, _lock: None })),
            (None, Some(folder)) => Self::of_dev(folder),
            (None, None) => Err(anyhow!("name the place with --config or --data-dir")),
        }
    }

    fn configured(config: Config) -> Self {
        let tokens = config.tokens(SESSIONS);
        Self { tokens, database: config.database_url(), data_dir: config.data_dir.clone(), config: Some(config) }
    }

    fn of_dev(folder: &Path) -> anyhow::Result<(Self, Borrowed)> {
        if !folder.join("token.made").is_file() {
            return Err(anyhow!("{} is no folder of `strongroom dev`", folder.display()));
        }
        let data_dir = folder.canonicalize()?;
        let tokens = DevTokens::create_or_open(&data_dir, None)?;
        process::ensure_environment(&tokens.environment())?;
        let (borrowed, database) = postgres_of_dev(&data_dir)?;
        Ok((Self { tokens: tokens.configs(SESSIONS), database, data_dir, config: None }, borrowed))
    }
}

/// The Postgres of a running `dev`, who holds the folder's lock; without one it is started for the time of the command.
fn postgres_of_dev(data_dir: &Path) -> anyhow::Result<(Borrowed, anyhow::Result<String>)> {
    let lock = match FolderLock::take(data_dir) {
        Ok(lock) => lock,
        Err(LocalError::FolderInUse { .. }) => {
            return Ok((Borrowed { _postgres: None, _lock: None }, Ok(PrivatePostgres::url_in(data_dir)?)));
        }
        Err(error) => return Err(error.into()),
    };
    let started = PrivatePostgres::start(data_dir, PostgresOptions::DEV);
    let url = started.as_ref().map(PrivatePostgres::url);
    let url = url.map_err(|error| anyhow!("the private Postgres cannot be started: {error}"));
    Ok((Borrowed { _postgres: started.ok(), _lock: Some(lock) }, url))
}
