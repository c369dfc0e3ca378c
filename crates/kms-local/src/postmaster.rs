//! Finds, signals and awaits the processes of a private Postgres, also those that an earlier owner left behind.
//!
//! Process ids are used again by the system, so a process is first pinned by a pidfd, then recognised by its command
//! line (the cluster name is unique to the data folder, and children carry it in their title), then signalled through
//! the pidfd. `/proc/PID/cwd` would say the same, but root without `CAP_SYS_PTRACE` (a container) may not read it.

use std::fs;
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use crate::LocalError;

/// What tells the processes of one data folder from all others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Identity {
    /// The `cluster_name` setting of the server.
    pub(crate) cluster_name: String,
    /// The user that runs it.
    pub(crate) uid: u32,
}

impl Identity {
    /// The identity of the server on `data`. Device and inode stay the same when the folder is renamed.
    pub(crate) fn of(data: &Path, uid: u32) -> Result<Self, LocalError> {
        let found = fs::metadata(data).map_err(LocalError::file(data))?;
        Ok(Self { cluster_name: format!("strongroom-{:x}-{:016x}", found.dev(), found.ino()), uid })
    }
}

/// A process that is known to belong to a private Postgres.
#[derive(Debug)]
pub(crate) struct Process {
    pid: Pid,
    handle: OwnedFd,
}

impl Process {
    /// The postmaster that `postmaster.pid` names, if it is alive and really the server of this data folder.
    pub(crate) fn postmaster(data: &Path, identity: &Identity) -> Option<Self> {
        let file = fs::read_to_string(data.join("postmaster.pid")).ok()?;
        Self::recognise(file.lines().next()?.trim().parse().ok()?, identity)
    }

    /// Every living process of the server: postmaster, workers, backends.
    pub(crate) fn all(identity: &Identity) -> Vec<Self> {
        let entries = fs::read_dir("/proc").into_iter().flatten();
        let pids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
        pids.filter_map(|pid| Self::recognise(pid, identity)).collect()
    }

    pub(crate) fn id(&self) -> u32 {
        self.pid.as_raw_nonzero().get().unsigned_abs()
    }

    /// A process that has just ended cannot be signalled, and need not be.
    pub(crate) fn signal(&self, signal: Signal) {
        let _ = pidfd_send_signal(&self.handle, signal);
    }

    /// Waits until the process has ended; false if it has not within `timeout`.
    pub(crate) fn has_ended_within(&self, timeout: Duration) -> bool {
        let deadline = Instant::now() + timeout;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let left = Timespec::try_from(left).unwrap_or(Timespec { tv_sec: 60, tv_nsec: 0 });
            match poll(&mut [PollFd::new(&self.handle, PollFlags::IN)], Some(&left)) {
                Ok(0) => return false,
                Ok(_) => return true,
                Err(_) if Instant::now() < deadline => {}
                Err(_) => return false,
            }
        }
    }

    fn recognise(pid: i32, identity: &Identity) -> Option<Self> {
        let pid = Pid::from_raw(pid).filter(|pid| !pid.is_init())?;
        let handle = pidfd_open(pid, PidfdFlags::empty()).ok()?;
        let folder = Path::new("/proc").join(pid.as_raw_nonzero().to_string());
        let is_owner_right = fs::metadata(&folder).ok()?.uid() == identity.uid;
        let is_postgres = fs::read_to_string(folder.join("comm")).ok()?.trim() == "postgres";
        let command_line = fs::read(folder.join("cmdline")).ok()?;
        let is_of_cluster = String::from_utf8_lossy(&command_line).contains(&identity.cluster_name);
        (is_owner_right && is_postgres && is_of_cluster).then_some(Self { pid, handle })
    }
}

/// Ends the server of a data folder with rising force, in less than 40 seconds: fast shutdown, immediate shutdown, SIGKILL.
///
/// # Errors
/// [`LocalError::Postgres`] if a process survives SIGKILL (it hangs in the kernel).
pub(crate) fn shut_down(data: &Path, identity: &Identity) -> Result<(), LocalError> {
    const STEPS: [(Signal, Duration); 2] =
        [(Signal::INT, Duration::from_secs(20)), (Signal::QUIT, Duration::from_secs(10))];
    resume(identity);
    if let Some(postmaster) = Process::postmaster(data, identity) {
        for (signal, patience) in STEPS {
            postmaster.signal(signal);
            if postmaster.has_ended_within(patience) {
                break;
            }
        }
    }
    kill_the_rest(identity)
}

/// Lets processes go on that were stopped by SIGSTOP: a stopped backend keeps its row locks for ever.
pub(crate) fn resume(identity: &Identity) {
    for process in Process::all(identity) {
        process.signal(Signal::CONT);
    }
}

/// Children outlive a killed postmaster by a moment, or for long if stopped; while one lives, Postgres does not start again.
fn kill_the_rest(identity: &Identity) -> Result<(), LocalError> {
    let deadline = Instant::now() + Duration::from_secs(8);
    loop {
        let rest = Process::all(identity);
        let Some(first) = rest.first() else { return Ok(()) };
        if Instant::now() >= deadline {
            return Err(LocalError::Postgres(format!("process {} survives SIGKILL", first.id())));
        }
        if !first.has_ended_within(Duration::from_millis(300)) {
            rest.iter().for_each(|process| process.signal(Signal::KILL));
        }
    }
}
