//! A `strongroom` process. `dev` stops when this process ends, however that ends: its standard input is a pipe from here.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use kms_local::EphemeralFolder;

const START_PATIENCE: Duration = Duration::from_secs(90);

/// How to start a server.
#[derive(Clone, Debug, Default)]
pub struct ServerOptions {
    /// More arguments of `strongroom dev`.
    pub arguments: Vec<String>,
    /// Where failpoint files are looked for, in builds that have them.
    pub failpoint_dir: Option<PathBuf>,
    /// More variables of its environment.
    pub environment: Vec<(String, String)>,
    /// The program, if it is not [`strongroom_binary`].
    pub program: Option<PathBuf>,
}

impl ServerOptions {
    fn command(&self) -> anyhow::Result<Command> {
        Ok(Command::new(self.program.clone().map_or_else(strongroom_binary, Ok)?))
    }
}

/// A running server over a folder of its own, ended with SIGTERM on drop.
#[derive(Debug)]
pub struct Server {
    child: Child,
    /// Its end stops the server; kept out of `child`, which would close it at the first wait.
    _lifeline: Option<ChildStdin>,
    endpoint: String,
    data_dir: PathBuf,
    _folder: Option<EphemeralFolder>,
}

impl Server {
    /// A server over a fresh folder in memory, with a second token in a run that has [`pq_module`].
    ///
    /// # Errors
    /// It did not become ready.
    pub fn start() -> anyhow::Result<Self> {
        let folder = EphemeralFolder::new("strongroom-e2e-")?;
        let second = pq_module().map(|module| vec!["--pq-module".to_owned(), module.display().to_string()]);
        let options = ServerOptions { arguments: second.unwrap_or_default(), ..ServerOptions::default() };
        let mut server = Self::start_in(&folder.path().join("data"), &options)?;
        server._folder = Some(folder);
        Ok(server)
    }

    /// The one server that all tests of this process share, started at its first use.
    ///
    /// # Panics
    /// If it does not become ready.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Server> = OnceLock::new();
        SHARED.get_or_init(|| Self::start().unwrap_or_else(|error| panic!("no server to test: {error:#}")))
    }

    /// A server over this folder, on a free port.
    ///
    /// # Errors
    /// It did not become ready; the error holds what it said.
    pub fn start_in(data_dir: &Path, options: &ServerOptions) -> anyhow::Result<Self> {
        Self::start_at(data_dir, "127.0.0.1:0", options)
    }

    /// A server over this folder, on this address.
    ///
    /// # Errors
    /// It did not become ready; the error holds what it said.
    pub fn start_at(data_dir: &Path, listen: &str, options: &ServerOptions) -> anyhow::Result<Self> {
        Self::launch(&mut dev_command(data_dir, listen, options)?, data_dir)
    }

    /// Starts a server as [`Server::start_at`] does, and kills it with SIGKILL so long after, ready or not.
    ///
    /// # Errors
    /// It cannot be run.
    pub fn start_and_kill(
        data_dir: &Path,
        listen: &str,
        options: &ServerOptions,
        after: Duration,
    ) -> anyhow::Result<()> {
        kill_after(&mut dev_command(data_dir, listen, options)?, data_dir, after)
    }

    /// A node of `strongroom serve` with this configuration. `data_dir` is the node's own folder, which the configuration
    /// names too; `softhsm_config` is for the environment.
    ///
    /// # Errors
    /// It did not become ready; the error holds what it said.
    pub fn serve(
        config: &Path,
        data_dir: &Path,
        softhsm_config: &Path,
        options: &ServerOptions,
    ) -> anyhow::Result<Self> {
        Self::launch(&mut serve_command(config, softhsm_config, options)?, data_dir)
    }

    /// Starts a node as [`Server::serve`] does, and kills it with SIGKILL so long after, ready or not.
    ///
    /// # Errors
    /// It cannot be run.
    pub fn serve_and_kill(
        config: &Path,
        data_dir: &Path,
        softhsm_config: &Path,
        options: &ServerOptions,
        after: Duration,
    ) -> anyhow::Result<()> {
        kill_after(&mut serve_command(config, softhsm_config, options)?, data_dir, after)
    }

    fn launch(command: &mut Command, data_dir: &Path) -> anyhow::Result<Self> {
        let mut child = command.stderr(log_file(data_dir)?).spawn().context("strongroom could not be started")?;
        let lifeline = child.stdin.take();
        match wait_until_ready(&mut child) {
            Ok(endpoint) => {
                Ok(Self { child, _lifeline: lifeline, endpoint, data_dir: data_dir.to_owned(), _folder: None })
            }
            Err(error) => {
                let _already_dead = child.kill();
                let _status = child.wait();
                Err(error.context(std::fs::read_to_string(log_path(data_dir)).unwrap_or_default()))
            }
        }
    }

    /// `http://127.0.0.1:<port>`.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Address and port.
    pub fn address(&self) -> &str {
        self.endpoint.trim_start_matches("http://")
    }

    /// The folder of database, token and audit.
    pub fn data_dir(&self) -> &Path {
        &self.data_dir
    }

    /// The process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What the server has logged so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(log_path(&self.data_dir)).unwrap_or_default()
    }

    /// Sets `DATA/clock` to this offset in seconds.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn set_clock_offset(&self, seconds: i64) -> anyhow::Result<()> {
        let draft = self.data_dir.join("clock.new");
        std::fs::write(&draft, seconds.to_string())?;
        Ok(std::fs::rename(&draft, self.data_dir.join("clock"))?)
    }

    /// Whether the process has ended by itself.
    pub fn has_ended(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(Some(_)))
    }

    /// SIGKILL; the private Postgres goes on.
    ///
    /// # Errors
    /// The process cannot be reaped.
    pub fn kill(&mut self) -> anyhow::Result<()> {
        let _already_dead = self.child.kill();
        self.child.wait()?;
        Ok(())
    }

    /// Sends a signal to the process.
    ///
    /// # Errors
    /// There is no such process.
    pub fn signal(&self, signal: rustix::process::Signal) -> anyhow::Result<()> {
        let pid = i32::try_from(self.child.id()).ok().and_then(rustix::process::Pid::from_raw);
        Ok(rustix::process::kill_process(pid.context("no process id")?, signal)?)
    }

    /// SIGTERM, and waits until everything is stopped.
    ///
    /// # Errors
    /// It does not end within 30 seconds.
    pub fn stop(&mut self) -> anyhow::Result<()> {
        if self.has_ended() {
            return Ok(());
        }
        self.signal(rustix::process::Signal::TERM)?;
        let deadline = Instant::now() + Duration::from_secs(30);
        while !self.has_ended() {
            if Instant::now() > deadline {
                self.kill()?;
                bail!("the server did not end after SIGTERM");
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _reported_by_stop = self.stop();
    }
}

/// The PKCS#11 module of the second token, `$STRONGROOM_PQ_MODULE`, in a run with one: `cargo xtask test --pq`.
pub fn pq_module() -> Option<PathBuf> {
    std::env::var_os("STRONGROOM_PQ_MODULE").map(PathBuf::from)
}

/// The binary under test: `$STRONGROOM_BIN`, else the one beside this program.
///
/// # Errors
/// There is none.
pub fn strongroom_binary() -> anyhow::Result<PathBuf> {
    if let Some(path) = std::env::var_os("STRONGROOM_BIN") {
        return Ok(path.into());
    }
    let program = std::env::current_exe()?;
    program
        .ancestors()
        .skip(1)
        .take(2)
        .map(|folder| folder.join("strongroom"))
        .find(|path| path.is_file())
        .context("strongroom is not built: run `cargo build -p strongroom`, or set STRONGROOM_BIN")
}

/// Waits for the one ready line and gives its endpoint.
fn wait_until_ready(child: &mut Child) -> anyhow::Result<String> {
    let output = child.stdout.take().context("no standard output")?;
    let (sender, receiver) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let mut line = String::new();
        let mut output = BufReader::new(output);
        let _read = output.read_line(&mut line);
        let _nobody_waits = sender.send(line);
        let _drained = std::io::copy(&mut output, &mut std::io::sink());
    });
    let line = receiver.recv_timeout(START_PATIENCE).context("strongroom did not become ready in time")?;
    let endpoint = line.trim().strip_prefix("strongroom is ready at ");
    endpoint.map(str::to_owned).with_context(|| format!("strongroom ended before it was ready: {line:?}"))
}

fn dev_command(data_dir: &Path, listen: &str, options: &ServerOptions) -> anyhow::Result<Command> {
    let mut command = options.command()?;
    command.args(["dev", "--until-stdin-ends", "--listen", listen, "--data-dir"]).arg(data_dir);
    command.args(&options.arguments).env_remove("SOFTHSM2_CONF").env_remove("KRYOPTIC_CONF");
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    add_environment(&mut command, options);
    Ok(command)
}

fn serve_command(config: &Path, softhsm_config: &Path, options: &ServerOptions) -> anyhow::Result<Command> {
    let mut command = options.command()?;
    command.args(["serve", "--config"]).arg(config).args(&options.arguments);
    command.env("SOFTHSM2_CONF", softhsm_config).stdin(Stdio::null()).stdout(Stdio::piped());
    add_environment(&mut command, options);
    Ok(command)
}

fn kill_after(command: &mut Command, data_dir: &Path, after: Duration) -> anyhow::Result<()> {
    let mut child = command.stderr(log_file(data_dir)?).spawn().context("strongroom could not be started")?;
    let _lifeline = child.stdin.take();
    std::thread::sleep(after);
    let _already_dead = child.kill();
    child.wait()?;
    Ok(())
}

fn add_environment(command: &mut Command, options: &ServerOptions) {
    command.envs(options.environment.iter().cloned());
    if let Some(folder) = &options.failpoint_dir {
        command.env("STRONGROOM_FAILPOINT_DIR", folder);
    }
}

fn log_file(data_dir: &Path) -> anyhow::Result<std::fs::File> {
    Ok(std::fs::OpenOptions::new().create(true).append(true).open(log_path(data_dir))?)
}

fn log_path(data_dir: &Path) -> PathBuf {
    let mut name = data_dir.file_name().unwrap_or_default().to_owned();
    name.push(".log");
    data_dir.with_file_name(name)
}
