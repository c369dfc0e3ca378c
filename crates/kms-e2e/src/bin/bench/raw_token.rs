//! The denominator: the keyed call of the token without a server around it, on one thread, in a process of its own with a
//! token of its own in memory. It measures when it is told to, so that a load lies between two of its figures.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use anyhow::Context;
use kms_core::Hsm;
use kms_core::algorithm::{MacAlgorithm, SigningAlgorithm};
use kms_core::hsm::{KeyKind, MacInput, TokenObject};
use kms_core::ids::ObjectId;
use kms_core::key_spec::{KeySpec, KeyUsage};
use kms_core::secret::{SecretBytes, SecretKey};
use kms_hsm::{Token, TokenConfig};
use kms_local::{EphemeralFolder, SoftHsmToken};
use uuid::Uuid;

/// Of every token of the benchmark.
pub(crate) const LABEL: &str = "strongroom-bench";
const CALLS: u32 = 5_000;
const SIGNATURES: u32 = 250;
const INPUT: MacInput = [7; 55];
const DIGEST: [u8; 32] = [7; 32];

/// The running child.
pub(crate) struct RawToken {
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

    /// Microseconds of processor time per call, now.
    pub(crate) fn measure(&mut self, call: RawCall) -> anyhow::Result<f64> {
        writeln!(self.commands, "{}", call.name())?;
        let mut line = String::new();
        self.figures.read_line(&mut line)?;
        line.trim().parse().context("the process that calls the token has ended")
    }
}

impl Drop for RawToken {
    fn drop(&mut self) {
        let _already_ended = self.child.kill();
        let _status = self.child.wait();
    }
}

/// The child's side: for each line of input, which names a [`RawCall`], a line with its cost.
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
    let many =
        || made.iter().cycle().take(by_turns as usize).try_for_each(|object| token.mac(object, &INPUT).map(drop));
    let sign = |object, algorithm| {
        cost(SIGNATURES, || (0..SIGNATURES).try_for_each(|_| token.sign(object, algorithm, &DIGEST).map(drop)))
    };
    let hmac_once = || token.hmac(&hmac, MacAlgorithm::HmacSha256, &DIGEST).map(drop);
    token.mac_repeatedly(first, &INPUT, CALLS)?;
    many()?;
    let mut output = std::io::stdout();
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let figure = match RawCall::parse(&line).with_context(|| format!("{line:?} is no call"))? {
            RawCall::Bare => cost(CALLS, || token.mac_repeatedly(first, &INPUT, CALLS).map(drop)),
            RawCall::Token => cost(CALLS, || (0..CALLS).try_for_each(|_| token.mac(first, &INPUT).map(drop))),
            RawCall::Many => cost(by_turns, many),
            RawCall::SignP256 => sign(&p256, SigningAlgorithm::EcdsaSha256),
            RawCall::SignRsa => sign(&rsa, SigningAlgorithm::RsassaPkcs1V15Sha256),
            RawCall::Hmac => cost(CALLS, || (0..CALLS).try_for_each(|_| hmac_once())),
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

fn cost(count: u32, calls: impl FnOnce() -> Result<(), kms_core::HsmError>) -> anyhow::Result<f64> {
    let before = thread_time();
    calls()?;
    Ok((thread_time() - before).as_secs_f64() * 1e6 / f64::from(count))
}

fn thread_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or(0))
}
