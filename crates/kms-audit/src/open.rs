//! Opening a log: the lock of its node, its newest file, and where the chain goes on.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use crate::Durability;
use crate::chain::{BLOCK, Chain};
use crate::error::AuditError;
use crate::file_name::{check_node, list, path_of};
use crate::header::Begun;
use crate::segment::{self, Begin, Beginning, Segment};
use crate::tail::{self, Tail};

impl Beginning<'_> {
    /// The first file of a node.
    pub(crate) const fn first() -> Self {
        Self { number: 1, begun: Begun::First, previous: None, torn: None, damage: None }
    }
}

/// Takes the node's lock (`flock(2)`), which the kernel frees when the process dies.
pub(crate) fn lock(dir: &Path, node: &str) -> Result<File, AuditError> {
    check_node(node)?;
    segment::make_dir(dir)?;
    let path = dir.join(format!(".{node}.lock"));
    let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&path);
    let file = file.map_err(AuditError::file(&path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => Err(AuditError::Locked(path)),
        Err(std::fs::TryLockError::Error(error)) => Err(AuditError::file(path)(error)),
    }
}

/// The number of the newest file of a node.
pub(crate) fn newest(dir: &Path, node: &str) -> Result<Option<u64>, AuditError> {
    let files = list(dir).map_err(AuditError::file(dir))?;
    Ok(files.into_iter().filter(|(name, _)| name == node).map(|(_, number)| number).max())
}

/// Goes on with a file, or with the next one if this one's end is torn or was written in another unit.
pub(crate) fn reopen(dir: &Path, node: &str, durability: Durability, number: u64) -> Result<Begin, AuditError> {
    let path = path_of(dir, node, number);
    let file = durability.options().open(&path).map_err(AuditError::file(&path))?;
    let Tail { chain, block, end, torn } = tail::read(&file, &path, node, number)?;
    let Some(chain) = chain else {
        let before = if number > 1 { last_line(dir, node, number - 1)? } else { None };
        let previous = before.map(|chain| (number - 1, chain));
        let beginning = Beginning { number, begun: Begun::HeaderLost, previous, torn: torn.as_ref(), damage: None };
        return segment::create(dir, node, durability, &beginning);
    };
    if durability == Durability::Durable {
        // A process that was killed may have left lines that only the kernel has; nothing is built on those.
        file.sync_data().map_err(AuditError::file(&path))?;
    }
    if torn.is_none() && block == durability.block() {
        let length = file.metadata().map_err(AuditError::file(&path))?.len();
        let segment = Segment::new(file, number, length / BLOCK * BLOCK);
        if durability == Durability::Write {
            segment.truncate(end)?;
        }
        return Ok(Begin { segment, chain, end });
    }
    if let Some(torn) = &torn {
        tracing::warn!(path = %path.display(), offset = torn.offset, length = torn.length, "the audit file ends torn");
    }
    let begun = if torn.is_some() { Begun::Torn } else { Begun::Rotated };
    let previous = Some((number, chain));
    let beginning = Beginning { number: number + 1, begun, previous, torn: torn.as_ref(), damage: None };
    segment::create(dir, node, durability, &beginning)
}

/// The chain after the last record of a file that is not written any more, taken at its word; none if the file or the
/// record is not there.
pub(crate) fn last_line(dir: &Path, node: &str, number: u64) -> Result<Option<Chain>, AuditError> {
    let path = path_of(dir, node, number);
    match File::open(&path) {
        Ok(file) => tail::last_record(&file).map_err(AuditError::file(path)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(AuditError::file(path)(error)),
    }
}
