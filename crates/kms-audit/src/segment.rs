//! Making, writing and measuring the files themselves.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, FileExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use rustix::fs::{FallocateFlags, OFlags, fallocate};
use rustix::io::Errno;

use crate::Durability;
use crate::chain::{BLOCK, Chain, NO_LINE};
use crate::error::AuditError;
use crate::file_name::path_of;
use crate::header::{Begun, Cut, Damage, Previous, header_body};

/// How much space is made ahead of a file that grows by each write, in bytes. It lies beyond the end of the file.
const AHEAD: u64 = 1 << 20;

/// With less space than this ahead a log counts as unable to take more, in bytes.
pub(crate) const LEAST: u64 = 64 << 10;

/// Zeros of a durable file that are written at a time, in bytes.
const ZEROS: usize = 1 << 20;

/// A file open for writing.
#[derive(Debug)]
pub(crate) struct Segment {
    pub(crate) file: File,
    pub(crate) number: u64,
    /// Up to where a durable file has its space: written zeros, so that a commit changes neither size nor extents.
    allocated: AtomicU64,
    allocating: Mutex<()>,
}

/// A file with where its chain stands and where its lines end.
#[derive(Debug)]
pub(crate) struct Begin {
    pub(crate) segment: Segment,
    pub(crate) chain: Chain,
    pub(crate) end: u64,
}

/// What the first line of a new file says.
#[derive(Debug)]
pub(crate) struct Beginning<'a> {
    pub(crate) number: u64,
    pub(crate) begun: Begun,
    /// The last line of the file before and the chain after it.
    pub(crate) previous: Option<(u64, Chain)>,
    /// What was found torn.
    pub(crate) torn: Option<&'a Cut>,
    /// What is damaged in the file before.
    pub(crate) damage: Option<&'a Damage>,
}

impl Durability {
    /// The unit of writing.
    pub(crate) const fn block(self) -> u64 {
        match self {
            Self::Write => 1,
            Self::Durable => BLOCK,
        }
    }

    /// How a file is opened.
    pub(crate) fn options(self) -> OpenOptions {
        let mut options = OpenOptions::new();
        options.read(true).write(true).mode(0o600);
        if self == Self::Durable {
            options.custom_flags(OFlags::DSYNC.bits().cast_signed());
        }
        options
    }
}

/// Makes the folder if it is missing, for its owner alone.
pub(crate) fn make_dir(dir: &Path) -> Result<(), AuditError> {
    DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(AuditError::file(dir))
}

/// Makes a file with its header, durable. It is written under another name first, so no file ever shows half a header.
pub(crate) fn create(
    dir: &Path,
    node: &str,
    durability: Durability,
    beginning: &Beginning<'_>,
) -> Result<Begin, AuditError> {
    let path = path_of(dir, node, beginning.number);
    let draft = dir.join(format!(".{node}-{:06}.new", beginning.number));
    let previous = beginning.previous.map(|(number, chain)| Previous::at(number, &chain));
    let mut chain = Chain::at_file_start(beginning.previous.map_or(NO_LINE, |(_, chain)| chain.prev));
    let block = durability.block();
    let mut lines = Vec::new();
    let header = header_body(node, beginning, previous.as_ref(), block);
    match durability {
        Durability::Write => chain.push(&header, &mut lines),
        Durability::Durable => chain.push_commit([header.as_slice()], &mut lines),
    }
    let make = || {
        let file = durability.options().create(true).truncate(true).open(&draft)?;
        file.write_all_at(&lines, 0)?;
        file.sync_data()?;
        std::fs::rename(&draft, &path)?;
        File::open(dir)?.sync_all()?;
        Ok(file)
    };
    let file = make().map_err(AuditError::file(&path))?;
    tracing::info!(path = %path.display(), begun = ?beginning.begun, "audit file begun");
    let end = lines.len() as u64;
    Ok(Begin { segment: Segment::new(file, beginning.number, end), chain, end })
}

impl Segment {
    pub(crate) fn new(file: File, number: u64, allocated: u64) -> Self {
        Self { file, number, allocated: AtomicU64::new(allocated), allocating: Mutex::new(()) }
    }

    /// Writes all of `lines` at `offset` by one call, or fails. With O_DSYNC the disk has them when it returns.
    pub(crate) fn write(&self, lines: &[u8], offset: u64) -> Result<(), AuditError> {
        fail::fail_point!("audit.before_write", |_| Err(AuditError::Write(io::Error::other("injected").into())));
        fail::fail_point!("audit.torn", |blocks: Option<String>| {
            let kept: u64 = blocks.and_then(|blocks| blocks.parse().ok()).unwrap_or_default();
            let pieces = lines.chunks(BLOCK as usize).zip((offset..).step_by(BLOCK as usize)).enumerate();
            for (_, (piece, at)) in pieces.filter(|(index, _)| kept >> index & 1 == 1) {
                let _torn_anyway = self.file.write_all_at(piece, at);
            }
            fail::fail_point!("audit.after_torn");
            Err(AuditError::Write(io::Error::other("injected").into()))
        });
        let written = loop {
            match self.file.write_at(lines, offset) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => break other.map_err(|error| AuditError::Write(error.into()))?,
            }
        };
        if written < lines.len() {
            return Err(AuditError::ShortWrite { written, length: lines.len() });
        }
        fail::fail_point!("audit.after_write", |_| Err(AuditError::Write(io::Error::other("injected").into())));
        Ok(())
    }

    /// Sets the length: cuts what a failed write left, or the space made ahead.
    pub(crate) fn truncate(&self, end: u64) -> Result<(), AuditError> {
        fail::fail_point!("audit.truncate", |_| Err(AuditError::Write(io::Error::other("injected").into())));
        self.file.set_len(end).map_err(|error| AuditError::Write(error.into()))?;
        self.allocated.store(end, Ordering::Release);
        Ok(())
    }

    /// Makes the space of a durable file up to `needed`, and `more` beyond it if the disk has so much.
    ///
    /// # Errors
    /// `Write` if there is no space up to `needed`.
    pub(crate) fn allocate(&self, needed: u64, more: u64) -> Result<(), AuditError> {
        if self.allocated.load(Ordering::Acquire) >= needed {
            return Ok(());
        }
        let _one_at_a_time = self.allocating.lock().unwrap_or_else(PoisonError::into_inner);
        let from = self.allocated.load(Ordering::Acquire);
        if from >= needed {
            return Ok(());
        }
        let reach = |end: u64| self.fill(from, end).map(|()| self.allocated.store(end, Ordering::Release));
        reach(needed + more).or_else(|_| reach(needed)).map_err(|error| AuditError::Write(error.into()))
    }

    /// Makes space ahead where a file grows by each write, so that a disk without room or for reading only shows before
    /// a record needs it. Where the file system cannot, nothing is done.
    pub(crate) fn reserve(&self, end: u64) -> Result<(), AuditError> {
        fail::fail_point!("audit.reserve", |_| Err(AuditError::Write(io::Error::other("injected").into())));
        let ahead = |length| fallocate(&self.file, FallocateFlags::KEEP_SIZE, end, length);
        match ahead(AHEAD).or_else(|_| ahead(LEAST)) {
            Ok(()) | Err(Errno::OPNOTSUPP | Errno::NOSYS) => Ok(()),
            Err(error) => Err(AuditError::Write(io::Error::from(error).into())),
        }
    }

    /// Whether this file still lies under its name.
    pub(crate) fn is_in_place(&self, path: &Path) -> io::Result<bool> {
        let here = self.file.metadata()?;
        match std::fs::metadata(path) {
            Ok(there) => Ok((here.dev(), here.ino()) == (there.dev(), there.ino())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Puts a copy of a deleted file back under its name, unless something lies there; false if the file was not deleted
    /// but moved.
    pub(crate) fn put_back(&self, path: &Path, end: u64) -> io::Result<bool> {
        if self.file.metadata()?.nlink() > 0 {
            return Ok(false);
        }
        let draft = path.with_extension("back");
        let copy = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&draft)?;
        let mut at = 0;
        let mut piece = vec![0; 256 << 10];
        while at < end {
            let length = piece.len().min(usize::try_from(end - at).unwrap_or(usize::MAX));
            self.file.read_exact_at(&mut piece[..length], at)?;
            copy.write_all_at(&piece[..length], at)?;
            at += length as u64;
        }
        copy.sync_all()?;
        let linked = std::fs::hard_link(&draft, path);
        std::fs::remove_file(&draft)?;
        linked.map(|()| true)
    }

    fn fill(&self, from: u64, to: u64) -> io::Result<()> {
        fail::fail_point!("audit.allocate", |_| Err(io::Error::other("injected")));
        let zeros = vec![0; ZEROS.min(usize::try_from(to - from).unwrap_or(ZEROS))];
        let mut at = from;
        while at < to {
            let length = zeros.len().min(usize::try_from(to - at).unwrap_or(usize::MAX));
            self.file.write_all_at(&zeros[..length], at)?;
            at += length as u64;
        }
        Ok(())
    }
}
