//! Starts `initdb` and `postgres` on a data folder that the server's user may not reach by path.
//!
//! The folder may lie below one that only root can enter. The shell opens it while still privileged, and the server,
//! which has dropped to user `postgres`, gets it as `/proc/self/fd/8`: following that link needs no right on the parents.
//! A capability (`CAP_DAC_READ_SEARCH`) would do as well, but it would let the server read every file of the machine,
//! and containers do not have it.

use std::fs::File;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::account::ServerAccount;
use crate::address::{PORT, USER, socket_name};
use crate::programs::Programs;
use crate::{Durability, LocalError, files};

const DATA_FOLDER: &str = "/proc/self/fd/8";
const SOCKET_FOLDER: &str = "/proc/self/fd/9";

const RUN: &str = r#"exec 8<"$1" 9<"$2"; shift 2; exec "$@""#;

/// Ends the server when this shell's input ends, that is when its owner ends, however that comes. The signal is repeated
/// because a background job begins with SIGQUIT ignored, until Postgres installs its handlers.
const SUPERVISE: &str = r#"
exec 8<"$1" 9<"$2"; shift 2
"$@" </dev/null &
server=$!
cat >/dev/null
tries=0
while kill -QUIT "$server" 2>/dev/null; do
    tries=$((tries + 1))
    if [ "$tries" -ge 60 ]; then kill -KILL "$server" 2>/dev/null; fi
    sleep 0.1
done
"#;

/// Everything needed to start the server of one data folder.
#[derive(Debug)]
pub(crate) struct Launch<'a> {
    pub(crate) programs: &'a Programs,
    pub(crate) account: ServerAccount,
    pub(crate) data: &'a Path,
    pub(crate) socket_folder: &'a Path,
    pub(crate) log: &'a Path,
}

impl Launch<'_> {
    /// Fills a fresh data folder beside the final one and renames it, so that a killed `initdb` leaves nothing half made.
    ///
    /// # Errors
    /// [`LocalError::Program`] with the last words of `initdb`; [`LocalError::File`].
    pub(crate) fn initialise(&self, durability: Durability) -> Result<(), LocalError> {
        let staging = self.data.with_extension("new");
        files::remove_folder_if_there(&staging)?;
        files::make_private_folder(&staging)?;
        let (uid, gid) = self.account.ids();
        std::os::unix::fs::chown(&staging, Some(uid), Some(gid)).map_err(LocalError::file(&staging))?;
        let mut command = self.shell(RUN, &staging);
        command.arg(&self.programs.initdb).arg("--pgdata").arg(DATA_FOLDER).arg("--username").arg(USER);
        command.args(["--auth=trust", "--encoding=UTF8", "--locale=C", "--no-instructions"]);
        if durability == Durability::Volatile {
            command.arg("--no-sync");
        }
        let output = command.stdin(Stdio::null()).output().map_err(|error| failed("initdb", &error.to_string()))?;
        if !output.status.success() {
            return Err(failed("initdb", &String::from_utf8_lossy(&output.stderr)));
        }
        std::fs::rename(&staging, self.data).map_err(LocalError::file(self.data))?;
        files::sync_parent(self.data)
    }

    /// Removes the lock files of a server that is gone. Postgres itself takes them for alive if another process of this
    /// user has got the same number since, for instance after a restart of the machine.
    ///
    /// # Errors
    /// [`LocalError::File`].
    pub(crate) fn remove_stale_locks(&self) -> Result<(), LocalError> {
        let socket_lock = self.socket_folder.join(format!("{}.lock", socket_name()));
        for path in [self.data.join("postmaster.pid"), socket_lock] {
            let pid = files::read_if_there(&path)?.unwrap_or_default();
            // A server that somebody started by hand on this folder keeps its lock: Postgres will refuse and say so.
            if !pid.lines().next().is_some_and(|pid| is_postgres(pid.trim())) {
                files::remove_file_if_there(&path)?;
            }
        }
        Ok(())
    }

    /// Starts the server. The child is the server itself.
    ///
    /// # Errors
    /// [`LocalError::Program`], [`LocalError::File`].
    pub(crate) fn start(&self, durability: Durability, cluster_name: &str) -> Result<Child, LocalError> {
        let mut command = self.shell(RUN, self.data);
        self.add_server(&mut command, durability, cluster_name);
        self.spawn(command.stdin(Stdio::null()))
    }

    /// Starts the server under a shell that ends it when the owner's end of the pipe closes. The child is that shell.
    ///
    /// # Errors
    /// [`LocalError::Program`], [`LocalError::File`].
    pub(crate) fn start_supervised(&self, durability: Durability, cluster_name: &str) -> Result<Child, LocalError> {
        let mut command = self.shell(SUPERVISE, self.data);
        self.add_server(&mut command, durability, cluster_name);
        self.spawn(command.stdin(Stdio::piped()))
    }

    /// The last lines of the server's log, for the text of an error.
    pub(crate) fn last_words(&self) -> String {
        last_lines(&String::from_utf8_lossy(&std::fs::read(self.log).unwrap_or_default()))
    }

    fn shell(&self, script: &str, data: &Path) -> Command {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", script, "strongroom-postgres"]).arg(data).arg(self.socket_folder);
        command.args(self.account.prefix());
        // Nothing of the caller's environment (PGDATA, PGOPTIONS, locale) reaches the server, and no working folder.
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.envs([("LC_ALL", "C"), ("TZ", "UTC")]).current_dir("/");
        // A group of its own: Ctrl-C at the terminal is for the owner, which then stops the server in order.
        command.process_group(0);
        command
    }

    fn add_server(&self, command: &mut Command, durability: Durability, cluster_name: &str) {
        command.arg(&self.programs.postgres).args(["-D", DATA_FOLDER, "-k", SOCKET_FOLDER]);
        for setting in settings(durability) {
            command.arg("-c").arg(setting);
        }
        command.arg("-c").arg(format!("cluster_name={cluster_name}"));
    }

    fn spawn(&self, command: &mut Command) -> Result<Child, LocalError> {
        let log = self.open_log().map_err(LocalError::file(self.log))?;
        let errors = log.try_clone().map_err(LocalError::file(self.log))?;
        command.stdout(log).stderr(errors).spawn().map_err(|error| failed("postgres", &error.to_string()))
    }

    /// The log of the runs before is kept up to a mebibyte.
    fn open_log(&self) -> std::io::Result<File> {
        use std::os::unix::fs::OpenOptionsExt;
        const LIMIT: u64 = 1 << 20;
        let log = File::options().append(true).create(true).mode(0o600).open(self.log)?;
        if log.metadata()?.len() > LIMIT {
            log.set_len(0)?;
        }
        Ok(log)
    }
}

/// Small, because the memory of an idle development server counts, and without replication, which nobody uses here.
fn settings(durability: Durability) -> Vec<String> {
    let mut settings = vec![
        format!("port={PORT}"),
        "listen_addresses=".to_owned(),
        "unix_socket_permissions=0700".to_owned(),
        "max_connections=100".to_owned(),
        "shared_buffers=32MB".to_owned(),
        "wal_level=minimal".to_owned(),
        "max_wal_senders=0".to_owned(),
        "max_logical_replication_workers=0".to_owned(),
        // In the data folder, so that a killed server leaves nothing in /dev/shm.
        "dynamic_shared_memory_type=mmap".to_owned(),
        "jit=off".to_owned(),
        "log_checkpoints=off".to_owned(),
    ];
    if durability == Durability::Volatile {
        settings.extend(["fsync=off", "full_page_writes=off", "synchronous_commit=off"].map(str::to_owned));
    }
    settings
}

/// Whether this process id is a living Postgres now; a zombie has no command line.
fn is_postgres(pid: &str) -> bool {
    let command_line = std::fs::read(Path::new("/proc").join(pid).join("cmdline")).unwrap_or_default();
    let program = command_line.split(|byte| *byte == 0).next().unwrap_or_default();
    String::from_utf8_lossy(program).contains("postgres")
}

fn failed(program: &'static str, detail: &str) -> LocalError {
    LocalError::Program { program, detail: last_lines(detail) }
}

fn last_lines(text: &str) -> String {
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    lines[lines.len().saturating_sub(3)..].join(" / ")
}
