//! `strongroom dev --ephemeral`: the server as a child over a temporary folder, which goes with this process.

use std::ffi::OsStr;
use std::process::{Command, Stdio};

use anyhow::{Context, bail};
use kms_local::EphemeralFolder;

use crate::cli::DevArguments;
use crate::process;

/// Runs the child until it ends or this process is told to stop. The child stops when its standard input ends, so it does
/// not outlive this process, however that dies.
pub(crate) fn run(arguments: &DevArguments) -> anyhow::Result<()> {
    let stopped = process::stop_channel(arguments.until_stdin_ends)?;
    let folder = EphemeralFolder::new("strongroom-dev-")?;
    let audit = match arguments.audit {
        crate::cli::AuditDurability::Write => "write",
        crate::cli::AuditDurability::Durable => "durable",
    };
    let mut child = Command::new(std::env::current_exe()?)
        .args(["dev", "--until-stdin-ends", "--listen", &arguments.listen.to_string(), "--audit", audit])
        .arg("--data-dir")
        .arg(folder.path())
        .args(arguments.pq_module.iter().flat_map(|module| [OsStr::new("--pq-module"), module.as_os_str()]))
        .stdin(Stdio::piped())
        .spawn()
        .context("the server could not be started")?;
    let input = child.stdin.take();
    std::thread::Builder::new().name("stopper".to_owned()).spawn(move || {
        let _stopped = stopped.recv();
        drop(input);
    })?;
    let status = child.wait()?;
    drop(folder);
    if !status.success() {
        bail!("the server ended with {status}");
    }
    Ok(())
}
