//! `strongroom serve` and `strongroom migrate`: an existing Postgres and existing tokens.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use kms_local::FolderLock;

use crate::clocks::DatabaseClock;
use crate::config::Config;
use crate::node::{self, NodeConfig, SESSIONS};
use crate::process;
use crate::recovery::Recovery;

/// Runs until SIGTERM or SIGINT.
pub(crate) fn run(path: &Path) -> anyhow::Result<()> {
    let config = Config::load(path)?;
    process::start_log_as(&config.log, config.log_format)?;
    process::guard_memory();
    let stopped = process::stop_channel(false)?;
    let lock = FolderLock::take(&config.data_dir)?;
    let listener = node::bind(config.listen)?;
    let endpoint = format!("http://{}", listener.local_addr()?);
    let node = NodeConfig {
        listener,
        database_url: config.database_url()?,
        tokens: config.tokens(SESSIONS).into_iter().collect::<Result<_, _>>()?,
        audit: config.audit.into(),
        audit_file_size: config.audit_file_megabytes << 20,
        lease: Duration::from_secs(config.lease_seconds),
        clock: Arc::new(DatabaseClock::default()),
        credentials: Arc::new(config.credentials()?),
        recovery: Recovery::of(&config)?,
        data_dir: config.data_dir.clone(),
    };
    node::run(node, stopped, || process::print(&format!("strongroom is ready at {endpoint}")))?;
    drop(lock);
    Ok(())
}

/// Brings the database to this version's schema.
pub(crate) fn migrate(path: &Path) -> anyhow::Result<()> {
    let config = Config::load(path)?;
    kms_metadata::migrate(&config.database_url()?).context("the database could not be migrated")
}
