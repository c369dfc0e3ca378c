//! The denominator: the keyed call of the token without a server around it, on one thread, in a process of its own with a
//! token of its own in memory. It measures when it is told to, so that its rounds lie between those of the server.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use anyhow::Context;
use kms_core::Hsm;
use kms_core::hsm::{MacInput, TokenObject};
use kms_core::ids::ObjectId;
use kms_core::secret::{SecretBytes, SecretKey};
use kms_hsm::{Token, TokenConfig};
use kms_local::{EphemeralFolder, SoftHsmToken};
use uuid::Uuid;

const LABEL: &str = "strongroom-bench";
const CALLS: u32 = 10_000;
const INPUT: MacInput = [7; 55];

/// The running child.
pub(crate) struct RawToken {
    child: Child,
    commands: ChildStdin,
    figures: BufReader<ChildStdout>,
    _folder: EphemeralFolder,
}

/// Microseconds of processor time per call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RawCost {
    /// `C_SignInit` and `C_Sign`, nothing else.
    pub(crate) bare: f64,
    /// The same through [`Token::mac`]: session from the pool, handle from the cache.
    pub(crate) token: f64,
}

impl RawToken {
    pub(crate) fn start() -> anyhow::Result<Self> {
        let folder = EphemeralFolder::new("strongroom-bench-")?;
        let token = SoftHsmToken::create_or_open(folder.path(), LABEL)?;
        let mut child = Command::new(std::env::current_exe()?)
            .arg("--raw-token")
            .arg(folder.path())
            .env("SOFTHSM2_CONF", token.config_file())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("the process that calls the token could not be started")?;
        let commands = child.stdin.take().context("no standard input")?;
        let figures = BufReader::new(child.stdout.take().context("no standard output")?);
        Ok(Self { child, commands, figures, _folder: folder })
    }

    pub(crate) fn measure(&mut self) -> anyhow::Result<RawCost> {
        writeln!(self.commands, "measure")?;
        let mut line = String::new();
        self.figures.read_line(&mut line)?;
        let (bare, token) = line.trim().split_once(' ').context("the process that calls the token has ended")?;
        Ok(RawCost { bare: bare.parse()?, token: token.parse()? })
    }
}

impl Drop for RawToken {
    fn drop(&mut self) {
        let _already_ended = self.child.kill();
        let _status = self.child.wait();
    }
}

/// The child's side: for each line of input one line of output, `<bare> <token>`.
pub(crate) fn serve(folder: &Path) -> anyhow::Result<()> {
    let files = SoftHsmToken::create_or_open(folder, LABEL)?;
    let token = Token::open(TokenConfig {
        module: files.module().to_owned(),
        token_label: LABEL.to_owned(),
        pin: SecretBytes::new(files.pin().as_bytes().to_vec()),
        softhsm_folder: Some(files.token_folder()),
        sessions: 2,
    })?;
    let sentinel = ObjectId::random();
    let root = TokenObject::internal(ObjectId::random(), "root");
    token.establish(Uuid::new_v4(), sentinel, &root, &SecretKey::new([1; 32]))?;
    token.attach(sentinel)?;
    let object = TokenObject::internal(ObjectId::random(), "bench");
    token.generate_secret(&object, &mut || true)?;
    token.mac_repeatedly(&object, &INPUT, CALLS)?;
    let mut output = std::io::stdout();
    for _command in std::io::stdin().lock().lines() {
        let bare = cost(|| token.mac_repeatedly(&object, &INPUT, CALLS).map(drop))?;
        let through = cost(|| (0..CALLS).try_for_each(|_| token.mac(&object, &INPUT).map(drop)))?;
        writeln!(output, "{bare} {through}")?;
        output.flush()?;
    }
    Ok(())
}

fn cost(calls: impl FnOnce() -> Result<(), kms_core::HsmError>) -> anyhow::Result<f64> {
    let before = thread_time();
    calls()?;
    Ok((thread_time() - before).as_secs_f64() * 1e6 / f64::from(CALLS))
}

fn thread_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or(0))
}
