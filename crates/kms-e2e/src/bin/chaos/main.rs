//! `cargo xtask chaos`: real clients, a real token on a real disk, and servers that are killed and stopped at every step.
//!
//! What the clients were told is compared with a model of KMS in which an operation without an answer may or may not have
//! happened. The exit status is 0 only if every answer can be explained, nothing acknowledged was lost, no use succeeded
//! after its end was acknowledged, rows and token were one within 60 seconds of rest, and the audit tells of every answer.

mod answer;
mod audit;
mod calls;
mod calm;
mod checker;
mod clients;
mod clock;
mod cluster;
mod doomed;
mod expiring;
mod fake_clock;
mod family;
mod family_model;
mod fault;
mod faults;
mod import;
mod judge;
mod kept;
mod key;
mod kind;
mod machine;
mod material;
mod model;
mod mount;
mod objects;
mod one_node;
mod op;
mod plan;
mod random;
mod reply;
mod report;
mod two_nodes;
mod uses;
mod world;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::Parser;

use crate::report::say;

/// Kill the server at every step and look for what is lost.
#[derive(Debug, Parser)]
pub(crate) struct Options {
    /// How many kills, or faults; 60, each fault twice, unless --seconds is given, which then decides.
    #[arg(long)]
    kills: Option<usize>,
    /// With two nodes also: how often a node is stopped at a failpoint and goes on, or is killed there. One to ten kills
    /// unless given.
    #[arg(long)]
    stops: Option<usize>,
    /// Decides the plan; a random one is chosen and printed if it is left out.
    #[arg(long, default_value_t = random_seed())]
    seed: u64,
    /// Begin no other kill after so many seconds.
    #[arg(long)]
    seconds: Option<u64>,
    /// How many nodes: 1, or 2 that share Postgres and token.
    #[arg(long, default_value_t = 1)]
    nodes: usize,
    /// Instead of kills: faults of Postgres, of the token's folder, of the audit's disk and of the clock, under one node. Needs
    /// root, for mounts, and libfaketime.
    #[arg(long)]
    faults: bool,
    /// With one node: the PKCS#11 module of a second token, for ML-DSA and ML-KEM keys, as `cargo xtask kryoptic` builds it.
    #[arg(long, conflicts_with = "faults")]
    pq_module: Option<PathBuf>,
    /// A new folder on a real disk, kept afterwards. Without it one beside the program's build folder, kept if something
    /// was wrong.
    #[arg(long)]
    data_dir: Option<PathBuf>,
}

impl Options {
    /// How many kills there shall be, if neither arguments nor time say so.
    pub(crate) fn kills_or(&self, number: usize) -> usize {
        self.kills.unwrap_or(if self.seconds.is_some() { 100_000 } else { number })
    }

    /// How many stops there shall be beside so many kills, if the arguments do not say so.
    pub(crate) fn stops_beside(&self, kills: usize) -> usize {
        self.stops.unwrap_or(kills / 10)
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    let options = Options::parse();
    say(&format!("chaos: seed {}, {} node(s)", options.seed, options.nodes));
    match run(&options).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            say(&format!("chaos could not go on (seed {}): {error:#}", options.seed));
            ExitCode::FAILURE
        }
    }
}

async fn run(options: &Options) -> anyhow::Result<bool> {
    let folder = folder(options)?;
    let clean = match options.nodes {
        1 if options.faults => faults::run(options, &folder.join("data")).await,
        1 => one_node::run(options, &folder.join("data")).await,
        2 if options.pq_module.is_none() => two_nodes::run(options, &folder.join("data")).await,
        _ => bail!("there may be 1 or 2 nodes, with --faults or --pq-module 1"),
    };
    if options.data_dir.is_none() && matches!(clean, Ok(true)) {
        std::fs::remove_dir_all(&folder)?;
    } else {
        say(&format!("everything is kept in {}", folder.display()));
    }
    clean
}

/// A new folder for the run, on a disk.
fn folder(options: &Options) -> anyhow::Result<PathBuf> {
    /// `TMPFS_MAGIC` of Linux, include/uapi/linux/magic.h.
    const TMPFS: u64 = 0x0102_1994;
    let folder = match &options.data_dir {
        Some(folder) => folder.clone(),
        None => {
            let program = std::env::current_exe()?;
            let target = program.ancestors().nth(2).context("the program is in no build folder")?;
            target.join("chaos").join(format!("{}-{}", options.seed, std::process::id()))
        }
    };
    if folder.join("data").exists() {
        bail!("{} has been used already", folder.display());
    }
    std::fs::create_dir_all(&folder)?;
    let folder = folder.canonicalize()?;
    if u64::try_from(rustix::fs::statfs(&folder)?.f_type) == Ok(TMPFS) {
        bail!("{} is in memory; kills are worth more on a disk", folder.display());
    }
    check_path(&folder)?;
    Ok(folder)
}

/// Runs something that blocks while the clients go on.
pub(crate) fn blocking<T>(f: impl FnOnce() -> T) -> T {
    tokio::task::block_in_place(f)
}

/// SoftHSM reads the path from a file of lines; the socket of Postgres below it has 107 bytes for its name.
fn check_path(folder: &Path) -> anyhow::Result<()> {
    let is_usable = |text: &str| text.len() < 70 && !text.contains(['#', '\n', '\'']);
    if !folder.to_str().is_some_and(is_usable) {
        bail!("{} is too long, or has an odd character: name another folder with --data-dir", folder.display());
    }
    Ok(())
}

/// From the hash keys that every process gets anew.
fn random_seed() -> u64 {
    use std::hash::{BuildHasher, Hasher};
    std::collections::hash_map::RandomState::new().build_hasher().finish() % 1_000_000
}
