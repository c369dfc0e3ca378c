//! The database: whether it answers, its version, its schema, its clock.

use kms_core::Clock;
use kms_metadata::{Metadata, MetadataError};
use kms_service::LARGEST_SKEW;

use super::{Findings, causes};
use crate::clocks::SystemClock;

/// Postgres 14. Source: design.md 6.
const LEAST_VERSION: i32 = 140_000;

/// Looks, and gives access if the schema is that of this version.
pub(super) fn look(findings: &mut Findings, url: &anyhow::Result<String>) -> Option<Metadata> {
    const NAME: &str = "database";
    let url = match url {
        Ok(url) => url,
        Err(error) => {
            findings.wrong(NAME, crate::process::in_one_line(error));
            return None;
        }
    };
    let metadata = match Metadata::beside_nodes(url, "strongroom doctor") {
        Ok(metadata) => metadata,
        Err(error) => {
            findings.wrong(NAME, causes(error));
            return None;
        }
    };
    match metadata.read(|tx| Ok::<_, MetadataError>((tx.server_version()?, tx.now()?))) {
        Err(error) => findings.wrong(NAME, causes(error)),
        Ok((version, now)) => {
            let text = format!("Postgres {}.{}", version / 10_000, version % 10_000);
            if version < LEAST_VERSION {
                findings.wrong(NAME, format!("{text}; 14 or later is needed"));
            } else {
                findings.ok(NAME, text);
            }
            clock(findings, now - SystemClock.real_now());
        }
    }
    schema(findings, url).then_some(metadata)
}

fn clock(findings: &mut Findings, ahead: time::Duration) {
    let text = format!("the database's is {:.1} s ahead of this machine's", ahead.as_seconds_f64());
    if ahead.abs() > LARGEST_SKEW {
        findings.wrong("clocks", format!("{text}: nothing expires and nothing is purged past 60 s"));
    } else {
        findings.ok("clocks", text);
    }
}

/// Whether the schema can be read by this version.
fn schema(findings: &mut Findings, url: &str) -> bool {
    const NAME: &str = "schema";
    match kms_metadata::schema_state(url) {
        Err(error) => findings.wrong(NAME, causes(error)),
        Ok(state) if !state.pending.is_empty() => {
            findings.wrong(NAME, format!("lacks {}: run `strongroom migrate`", state.pending.join(", ")));
        }
        Ok(state) if !state.newer.is_empty() => {
            findings.note(NAME, format!("a newer version has added {}", state.newer.join(", ")));
            return true;
        }
        Ok(_) => {
            findings.ok(NAME, "that of this version");
            return true;
        }
    }
    false
}
