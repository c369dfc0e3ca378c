//! What can happen to what a server stands on.

use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::{Context, bail};
use aws_sdk_kms::error::ProvideErrorMetadata;
use rustix::process::{Pid, Signal, kill_process};

use crate::cluster::Cluster;
use crate::mount::{Frozen, Mount};

/// How far SigV4 lets two clocks differ, in seconds. Source: protocol.md 5.
const SIGV4_WINDOW: i64 = 300;
/// Steps of the clock, in seconds: within that and past it. SDKs sign by the time of the server's last answer, so a step
/// from one side to the other counts twice.
const A_STEP: i64 = 120;
const FAR_OFF: i64 = 3_600;

/// Something that happens to what the servers stand on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Fault {
    BackendsTerminated,
    BackendKilled,
    PostgresStopped,
    PostgresKilled,
    PostgresRestarted,
    TokenReadOnly,
    TokenAway,
    AuditDiskFull,
    AuditReadOnly,
    ClockStepped,
    ClockFarOff,
}

/// All of them.
pub(crate) const FAULTS: [Fault; 11] = [
    Fault::BackendsTerminated,
    Fault::BackendKilled,
    Fault::PostgresStopped,
    Fault::PostgresKilled,
    Fault::PostgresRestarted,
    Fault::TokenReadOnly,
    Fault::TokenAway,
    Fault::AuditDiskFull,
    Fault::AuditReadOnly,
    Fault::ClockStepped,
    Fault::ClockFarOff,
];

impl Fault {
    /// For the table.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::BackendsTerminated => "all backends terminated",
            Self::BackendKilled => "a backend killed (SIGKILL)",
            Self::PostgresStopped => "Postgres stopped (SIGSTOP)",
            Self::PostgresKilled => "Postgres killed (SIGKILL)",
            Self::PostgresRestarted => "Postgres shut down and started",
            Self::TokenReadOnly => "token folder read-only",
            Self::TokenAway => "token folder moved away",
            Self::AuditDiskFull => "audit disk full",
            Self::AuditReadOnly => "audit disk read-only",
            Self::ClockStepped => "the clock 2 minutes off",
            Self::ClockFarOff => "the clock an hour off",
        }
    }

    /// Lets it happen, last, and end.
    pub(crate) async fn strike(self, cluster: &mut Cluster, lasts: Duration) -> anyhow::Result<()> {
        match self {
            Self::BackendsTerminated => {
                let others = "SELECT count(pg_terminate_backend(pid))::text FROM pg_stat_activity \
                              WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'";
                cluster.execute(others)?;
            }
            Self::BackendKilled => {
                let some = "SELECT pid::text FROM pg_stat_activity WHERE pid <> pg_backend_pid() \
                            AND backend_type = 'client backend' ORDER BY state = 'active' DESC, random() LIMIT 1";
                let pid = cluster.execute(some)?.context("there is no backend")?;
                signal(pid.trim().parse()?, Signal::KILL)?;
            }
            Self::PostgresStopped => {
                let processes = family(cluster.postmaster()?)?;
                processes.iter().try_for_each(|pid| signal(*pid, Signal::STOP))?;
                tokio::time::sleep(lasts).await;
                processes.iter().try_for_each(|pid| signal(*pid, Signal::CONT))?;
            }
            Self::PostgresKilled => {
                signal(cluster.postmaster()?, Signal::KILL)?;
                tokio::time::sleep(lasts).await;
                cluster.stop_postgres()?;
                cluster.start_postgres()?;
            }
            Self::PostgresRestarted => {
                cluster.stop_postgres()?;
                tokio::time::sleep(lasts).await;
                cluster.start_postgres()?;
            }
            Self::TokenReadOnly => {
                let read_only = Mount::read_only(&cluster.token_folder())?;
                tokio::time::sleep(lasts).await;
                drop(read_only);
            }
            Self::TokenAway => {
                let folder = cluster.token_folder();
                let away = folder.with_extension("away");
                std::fs::rename(&folder, &away)?;
                tokio::time::sleep(lasts).await;
                std::fs::rename(&away, &folder)?;
            }
            Self::AuditDiskFull => {
                let filler = cluster.audits()[0].join("filler");
                let mut file = std::fs::File::create(&filler)?;
                let full = std::io::copy(&mut std::io::repeat(0), &mut file);
                if full.is_ok() {
                    bail!("a disk that has no end");
                }
                tokio::time::sleep(lasts).await;
                std::fs::remove_file(&filler)?;
            }
            Self::AuditReadOnly => {
                let read_only = Frozen::folder(&cluster.audits()[0])?;
                tokio::time::sleep(lasts).await;
                drop(read_only);
            }
            Self::ClockStepped => self.move_clock(cluster, lasts).await?,
            Self::ClockFarOff => self.move_clock(cluster, lasts).await?,
        }
        Ok(())
    }

    /// Moves the clock of the node's process ahead, then behind, then back.
    async fn move_clock(self, cluster: &Cluster, lasts: Duration) -> anyhow::Result<()> {
        let clock = cluster.clock.as_ref().context("the nodes have no clock that could be moved")?;
        let seconds = if self == Self::ClockFarOff { FAR_OFF } else { A_STEP };
        let world = &cluster.world;
        world.is_clock_off.store(seconds > SIGV4_WINDOW, Ordering::SeqCst);
        for (offset, refusal) in [(seconds, "Signature expired: "), (-seconds, "Signature not yet current: ")] {
            clock.set(offset)?;
            if seconds > SIGV4_WINDOW {
                must_refuse(cluster, refusal).await;
            }
            tokio::time::sleep(lasts / 2).await;
        }
        clock.set(0)
    }
}

/// A server whose clock is more than 5 minutes off takes no request. Source: protocol.md 5.
///
/// A client of its own asks: SDKs learn the server's time from the first refusal and are served from then on.
async fn must_refuse(cluster: &Cluster, refusal: &str) {
    let answer = cluster.new_client(0).list_keys().send().await;
    let error = answer.map_err(|error| (error.code().map(str::to_owned), error.message().map(str::to_owned)));
    let is_it = matches!(&error, Err((Some(code), Some(message)))
        if code == "InvalidSignatureException" && message.starts_with(refusal));
    if !is_it {
        cluster.world.violated(format!("with its clock far off the server gave {error:?}, not \"{refusal}…\""));
    }
}

/// A process and its children.
fn family(parent: u32) -> anyhow::Result<Vec<u32>> {
    let children = std::fs::read_to_string(format!("/proc/{parent}/task/{parent}/children"))?;
    let children = children.split_whitespace().map(str::parse).collect::<Result<Vec<_>, _>>()?;
    Ok([vec![parent], children].concat())
}

/// Sends a signal; a process that has ended meanwhile needs none.
fn signal(pid: u32, signal: Signal) -> anyhow::Result<()> {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw).context("no process id")?;
    match kill_process(pid, signal) {
        Err(rustix::io::Errno::SRCH) | Ok(()) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
