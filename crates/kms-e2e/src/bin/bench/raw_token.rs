//! The denominator: the keyed call of the token without a server around it, on one thread, in a process of its own with a
//! token of its own in memory. It measures when it is told to, so that a load lies between two of its figures. Meanwhile
//! such processes make the same call on the other processors: under a load they are all busy, and what they share (caches,
//! the core itself where processors are threads of one) slows the call in the server too.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use anyhow::Context;
use kms_core::algorithm::{MacAlgorithm, SigningAlgorithm};
use kms_core::hsm::{KeyKind, MacInput, TokenObject};
use kms_core::ids::ObjectId;
use kms_core::key_spec::{KeySpec, KeyUsage};
use kms_core::secret::{SecretBytes, SecretKey};
use kms_core::{Hsm, HsmError};
use kms_hsm::{Token, TokenConfig};
use kms_local::{EphemeralFolder, SoftHsmToken};
use uuid::Uuid;

/// Of every token of the benchmark.
pub(crate) const LABEL: &str = "strongroom-bench";
const CALLS: u32 = 5_000;
const SIGNATURES: u32 = 250;
const INPUT: MacInput = [7; 55];
const DIGEST: [u8; 32] = [7; 32];

/// The process that is measured, and those that keep the other processors busy.
pub(crate) struct RawToken {
    measured: Caller,
    neighbours: Vec<Caller>,
}

/// A process that makes calls.
struct Caller {
    child: Child,
    commands: ChildStdin,
    figures: BufReader<ChildStdout>,
    _folder: EphemeralFolder,
}

/// What is measured.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum RawCall {
    /// `C_SignInit` and `C_Sign`, nothing else.
    Bare,
    /// The same through [`Token::mac`]: session from the pool, handle from the cache.
    Token,
    /// As `Token`, with many objects by turns: what the token itself pays for their number.
    Many,
    /// `C_Sign` with ECDSA on P-256, through [`Token::sign`].
    SignP256,
    /// `C_Sign` with PKCS #1 and RSA of 2048 bits, through [`Token::sign`].
    SignRsa,
    /// `C_Sign` with HMAC-SHA-256 under an HMAC key, through [`Token::hmac`].
    Hmac,
}

impl RawCall {
    pub(crate) const ALL: [Self; 6] = [Self::Bare, Self::Token, Self::Many, Self::SignP256, Self::SignRsa, Self::Hmac];

    /// Its name between the two processes.
    fn name(self) -> &'static str {
        match self {
            Self::Bare => "bare",
            Self::Token => "token",
            Self::Many => "many",
            Self::SignP256 => "sign-p256",
            Self::SignRsa => "sign-rsa",
            Self::Hmac => "hmac",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|call| call.name() == text)
    }
}

impl RawToken {
    /// Starts a process for each processor and makes `objects` secrets in its token.
    pub(crate) fn start(objects: u32) -> anyhow::Result<Self> {
        let others = std::thread::available_parallelism()?.get() - 1;
        let neighbours = (0..others).map(|_| Caller::start(objects)).collect::<anyhow::Result<_>>()?;
        Ok(Self { measured: Caller::start(objects)?, neighbours })
    }

    /// Microseconds of processor time per call, now, while the other processors make the same call.
    pub(crate) fn measure(&mut self, call: RawCall) -> anyhow::Result<f64> {
        for neighbour in &mut self.neighbours {
            // They begin before and go on until after what is measured.
            neighbour.ask(call, 2)?;
        }
        let figure = self.measure_alone(call);
        for neighbour in &mut self.neighbours {
            neighbour.figure()?;
        }
        figure
    }

    /// The same while nothing is asked of the other processors.
    pub(crate) fn measure_alone(&mut self, call: RawCall) -> anyhow::Result<f64> {
        self.measured.ask(call, 1)?;
        self.measured.figure()
    }
}

impl Caller {
    fn start(objects: u32) -> anyhow::Result<Self> {
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
        let mut caller = Self { child, commands, figures, _folder: folder };
        // Its first answer comes when its token is ready.
        caller.ask(RawCall::Bare, 1)?;
        caller.figure()?;
        Ok(caller)
    }

    fn ask(&mut self, call: RawCall, times: u32) -> anyhow::Result<()> {
        Ok(writeln!(self.commands, "{} {times}", call.name())?)
    }

    fn figure(&mut self) -> anyhow::Result<f64> {
        let mut line = String::new();
        self.figures.read_line(&mut line)?;
        line.trim().parse().context("the process that calls the token has ended")
    }
}

impl Drop for Caller {
    fn drop(&mut self) {
        let _already_ended = self.child.kill();
        let _status = self.child.wait();
    }
}

/// The child's side: for each line of input, which names a [`RawCall`] and by how much its number of calls is multiplied, a
/// line with its cost.
pub(crate) fn serve(folder: &Path, objects: u32) -> anyhow::Result<()> {
    let token = open(folder)?;
    let make = |kind| {
        let object = TokenObject::internal(ObjectId::random(), "bench");
        token.generate_key(&object, kind, &mut || true).map(|_| object)
    };
    let kind = |spec, usage| KeyKind { spec, usage };
    let made = (0..objects.max(1)).map(|_| make(KeyKind::SYMMETRIC)).collect::<Result<Vec<_>, _>>()?;
    let p256 = make(kind(KeySpec::EccNistP256, KeyUsage::SignVerify))?;
    let rsa = make(kind(KeySpec::Rsa2048, KeyUsage::SignVerify))?;
    let hmac = make(kind(KeySpec::Hmac256, KeyUsage::GenerateVerifyMac))?;
    let first = &made[0];
    let by_turns = CALLS.max(objects);
    let many = |count: u32| {
        made.iter().cycle().take(count as usize).try_for_each(|object| token.mac(object, &INPUT).map(drop))
    };
    let sign = |object, algorithm| token.sign(object, algorithm, &DIGEST).map(drop);
    let hmac_once = || token.hmac(&hmac, MacAlgorithm::HmacSha256, &DIGEST).map(drop);
    token.mac_repeatedly(first, &INPUT, CALLS)?;
    many(by_turns)?;
    let mut output = std::io::stdout();
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let asked = line.split_once(' ').and_then(|(call, times)| Some((RawCall::parse(call)?, times.parse().ok()?)));
        let (call, times): (RawCall, u32) = asked.with_context(|| format!("{line:?} is no call"))?;
        let repeated = |count: u32, run: &dyn Fn(u32) -> Result<(), HsmError>| cost(count * times, run);
        let figure = match call {
            RawCall::Bare => repeated(CALLS, &|count| token.mac_repeatedly(first, &INPUT, count).map(drop)),
            RawCall::Token => repeated(CALLS, &|count| (0..count).try_for_each(|_| token.mac(first, &INPUT).map(drop))),
            RawCall::Many => repeated(by_turns, &many),
            RawCall::SignP256 => {
                repeated(SIGNATURES, &|count| (0..count).try_for_each(|_| sign(&p256, SigningAlgorithm::EcdsaSha256)))
            }
            RawCall::SignRsa => repeated(SIGNATURES, &|count| {
                (0..count).try_for_each(|_| sign(&rsa, SigningAlgorithm::RsassaPkcs1V15Sha256))
            }),
            RawCall::Hmac => repeated(CALLS, &|count| (0..count).try_for_each(|_| hmac_once())),
        };
        writeln!(output, "{}", figure?)?;
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

fn cost(count: u32, calls: impl FnOnce(u32) -> Result<(), HsmError>) -> anyhow::Result<f64> {
    let before = thread_time();
    calls(count)?;
    Ok((thread_time() - before).as_secs_f64() * 1e6 / f64::from(count))
}

fn thread_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or(0))
}
