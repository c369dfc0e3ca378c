//! `with-test-cluster -- COMMAND ARG…` runs a command, as a rule `cargo test`, beside one Postgres and one template token
//! that all its test processes share. Its exit status is that of the command. Both services end with it, whatever ends it.

use std::ffi::OsString;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Command, ExitCode, ExitStatus, Stdio};

use anyhow::{Context, bail};
use kms_test::SharedServices;
use rustix::process::{Pid, Signal, kill_process_group};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

fn main() -> anyhow::Result<ExitCode> {
    let mut arguments = std::env::args_os().skip(1);
    if arguments.next() != Some(OsString::from("--")) {
        bail!("usage: with-test-cluster -- COMMAND ARG…");
    }
    let program = arguments.next().context("usage: with-test-cluster -- COMMAND ARG…")?;
    // Signals are caught before anything is started, so that none finds the services without an owner that stops them.
    let signals = Signals::new([SIGINT, SIGTERM, SIGHUP])?;
    let services = SharedServices::start()?;
    let status = run(Command::new(&program).args(arguments).envs(services.environment()), signals)
        .with_context(|| format!("cannot run {}", program.display()))?;
    drop(services);
    Ok(exit_code(status))
}

/// Runs the command in a process group of its own and hands signals on to all of it: a `cargo test` that is ended leaves
/// its test processes running otherwise. Without a terminal to read from, because the group is not in its foreground.
fn run(command: &mut Command, mut signals: Signals) -> anyhow::Result<ExitStatus> {
    let mut child = command.stdin(Stdio::null()).process_group(0).spawn()?;
    let group = Pid::from_child(&child);
    std::thread::spawn(move || {
        for number in signals.forever() {
            let signal = match number {
                SIGINT => Signal::INT,
                SIGHUP => Signal::HUP,
                _ => Signal::TERM,
            };
            // The group may be gone already; then the wait below is over as well.
            let _ = kill_process_group(group, signal);
        }
    });
    Ok(child.wait()?)
}

/// A command that a signal ended gives 128 plus its number, as in a shell.
fn exit_code(status: ExitStatus) -> ExitCode {
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap_or(1);
    ExitCode::from(u8::try_from(code).unwrap_or(1))
}
