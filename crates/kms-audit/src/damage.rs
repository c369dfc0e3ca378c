//! The way on where a start refuses the newest file of a node and nobody has another copy of it.

use std::collections::BTreeSet;
use std::fs::File;
use std::path::{Path, PathBuf};

use crate::Durability;
use crate::chain::Fault;
use crate::error::AuditError;
use crate::file_name::{list, path_of};
use crate::header::{Begun, Damage};
use crate::open::{last_line, lock, newest};
use crate::segment::{self, Beginning};
use crate::tail::{self, cut, written_end};

/// A damaged file, and the one that was begun after it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damaged {
    /// The damaged file; it stays as it is.
    pub path: PathBuf,
    /// The number of the line, from 0.
    pub line: u64,
    /// What is wrong with it.
    pub fault: Fault,
    /// The file in which the log goes on.
    pub next: PathBuf,
}

/// Why a start would refuse the newest file of each node of `dir`: `Broken` or `File`. Reads them to their ends and changes
/// nothing; a node may be writing there.
///
/// # Errors
/// `File` if the folder cannot be read.
pub fn find_damaged(dir: &Path) -> Result<Vec<AuditError>, AuditError> {
    let mut damaged = Vec::new();
    for node in nodes(dir)? {
        let Some(number) = newest(dir, &node)? else { continue };
        let path = path_of(dir, &node, number);
        let file = File::open(&path).map_err(AuditError::file(&path));
        damaged.extend(file.and_then(|file| tail::read(&file, &path, &node, number)).err());
    }
    Ok(damaged)
}

fn nodes(dir: &Path) -> Result<BTreeSet<String>, AuditError> {
    let files = list(dir).map_err(AuditError::file(dir))?;
    Ok(files.into_iter().map(|(node, _)| node).collect())
}

/// Begins the next file of each node of `dir` whose newest file [`AuditLog::open`](crate::AuditLog::open) says is `Broken`.
/// Its header names line and fault, with length and SHA-256 of the damaged file, which stays for whoever looks into it; the
/// chain goes on from the last record there. [`verify`](crate::verify()) goes on to name the damage. Empty if no file is
/// damaged: then nothing was made.
///
/// # Errors
/// `Locked` if a node writes there, and `File` if the disk refuses.
pub fn begin_next_file(dir: &Path) -> Result<Vec<Damaged>, AuditError> {
    let mut begun = Vec::new();
    for node in nodes(dir)? {
        let _lock = lock(dir, &node)?;
        if let Some(number) = newest(dir, &node)? {
            begun.extend(begin_after(dir, &node, number)?);
        }
    }
    Ok(begun)
}

/// The lock of the node is held.
fn begin_after(dir: &Path, node: &str, number: u64) -> Result<Option<Damaged>, AuditError> {
    let path = path_of(dir, node, number);
    let file = File::open(&path).map_err(AuditError::file(&path))?;
    let (line, fault) = match tail::read(&file, &path, node, number) {
        Ok(_) => return Ok(None),
        Err(AuditError::Broken { line, fault, .. }) => (line, fault),
        Err(error) => return Err(error),
    };
    let whole = written_end(&file).and_then(|end| cut(&file, 0, end)).map_err(AuditError::file(&path))?;
    let damage = Damage::of(line, fault, &whole);
    let previous = last_line(dir, node, number)?.map(|chain| (number, chain));
    let next = number + 1;
    let beginning = Beginning { number: next, begun: Begun::Operator, previous, torn: None, damage: Some(&damage) };
    // The start that follows begins yet another file if its setting is the other one.
    segment::create(dir, node, Durability::Durable, &beginning)?;
    Ok(Some(Damaged { path, line, fault, next: path_of(dir, node, next) }))
}
