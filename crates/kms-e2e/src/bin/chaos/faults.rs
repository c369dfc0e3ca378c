//! Faults of the world that a server stands on: Postgres, the token's folder, the audit's disk. The server is not killed; if
//! it ends by itself, as one does whose token library is blind for good, it is started again as a supervisor would.
//!
//! One node, so that answers have one order: of two, one shows a change from its commit on and the other one from its
//! acknowledgement on, which is all that is promised before the change itself is answered.

use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use aws_sdk_kms::primitives::Blob;
use rustix::process::{Pid, Signal, kill_process};

use crate::Options;
use crate::clients::Keys;
use crate::cluster::Cluster;
use crate::random::Random;
use crate::report::say;

/// How long a fault lasts: within the lease of 5 s and past it, within the deadline of 9 s and past it.
const LASTS: [u64; 4] = [1_000, 3_500, 7_000, 12_000];
/// How long after a fault the service may be away.
const BACK_WITHIN: Duration = Duration::from_secs(60);
/// The disk of the audit.
const AUDIT_DISK: &str = "size=64m,mode=0700";

/// Something that happens to what the servers stand on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Fault {
    BackendsTerminated,
    BackendKilled,
    PostgresStopped,
    PostgresKilled,
    PostgresRestarted,
    TokenReadOnly,
    TokenAway,
    AuditDiskFull,
}

const FAULTS: [Fault; 8] = [
    Fault::BackendsTerminated,
    Fault::BackendKilled,
    Fault::PostgresStopped,
    Fault::PostgresKilled,
    Fault::PostgresRestarted,
    Fault::TokenReadOnly,
    Fault::TokenAway,
    Fault::AuditDiskFull,
];

/// Faults one after the other, each several times; whether nothing was wrong.
pub(crate) async fn run(options: &Options, folder: &Path) -> anyhow::Result<bool> {
    let mut random = Random::new(options.seed);
    let mut cluster = crate::blocking(|| Cluster::new(folder, 1))?;
    let audit_disk = Mount::disk(&cluster.audits()[0])?;
    cluster.start_nodes()?;
    let world = Arc::clone(&cluster.world);
    world.must_answer.store(true, Ordering::SeqCst);
    let keys = Keys::create(&world).await?;
    let clients = keys.start_clients(&world, &random);
    let begun = Instant::now();
    let end = options.seconds.map(|seconds| begun + Duration::from_secs(seconds));
    let mut plan = Vec::new();
    for number in 0..options.kills_or(2 * FAULTS.len()) {
        if world.has_violations() || end.is_some_and(|end| Instant::now() > end) {
            break;
        }
        if plan.is_empty() {
            plan = FAULTS.to_vec();
            random.shuffle(&mut plan);
        }
        let Some(fault) = plan.pop() else { break };
        let lasts = Duration::from_millis(*random.pick(&LASTS).unwrap_or(&LASTS[0]));
        world.is_disturbed.store(true, Ordering::SeqCst);
        fault.strike(&mut cluster, lasts).await?;
        let back = wait_until_back(&mut cluster, fault).await?;
        cluster.report.disturbed(fault.name(), true);
        say(&format!(
            "{:>3}: {} for {lasts:?}, back after {:.1} s ({:.0} s)",
            number + 1,
            fault.name(),
            back.as_secs_f64(),
            begun.elapsed().as_secs_f64()
        ));
        cluster.rest(&keys).await?;
        cluster.audit_at_rest().await?;
    }
    let ended = cluster.end(&keys, clients, random.fork(2)).await;
    let clean = cluster.report.print(&world, options.seed);
    drop(audit_disk);
    ended.map(|()| clean)
}

/// How long it takes until a new key can be made and used; a server that ended by itself is started.
async fn wait_until_back(cluster: &mut Cluster, fault: Fault) -> anyhow::Result<Duration> {
    let begun = Instant::now();
    let world = Arc::clone(&cluster.world);
    loop {
        let mut works = true;
        for node in 0..world.nodes.len() {
            cluster.revive(node)?;
            let client = &world.nodes[node].client;
            let made = client.create_key().send().await.ok().and_then(|made| made.key_metadata);
            works &= match made {
                Some(key) => client.encrypt().key_id(key.key_id).plaintext(Blob::new("x")).send().await.is_ok(),
                None => false,
            };
        }
        if works || world.has_violations() {
            return Ok(begun.elapsed());
        }
        if begun.elapsed() > BACK_WITHIN {
            world.violated(format!("{BACK_WITHIN:?} after {} the service is not back", fault.name()));
            return Ok(begun.elapsed());
        }
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
}

impl Fault {
    /// For the table.
    const fn name(self) -> &'static str {
        match self {
            Self::BackendsTerminated => "all backends terminated",
            Self::BackendKilled => "a backend killed (SIGKILL)",
            Self::PostgresStopped => "Postgres stopped (SIGSTOP)",
            Self::PostgresKilled => "Postgres killed (SIGKILL)",
            Self::PostgresRestarted => "Postgres shut down and started",
            Self::TokenReadOnly => "token folder read-only",
            Self::TokenAway => "token folder moved away",
            Self::AuditDiskFull => "audit disk full",
        }
    }

    /// Lets it happen, last, and end.
    async fn strike(self, cluster: &mut Cluster, lasts: Duration) -> anyhow::Result<()> {
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
        }
        Ok(())
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

/// Something mounted over a folder, until it is dropped.
struct Mount(PathBuf);

impl Mount {
    /// A disk of its own, in memory.
    fn disk(folder: &Path) -> anyhow::Result<Self> {
        std::fs::DirBuilder::new().mode(0o700).create(folder)?;
        mount(&["-t", "tmpfs", "-o", AUDIT_DISK, "strongroom-chaos"], folder)?;
        Ok(Self(folder.to_owned()))
    }

    /// The folder itself, for reading alone.
    fn read_only(folder: &Path) -> anyhow::Result<Self> {
        let folder_text = folder.to_str().context("a path that is no text")?;
        mount(&["--bind", folder_text], folder)?;
        let mounted = Self(folder.to_owned());
        mount(&["-o", "remount,ro,bind"], folder)?;
        Ok(mounted)
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        let unmounted = Command::new("umount").arg("--lazy").arg(&self.0).status();
        if !unmounted.is_ok_and(|status| status.success()) {
            say(&format!("{} stays mounted", self.0.display()));
        }
    }
}

fn mount(arguments: &[&str], folder: &Path) -> anyhow::Result<()> {
    let status = Command::new("mount").args(arguments).arg(folder).status().context("mount cannot be run")?;
    if status.success() { Ok(()) } else { bail!("mount failed ({status}); faults need root") }
}
