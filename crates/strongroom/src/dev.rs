//! `strongroom dev`: a private Postgres and its tokens under one folder, and a node over them.

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::time::Duration;

use anyhow::bail;
use kms_local::{FolderLock, PostgresOptions, PrivatePostgres};

use crate::cli::DevArguments;
use crate::clocks::DevClock;
use crate::credentials::DevCredentials;
use crate::dev_tokens::DevTokens;
use crate::node::{self, NodeConfig, SESSIONS};
use crate::recovery::Recovery;
use crate::{ephemeral, process};

/// How often it is looked whether the private Postgres still runs.
const WATCH_INTERVAL: Duration = Duration::from_millis(250);

/// Runs until SIGTERM or SIGINT, or until the private Postgres has ended: then it fails, and the next start recovers.
pub(crate) fn run(arguments: DevArguments) -> anyhow::Result<()> {
    if !arguments.listen.ip().is_loopback() {
        bail!("dev serves loopback addresses only, {} is none", arguments.listen);
    }
    if arguments.ephemeral {
        return ephemeral::run(&arguments);
    }
    process::start_log();
    let lock = FolderLock::take(&arguments.data_dir)?;
    let data_dir = arguments.data_dir.canonicalize()?;
    let tokens = DevTokens::create_or_open(&data_dir, arguments.pq_module.as_deref())?;
    // The lock is given back by a new start and taken again.
    process::ensure_environment(&tokens.environment())?;
    let tokens = tokens.configs(SESSIONS).into_iter().collect::<anyhow::Result<_>>()?;
    process::guard_memory();
    let (stop, stopped) = channel();
    process::send_stops(arguments.until_stdin_ends, stop.clone())?;
    let listener = node::bind(arguments.listen)?;
    let endpoint = format!("http://{}", listener.local_addr()?);
    let postgres = PrivatePostgres::start(&data_dir, PostgresOptions::DEV)?;
    let config = NodeConfig {
        listener,
        database_url: postgres.url(),
        tokens,
        audit: arguments.audit.into(),
        audit_file_size: kms_audit::DEFAULT_FILE_SIZE,
        lease: kms_metadata::DEFAULT_LEASE,
        clock: Arc::new(DevClock::new(data_dir.join("clock"))),
        credentials: Arc::new(DevCredentials::new()),
        recovery: Recovery::None,
        data_dir: data_dir.clone(),
    };
    write_environment(&data_dir, &endpoint)?;
    let is_lost = watching(&postgres, stop, || {
        node::run(config, stopped, || process::print(&format!("strongroom is ready at {endpoint}")))
    })?;
    // Also after a loss: children of a killed postmaster may live on.
    postgres.stop()?;
    drop(lock);
    if is_lost {
        bail!(
            "the private Postgres has ended (its last words are in {}/postgres.log); start again",
            data_dir.display()
        );
    }
    Ok(())
}

/// Serves, and has the server stopped when Postgres ends meanwhile; true if it did. Whoever stops `dev` does not reach
/// Postgres, which is stopped only after this returns, so an orderly stop is never taken for a loss.
fn watching(
    postgres: &PrivatePostgres,
    stop: Sender<()>,
    serve: impl FnOnce() -> anyhow::Result<()>,
) -> anyhow::Result<bool> {
    std::thread::scope(|scope| {
        // Dropped when the serving ends, even by a panic, which ends the watch.
        let (serving, over) = channel::<()>();
        let watch = std::thread::Builder::new().name("postgres-watch".to_owned()).spawn_scoped(scope, move || {
            while over.recv_timeout(WATCH_INTERVAL) == Err(RecvTimeoutError::Timeout) {
                if !postgres.is_running() {
                    let _already_stopping = stop.send(());
                    return true;
                }
            }
            false
        })?;
        let served = serve();
        drop(serving);
        let is_lost = watch.join().unwrap_or(false);
        served.map(|()| is_lost)
    })
}

/// `DATA/env`: what a client needs, to be sourced by a shell.
fn write_environment(data_dir: &Path, endpoint: &str) -> anyhow::Result<()> {
    let lines = [
        format!("export AWS_ENDPOINT_URL={endpoint}"),
        format!("export AWS_ENDPOINT_URL_KMS={endpoint}"),
        "export AWS_ACCESS_KEY_ID=test".to_owned(),
        "export AWS_SECRET_ACCESS_KEY=test".to_owned(),
        "export AWS_REGION=us-east-1".to_owned(),
        "export AWS_DEFAULT_REGION=us-east-1".to_owned(),
        "unset AWS_SESSION_TOKEN AWS_PROFILE".to_owned(),
    ];
    let draft = data_dir.join("env.new");
    std::fs::write(&draft, lines.join("\n") + "\n")?;
    std::fs::rename(&draft, data_dir.join("env"))?;
    Ok(())
}
