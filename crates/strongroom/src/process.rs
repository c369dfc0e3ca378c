//! The process itself: what it prints, how it guards its memory, how it is told to stop.

use std::ffi::OsString;
use std::io::{IsTerminal, Write};
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::sync::mpsc::{Receiver, Sender, channel};

use anyhow::Context;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use tracing_subscriber::EnvFilter;

/// cryptoki calls every mechanism that it has no name for an error.
pub(crate) const DEFAULT_LOG: &str = "warn,strongroom=info,cryptoki=off";

/// Writes one line for people to standard error.
pub(crate) fn say(line: &str) {
    let _nobody_listens = writeln!(std::io::stderr(), "{line}");
}

/// Writes one line for programs to standard output.
pub(crate) fn print(line: &str) {
    let mut out = std::io::stdout();
    let _nobody_listens = writeln!(out, "{line}").and_then(|()| out.flush());
}

/// An error with its causes, each said once.
pub(crate) fn in_one_line(error: &anyhow::Error) -> String {
    let mut message = error.to_string();
    for cause in error.chain().skip(1) {
        let cause = cause.to_string();
        if !message.contains(&cause) {
            message = format!("{message}: {cause}");
        }
    }
    message
}

/// The form of log lines.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// Logs go to standard error, as `STRONGROOM_LOG` and `STRONGROOM_LOG_FORMAT` say: for whoever has no configuration file. A
/// filter that is none is passed over.
pub(crate) fn start_log() {
    let filter = std::env::var("STRONGROOM_LOG").unwrap_or_else(|_| DEFAULT_LOG.to_owned());
    let is_json = std::env::var("STRONGROOM_LOG_FORMAT").is_ok_and(|format| format == "json");
    let format = if is_json { LogFormat::Json } else { LogFormat::Text };
    if start_log_as(&filter, format).is_err() {
        let _default_is_a_filter = start_log_as(DEFAULT_LOG, format);
    }
}

/// Logs go to standard error, filtered and in this form.
///
/// # Errors
/// The filter is none.
pub(crate) fn start_log_as(filter: &str, format: LogFormat) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(filter).with_context(|| format!("log = {filter:?} is no filter of log lines"))?;
    // In a file or a journal, colours are noise that hides words from grep.
    let is_terminal = std::io::stderr().is_terminal();
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(is_terminal);
    let _already_set = match format {
        LogFormat::Json => builder.json().try_init(),
        LogFormat::Text => builder.try_init(),
    };
    Ok(())
}

/// Sees that the environment says this. PKCS#11 libraries read it from the process, where it can only be set from outside:
/// if it says something else, the process starts itself again and does not return.
pub(crate) fn ensure_environment(wanted: &[(&'static str, OsString)]) -> anyhow::Result<()> {
    if wanted.iter().all(|(name, value)| std::env::var_os(name).as_ref() == Some(value)) {
        return Ok(());
    }
    let mut again = Command::new(std::env::current_exe()?);
    again.args(std::env::args_os().skip(1)).envs(wanted.iter().map(|(name, value)| (name, value)));
    let names = wanted.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(" and ");
    Err(again.exec()).with_context(|| format!("strongroom could not start itself again with {names} set"))
}

/// No core dump, no other process that reads this one's memory, no page of it in swap.
pub(crate) fn guard_memory() {
    let none = rustix::process::Rlimit { current: Some(0), maximum: Some(0) };
    if rustix::process::setrlimit(rustix::process::Resource::Core, none).is_err() {
        tracing::warn!("core dumps could not be switched off");
    }
    if rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable).is_err() {
        tracing::warn!("the process could not be made undumpable");
    }
    lock_memory();
}

/// Keeps the pages of this process out of swap, where the system lets it: subkeys and message keys live in them. Pages are
/// locked as they are used, so that reserved stacks cost nothing.
fn lock_memory() {
    use rustix::mm::{MlockAllFlags, mlockall};
    use rustix::process::{Resource, geteuid, getrlimit};
    // A finite limit would make a later allocation fail instead of this call.
    if !geteuid().is_root() && getrlimit(Resource::Memlock).current.is_some() {
        return;
    }
    if mlockall(MlockAllFlags::CURRENT | MlockAllFlags::FUTURE | MlockAllFlags::ONFAULT).is_err() {
        tracing::warn!("memory could not be locked: secrets may reach swap");
    }
}

/// A channel that hears of SIGTERM and SIGINT, and of the end of standard input if asked.
pub(crate) fn stop_channel(until_stdin_ends: bool) -> std::io::Result<Receiver<()>> {
    let (stop, stopped) = channel();
    send_stops(until_stdin_ends, stop)?;
    Ok(stopped)
}

/// Sends to this channel what [`stop_channel`] hears of, for a caller that has reasons of its own to stop.
pub(crate) fn send_stops(until_stdin_ends: bool, stop: Sender<()>) -> std::io::Result<()> {
    let mut signals = Signals::new([SIGTERM, SIGINT])?;
    let on_signal = stop.clone();
    std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
        for _signal in signals.forever() {
            let _already_stopping = on_signal.send(());
        }
    })?;
    if until_stdin_ends {
        std::thread::Builder::new().name("stdin".to_owned()).spawn(move || {
            let _read = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
            let _already_stopping = stop.send(());
        })?;
    }
    Ok(())
}
