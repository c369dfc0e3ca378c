//! A Postgres of one's own under one folder.

use std::path::{Path, PathBuf};
use std::process::Child;
use std::time::{Duration, Instant};

use crate::account::ServerAccount;
use crate::launch::Launch;
use crate::postmaster::{self, Identity, Process};
use crate::programs::Programs;
use crate::{LocalError, PostgresAddress, files, socket_folder};

/// The database that [`PrivatePostgres::start`] makes.
pub const DATABASE: &str = "strongroom";

/// The database that `initdb` makes.
const MAINTENANCE_DATABASE: &str = "postgres";

/// How long a server that runs already may take to answer before it is replaced.
const ADOPTION_PATIENCE: Duration = Duration::from_secs(8);

/// How long a new server may take to answer; recovery after a crash is part of it.
const START_PATIENCE: Duration = Duration::from_secs(60);

/// What survives a crash of the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// Every commit (`fsync` on).
    Durable,
    /// Nothing (`fsync`, `full_page_writes` and `synchronous_commit` off): for tests.
    Volatile,
}

/// When the server ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lifetime {
    /// At [`PrivatePostgres::stop`] or drop. It outlives a killed owner; the next start on the folder adopts it.
    UntilStopped,
    /// As above, and by itself as soon as the owner has died, however that came.
    WithOwner,
}

/// How to run a [`PrivatePostgres`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PostgresOptions {
    /// What survives a crash of the machine.
    pub durability: Durability,
    /// When the server ends.
    pub lifetime: Lifetime,
}

impl PostgresOptions {
    /// For a folder that is kept between runs.
    pub const DEV: Self = Self { durability: Durability::Durable, lifetime: Lifetime::UntilStopped };
    /// For a folder that is thrown away.
    pub const THROW_AWAY: Self = Self { durability: Durability::Volatile, lifetime: Lifetime::WithOwner };
}

impl Default for PostgresOptions {
    fn default() -> Self {
        Self::DEV
    }
}

/// A running Postgres that only its owner reaches: trust authentication, a Unix socket in a folder of mode 0700, no TCP.
/// It is stopped on drop.
#[derive(Debug)]
pub struct PrivatePostgres {
    address: PostgresAddress,
    data: PathBuf,
    identity: Identity,
    postmaster: Process,
    /// The server, or its supervisor; none if the server was adopted.
    child: Option<Child>,
    is_stopped: bool,
}

impl PrivatePostgres {
    /// Makes `dir` (mode 0700) and the cluster in it if missing, starts the server, or adopts the one that a killed owner
    /// left running, waits until it answers and makes the database [`DATABASE`]. As root the server runs as user
    /// `postgres`, even if that user cannot enter the folders above `dir`.
    ///
    /// The caller holds the [`crate::FolderLock`] of `dir`, or nobody else knows `dir`.
    ///
    /// # Errors
    /// [`LocalError::ProgramMissing`], [`LocalError::Unusable`], [`LocalError::Program`] with the end of the server's log
    /// (`dir/postgres.log`), [`LocalError::Postgres`], [`LocalError::File`].
    pub fn start(dir: &Path, options: PostgresOptions) -> Result<Self, LocalError> {
        files::make_private_folder(dir)?;
        let dir = dir.canonicalize().map_err(LocalError::file(dir))?;
        let account = ServerAccount::choose()?;
        let data = dir.join("postgres");
        let programs = Programs::find(data_major(&data)?)?;
        let socket_folder = socket_folder::make(&dir, account.ids())?;
        let log = dir.join("postgres.log");
        let launch = Launch { programs: &programs, account, data: &data, socket_folder: &socket_folder, log: &log };
        if !data.exists() {
            launch.initialise(options.durability)?;
        }
        let identity = Identity::of(&data, account.uid)?;
        let address = PostgresAddress::new(socket_folder.clone());
        let (postmaster, child) = match adopt(&data, &identity, &address, options) {
            Some(postmaster) => (postmaster, None),
            None => {
                postmaster::shut_down(&data, &identity)?;
                start_anew(&launch, &identity, &address, options)?
            }
        };
        let server = Self { address, data, identity, postmaster, child, is_stopped: false };
        server.create_database()?;
        Ok(server)
    }

    /// The connection string of the server that another process, the holder of the folder's lock, runs under `dir`. Nothing
    /// is started or made, and whether it answers is not looked at.
    ///
    /// # Errors
    /// [`LocalError::File`] if there is no such folder.
    pub fn url_in(dir: &Path) -> Result<String, LocalError> {
        let dir = dir.canonicalize().map_err(LocalError::file(dir))?;
        Ok(PostgresAddress::new(socket_folder::place(&dir)).url(DATABASE))
    }

    /// A libpq connection string for [`DATABASE`].
    #[must_use]
    pub fn url(&self) -> String {
        self.address.url(DATABASE)
    }

    /// Where the server answers.
    #[must_use]
    pub fn address(&self) -> &PostgresAddress {
        &self.address
    }

    /// The process id of the postmaster.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.postmaster.id()
    }

    /// False once the postmaster has ended, however that came; then nothing brings it back but a new start.
    #[must_use]
    pub fn is_running(&self) -> bool {
        !self.postmaster.has_ended_within(Duration::ZERO)
    }

    /// True if the server was left running by an earlier owner and taken over.
    #[must_use]
    pub fn is_adopted(&self) -> bool {
        self.child.is_none()
    }

    /// Stops the server: fast shutdown, with more force if it does not end. Takes less than 40 seconds.
    ///
    /// # Errors
    /// [`LocalError::Postgres`] if a process of the server survives SIGKILL.
    pub fn stop(mut self) -> Result<(), LocalError> {
        self.stop_once()
    }

    fn stop_once(&mut self) -> Result<(), LocalError> {
        if std::mem::replace(&mut self.is_stopped, true) {
            return Ok(());
        }
        let stopped = postmaster::shut_down(&self.data, &self.identity);
        if let Some(child) = &mut self.child {
            drop(child.stdin.take());
            // Only reaps it. If the server survives SIGKILL there is nothing to wait for.
            let _ = if stopped.is_ok() { child.wait().map(Some) } else { child.try_wait() };
        }
        stopped
    }

    fn create_database(&self) -> Result<(), LocalError> {
        const TIMEOUT: Duration = Duration::from_secs(30);
        let exists = format!("SELECT 1 FROM pg_database WHERE datname = '{DATABASE}'");
        if self.address.execute(MAINTENANCE_DATABASE, &exists, TIMEOUT)?.is_none() {
            self.address.execute(MAINTENANCE_DATABASE, &format!("CREATE DATABASE {DATABASE}"), TIMEOUT)?;
        }
        Ok(())
    }
}

impl Drop for PrivatePostgres {
    fn drop(&mut self) {
        if let Err(error) = self.stop_once() {
            tracing::warn!(%error, "the private Postgres could not be stopped");
        }
    }
}

/// The version in the data folder, or none if there is no data folder.
fn data_major(data: &Path) -> Result<Option<u32>, LocalError> {
    let text = files::read_if_there(&data.join("PG_VERSION"))?;
    if text.is_none() && data.exists() {
        let text = format!("{} is no data folder of Postgres (it has no PG_VERSION); restore it", data.display());
        return Err(LocalError::Unusable(text));
    }
    Ok(text.and_then(|text| text.trim().parse().ok()))
}

/// Takes over a server that runs on this folder already, if it has the wanted options and answers.
fn adopt(data: &Path, identity: &Identity, address: &PostgresAddress, options: PostgresOptions) -> Option<Process> {
    let fsync = match options {
        PostgresOptions { lifetime: Lifetime::WithOwner, .. } => return None,
        PostgresOptions { durability: Durability::Durable, .. } => "on",
        PostgresOptions { durability: Durability::Volatile, .. } => "off",
    };
    let postmaster = Process::postmaster(data, identity)?;
    postmaster::resume(identity);
    let deadline = Instant::now() + ADOPTION_PATIENCE;
    while Instant::now() < deadline && !postmaster.has_ended_within(Duration::ZERO) {
        match address.query(MAINTENANCE_DATABASE, "SHOW fsync", Duration::from_secs(2)) {
            Ok(answer) => {
                tracing::info!(pid = postmaster.id(), "a private Postgres was still running here");
                return (answer.as_deref() == Some(fsync)).then_some(postmaster);
            }
            Err(error) if error.is_not_ready() => std::thread::sleep(Duration::from_millis(50)),
            Err(_) => return None,
        }
    }
    None
}

fn start_anew(
    launch: &Launch<'_>,
    identity: &Identity,
    address: &PostgresAddress,
    options: PostgresOptions,
) -> Result<(Process, Option<Child>), LocalError> {
    launch.remove_stale_locks()?;
    let mut child = match options.lifetime {
        Lifetime::UntilStopped => launch.start(options.durability, &identity.cluster_name)?,
        Lifetime::WithOwner => launch.start_supervised(options.durability, &identity.cluster_name)?,
    };
    match await_answer(launch, identity, address, &mut child) {
        Ok(postmaster) => Ok((postmaster, Some(child))),
        Err(error) => {
            drop(child.stdin.take());
            postmaster::shut_down(launch.data, identity)?;
            let _ = child.wait();
            Err(error)
        }
    }
}

fn await_answer(
    launch: &Launch<'_>,
    identity: &Identity,
    address: &PostgresAddress,
    child: &mut Child,
) -> Result<Process, LocalError> {
    let start = Instant::now();
    loop {
        let answer = address.query(MAINTENANCE_DATABASE, "SELECT 1", Duration::from_secs(2));
        let postmaster = Process::postmaster(launch.data, identity);
        if let (Ok(_), Some(postmaster)) = (&answer, postmaster) {
            return Ok(postmaster);
        }
        // A supervisor outlives its server, so its server is looked for too, once it had time to come up.
        let has_ended = child.try_wait().is_ok_and(|status| status.is_some())
            || (start.elapsed() > Duration::from_secs(10) && Process::all(identity).is_empty());
        if has_ended || start.elapsed() > START_PATIENCE {
            return Err(LocalError::Program { program: "postgres", detail: launch.last_words() });
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}
