//! `strongroom dev`: a private Postgres and a SoftHSM token under one folder, and a node over them.

use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use anyhow::{Context, bail};
use kms_core::secret::SecretBytes;
use kms_hsm::TokenConfig;
use kms_local::{FolderLock, PostgresOptions, PrivatePostgres, SoftHsmToken};

use crate::cli::DevArguments;
use crate::clocks::DevClock;
use crate::credentials::DevCredentials;
use crate::node::{self, NodeConfig};
use crate::recovery::Recovery;
use crate::{ephemeral, process};

const TOKEN_LABEL: &str = "strongroom-dev";

/// Runs until SIGTERM or SIGINT.
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
    let token = SoftHsmToken::create_or_open(&data_dir, TOKEN_LABEL)?;
    let config_file = token.config_file();
    if std::env::var_os("SOFTHSM2_CONF").is_none_or(|named| named != config_file) {
        // SoftHSM reads its configuration's path from the environment of the process, which can only be set from outside.
        drop(lock);
        let error = Command::new(std::env::current_exe()?)
            .args(std::env::args_os().skip(1))
            .env("SOFTHSM2_CONF", &config_file)
            .exec();
        return Err(error).context("strongroom could not start itself again with SOFTHSM2_CONF set");
    }
    process::guard_memory();
    let stopped = process::stop_channel(arguments.until_stdin_ends)?;
    let listener =
        TcpListener::bind(arguments.listen).with_context(|| format!("{} cannot be listened on", arguments.listen))?;
    let endpoint = format!("http://{}", listener.local_addr()?);
    let postgres = PrivatePostgres::start(&data_dir, PostgresOptions::DEV)?;
    let config = NodeConfig {
        listener,
        database_url: postgres.url(),
        token: TokenConfig {
            module: token.module().to_owned(),
            token_label: TOKEN_LABEL.to_owned(),
            pin: SecretBytes::new(token.pin().as_bytes().to_vec()),
            softhsm_folder: Some(token.token_folder()),
            sessions: 1,
        },
        audit: arguments.audit.into(),
        lease: kms_metadata::DEFAULT_LEASE,
        clock: Arc::new(DevClock::new(data_dir.join("clock"))),
        credentials: Arc::new(DevCredentials::new()),
        recovery: Recovery::None,
        data_dir: data_dir.clone(),
    };
    write_environment(&data_dir, &endpoint)?;
    node::run(config, stopped, || process::print(&format!("strongroom is ready at {endpoint}")))?;
    postgres.stop()?;
    drop(lock);
    Ok(())
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
