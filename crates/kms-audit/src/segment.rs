//! Making, writing and cutting the files themselves.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, FileExt as _, OpenOptionsExt as _};
use std::path::Path;

use crate::chain::{Chain, NO_LINE};
use crate::error::AuditError;
use crate::file_name::path_of;
use crate::header::{Begun, Cut, Previous, header_body, repaired_body};

/// A file open for writing, and where it ends.
#[derive(Debug)]
pub(crate) struct Segment {
    pub(crate) file: File,
    pub(crate) number: u64,
    pub(crate) chain: Chain,
    /// The bytes that count.
    pub(crate) end: u64,
}

/// What the first lines of a new file say.
pub(crate) struct Beginning<'a> {
    pub(crate) number: u64,
    pub(crate) begun: Begun,
    /// The last line of the file before and the chain after it.
    pub(crate) previous: Option<(u64, Chain)>,
    /// What was in the way under this name.
    pub(crate) cut: Option<&'a Cut>,
}

/// Makes the folder if it is missing, for its owner alone.
pub(crate) fn make_dir(dir: &Path) -> Result<(), AuditError> {
    DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(AuditError::file(dir))
}

/// Makes a file with its header, durable. It is written under another name first, so no file ever shows half a header.
pub(crate) fn create(dir: &Path, node: &str, beginning: &Beginning<'_>) -> Result<Segment, AuditError> {
    let path = path_of(dir, node, beginning.number);
    let draft = dir.join(format!(".{node}-{:06}.new", beginning.number));
    let previous = beginning.previous.map(|(number, chain)| Previous::at(number, &chain));
    let mut chain = Chain::at_file_start(beginning.previous.map_or(NO_LINE, |(_, chain)| chain.prev));
    let mut lines = Vec::new();
    chain.push(&header_body(node, beginning.number, beginning.begun, previous.as_ref()), &mut lines);
    if let Some(cut) = beginning.cut {
        chain.push(&repaired_body(cut), &mut lines);
    }
    let make = || {
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(true).mode(0o600).open(&draft)?;
        file.write_all_at(&lines, 0)?;
        file.sync_data()?;
        std::fs::rename(&draft, &path)?;
        File::open(dir)?.sync_all()?;
        Ok(file)
    };
    let file = make().map_err(AuditError::file(&path))?;
    tracing::info!(path = %path.display(), begun = ?beginning.begun, "audit file begun");
    Ok(Segment { file, number: beginning.number, chain, end: lines.len() as u64 })
}

/// Writes all of `lines` at `offset` by one call, or fails.
pub(crate) fn write_once(file: &File, lines: &[u8], offset: u64) -> Result<(), AuditError> {
    fail::fail_point!("audit.before_write", |_| Err(AuditError::Write(io::Error::other("injected").into())));
    let written = loop {
        match file.write_at(lines, offset) {
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

/// Cuts what a failed write left beyond `end`.
pub(crate) fn truncate(file: &File, end: u64) -> Result<(), AuditError> {
    fail::fail_point!("audit.truncate", |_| Err(AuditError::Write(io::Error::other("injected").into())));
    file.set_len(end).map_err(|error| AuditError::Write(error.into()))
}

/// Makes what was written durable: data, and the size that is needed to read it.
pub(crate) fn sync(file: &File) -> io::Result<()> {
    fail::fail_point!("audit.before_sync");
    fail::fail_point!("audit.sync", |_| Err(io::Error::other("injected")));
    file.sync_data()
}

/// The repair of a torn end: the record that names the cut is written over it, and only then is the rest cut off. A
/// kill in between leaves a torn end that the next start names in its turn, so nothing is ever cut in silence.
pub(crate) fn repair(mut segment: Segment, cut: &Cut, path: &Path) -> Result<Segment, AuditError> {
    let mut line = Vec::new();
    segment.chain.push(&repaired_body(cut), &mut line);
    segment.file.write_all_at(&line, segment.end).map_err(AuditError::file(path))?;
    segment.end += line.len() as u64;
    segment.file.set_len(segment.end).map_err(AuditError::file(path))?;
    tracing::warn!(path = %path.display(), offset = cut.offset, length = cut.length, "torn audit record cut");
    Ok(segment)
}
