//! What the audit alone adds to each request: chaining and writing a rendered record, without server or token.

use std::time::{Duration, Instant};

use anyhow::Context;
use kms_audit::{AuditLog, Durability};
use rustix::time::{ClockId, clock_gettime};

use crate::Options;
use crate::load::median;
use crate::process::say;
use crate::table::Table;

/// Records of one write: what the lane takes at a time with 16 connections.
const BATCH: usize = 8;
/// A usual record, in bytes.
const RECORD: usize = 1_000;

/// Fills the rows of the audit: `write` and `durable`, on the disk beside this program.
pub(crate) fn measure(options: &Options, table: &mut Table) -> anyhow::Result<()> {
    for (name, durability) in [("write", Durability::Write), ("durable", Durability::Durable)] {
        let mut cpu = Vec::new();
        for _ in 0..options.rounds {
            cpu.push(cost(durability, options.slice())?);
        }
        say(&format!("bench:   audit {name:34} {:6.1} us a record", median(&cpu)));
        table.note(&format!("audit `{name}` alone: a record, {BATCH} a write"), median(&cpu), "us");
    }
    Ok(())
}

/// Processor time of a record in microseconds.
fn cost(durability: Durability, slice: Duration) -> anyhow::Result<f64> {
    let program = std::env::current_exe()?;
    let parent = program.parent().context("this program lies in no folder")?;
    let folder = tempfile::Builder::new().prefix("bench-audit-").tempdir_in(parent)?;
    let log = AuditLog::open(folder.path(), "bench", durability)?;
    let batch = vec![format!(r#""padding":"{}"}}"#, "x".repeat(RECORD)).into_bytes(); BATCH];
    let (begun, before) = (Instant::now(), processor_time());
    let mut records = 0;
    while begun.elapsed() < slice {
        log.append(&batch)?;
        records += BATCH;
    }
    Ok((processor_time() - before).as_secs_f64() * 1e6 / records as f64)
}

/// Processor time of this process so far.
fn processor_time() -> Duration {
    let spent = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(spent.tv_sec.unsigned_abs(), u32::try_from(spent.tv_nsec).unwrap_or_default())
}
