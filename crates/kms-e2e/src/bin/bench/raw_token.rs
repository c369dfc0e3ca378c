//! The denominator: the keyed call of the token without a server around it, on one thread, in a process of its own with a
//! token of its own in memory. It measures when it is told to, so that its rounds lie between those of the server.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, bail};
use kms_core::Hsm;
use kms_core::hsm::{KeyKind, MacInput, TokenObject};
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
    /// As `token`, with many objects by turns: what the token itself pays for their number.
    pub(crate) many: f64,
}

impl RawToken {
    /// Starts the child and makes `objects` secrets in its token.
    pub(crate) fn start(objects: u32) -> anyhow::Result<Self> {
        let folder = EphemeralFolder::new("strongroom-bench-")?;
        let token = SoftHsmToken::create_or_open(folder.path(), LABEL)?;
        let mut child = Command::new(std::env::current_exe()?)
            .arg("--raw-token")
            .arg(folder.path())
            .args(["--keys", &objects.to_string()])
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
        let figures: Vec<f64> = line.split_whitespace().map(str::parse).collect::<Result<_, _>>()?;
        match figures[..] {
            [bare, token, many] => Ok(RawCost { bare, token, many }),
            _ => bail!("the process that calls the token has ended"),
        }
    }
}

impl Drop for RawToken {
    fn drop(&mut self) {
        let _already_ended = self.child.kill();
        let _status = self.child.wait();
    }
}

/// The child's side: for each line of input one line of output, `<bare> <token> <many>`.
pub(crate) fn serve(folder: &Path, objects: u32) -> anyhow::Result<()> {
    let token = open(folder)?;
    let mut made = Vec::new();
    for _ in 0..objects.max(1) {
        let object = TokenObject::internal(ObjectId::random(), "bench");
        token.generate_key(&object, KeyKind::SYMMETRIC, &mut || true)?;
        made.push(object);
    }
    let first = &made[0];
    let many = || made.iter().cycle().take(CALLS as usize);
    token.mac_repeatedly(first, &INPUT, CALLS)?;
    many().try_for_each(|object| token.mac(object, &INPUT).map(drop))?;
    let mut output = std::io::stdout();
    for _command in std::io::stdin().lock().lines() {
        let bare = cost(|| token.mac_repeatedly(first, &INPUT, CALLS).map(drop))?;
        let through = cost(|| (0..CALLS).try_for_each(|_| token.mac(first, &INPUT).map(drop)))?;
        let many = cost(|| many().try_for_each(|object| token.mac(object, &INPUT).map(drop)))?;
        writeln!(output, "{bare} {through} {many}")?;
        output.flush()?;
    }
    Ok(())
}

/// The token of a fresh deployment.
fn open(folder: &Path) -> anyhow::Result<Token> {
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
    Ok(token)
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
