//! Random bytes, the openssl program and a count of vectors.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::collections::BTreeMap;
use std::process::Command;

use ecdsa::elliptic_curve::sec1::{FromSec1Point, ModulusSize, ToSec1Point};
use ecdsa::elliptic_curve::{AffinePoint, CurveArithmetic, FieldBytesSize};
use ecdsa::{EcdsaCurve, SigningKey};
use kms_core::algorithm::DataKeyPairSpec;

/// Random bytes.
pub(crate) fn random(bytes: usize) -> Vec<u8> {
    let mut random = vec![0; bytes];
    getrandom::fill(&mut random).unwrap();
    random
}

/// A message of 1 to 256 random bytes.
pub(crate) fn message() -> Vec<u8> {
    random(1 + usize::from(random(1)[0]))
}

/// A random ECDSA key of the other library. Most numbers of P-521's 66 bytes are above its order, hence the mask.
pub(crate) fn signing_key<C: EcdsaCurve + CurveArithmetic>(field_bytes: usize) -> SigningKey<C>
where
    AffinePoint<C>: FromSec1Point<C> + ToSec1Point<C>,
    FieldBytesSize<C>: ModulusSize,
{
    let mut scalar = random(field_bytes);
    if field_bytes == 66 {
        scalar[0] &= 1;
    }
    SigningKey::from_slice(&scalar).unwrap_or_else(|_| signing_key(field_bytes))
}

/// A folder for the files that openssl reads.
pub(crate) struct Openssl(tempfile::TempDir);

impl Openssl {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// Puts bytes where openssl finds them under this name.
    pub(crate) fn put(&self, name: &str, bytes: &[u8]) {
        std::fs::write(self.0.path().join(name), bytes).unwrap();
    }

    /// What `openssl ARGUMENTS` prints, if it succeeds.
    pub(crate) fn run(&self, arguments: &str) -> Option<Vec<u8>> {
        let output =
            Command::new("openssl").args(arguments.split_whitespace()).current_dir(self.0.path()).output().unwrap();
        output.status.success().then_some(output.stdout)
    }
}

/// Counts vectors, and those left out with the reason.
#[derive(Default)]
pub(crate) struct Tally {
    pub(crate) run: usize,
    left_out: BTreeMap<&'static str, usize>,
}

impl Tally {
    pub(crate) fn leave_out(&mut self, reason: &'static str, vectors: usize) {
        *self.left_out.entry(reason).or_default() += vectors;
    }

    /// Prints the counts; fails if fewer vectors ran than are known to be there.
    pub(crate) fn finish(&self, name: &str, at_least: usize) {
        eprintln!("{name}: {} vectors run", self.run);
        for (reason, vectors) in &self.left_out {
            eprintln!("{name}: {vectors} left out: {reason}");
        }
        assert!(self.run >= at_least, "{name}: only {} vectors ran", self.run);
    }
}

/// The specs of data key pairs that are made.
pub(crate) fn pair_specs() -> impl Iterator<Item = DataKeyPairSpec> {
    DataKeyPairSpec::ALL.iter().copied().filter(|spec| *spec != DataKeyPairSpec::Sm2)
}
