//! Reading a file at start: where its chain stands, and whether what follows is the torn end of a write that was never
//! answered or damage. A file is read whole; its size is bounded by rotation.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read as _, Seek as _, SeekFrom};
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use sha2::{Digest as _, Sha256};

use crate::chain::{Chain, Fault, LONGEST_LINE};
use crate::error::AuditError;
use crate::header::{Cut, Header};

/// The piece in which a file is read, in bytes.
const CHUNK: u64 = 256 << 10;

/// How a file ends.
#[derive(Debug)]
pub(crate) struct Tail {
    /// Where the chain stands; none if the file has no whole line, not even its header.
    pub(crate) chain: Option<Chain>,
    /// The unit of writing that the header names.
    pub(crate) block: u64,
    /// The end of the last commit that chains.
    pub(crate) end: u64,
    /// What comes after it, but for the zeros of space made ahead.
    pub(crate) torn: Option<Cut>,
}

/// Reads the file `number` of `node`.
///
/// # Errors
/// `Broken` if the header is not this file's, or if a whole line does not chain or a later commit follows one that does
/// not: no death in the middle of a write explains that. `File` if it cannot be read.
pub(crate) fn read(file: &File, path: &Path, node: &str, number: u64) -> Result<Tail, AuditError> {
    match walk(file, node, number).map_err(AuditError::file(path))? {
        Ok(tail) => Ok(tail),
        Err((line, fault)) => Err(AuditError::Broken { path: path.to_owned(), line, fault }),
    }
}

/// The last line that is a record, taken at its word; none if there is none.
pub(crate) fn last_record(file: &File) -> io::Result<Option<Chain>> {
    let mut reader = BufReader::with_capacity(CHUNK as usize, file);
    let mut line = Vec::new();
    let mut last = None;
    while read_line(&mut reader, &mut line)? && line[0] != 0 {
        last = line.strip_suffix(b"\n").and_then(Chain::after).or(last);
    }
    Ok(last)
}

/// Reads one line with its newline into `line`; false at the end of the file. A line that is too long comes cut.
pub(crate) fn read_line(reader: &mut impl io::BufRead, line: &mut Vec<u8>) -> io::Result<bool> {
    line.clear();
    Ok(reader.take(LONGEST_LINE as u64 + 1).read_until(b'\n', line)? > 0)
}

/// A line without its newline.
pub(crate) fn without_newline(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\n").unwrap_or(line)
}

/// The end of what was written: the zeros of space made ahead come after it. No line has a zero byte.
pub(crate) fn written_end(file: &File) -> io::Result<u64> {
    let mut high = file.metadata()?.len();
    while high > 0 {
        let low = high.saturating_sub(CHUNK);
        if let Some(last) = bytes(file, low, high)?.iter().rposition(|byte| *byte != 0) {
            return Ok(low + last as u64 + 1);
        }
        high = low;
    }
    Ok(0)
}

/// The piece of a file from `offset` to `end`.
pub(crate) fn cut(file: &File, offset: u64, end: u64) -> io::Result<Cut> {
    let mut hash = Sha256::new();
    let mut at = offset;
    while at < end {
        let next = end.min(at + CHUNK);
        hash.update(bytes(file, at, next)?);
        at = next;
    }
    Ok(Cut { offset, length: end - offset, hash: hash.finalize().into() })
}

/// The inner error is the number of the bad line.
fn walk(file: &File, node: &str, number: u64) -> io::Result<Result<Tail, (u64, Fault)>> {
    let written = written_end(file)?;
    let mut reader = BufReader::with_capacity(CHUNK as usize, file);
    reader.seek(SeekFrom::Start(0))?;
    let mut reader = reader.take(written);
    let mut line = Vec::new();
    if !read_line(&mut reader, &mut line)? || !line.ends_with(b"\n") {
        let torn = if written > 0 { Some(cut(file, 0, written)?) } else { None };
        return Ok(Ok(Tail { chain: None, block: 1, end: 0, torn }));
    }
    let header = Header::parse(without_newline(&line), node, number);
    let (Some(header), Some(mut chain)) = (header, Chain::after(without_newline(&line))) else {
        return Ok(Err((0, Fault::Header)));
    };
    let mut end = line.len() as u64;
    // A commit counts as a whole or not at all: of one that is torn, no line was answered.
    let mut whole = (chain, end);
    while read_line(&mut reader, &mut line)? {
        let step = line.strip_suffix(b"\n").ok_or(Fault::Torn).and_then(|text| chain.step(text));
        if let Err(fault) = step {
            if is_damage(&mut reader, &mut line, end, header.block)? {
                return Ok(Err((chain.next_seq, fault)));
            }
            break;
        }
        end += line.len() as u64;
        if end.is_multiple_of(header.block) {
            whole = (chain, end);
        }
    }
    let (chain, end) = whole;
    let torn = if end < written { Some(cut(file, end, written)?) } else { None };
    Ok(Ok(Tail { chain: Some(chain), block: header.block, end, torn }))
}

/// Whether what begins with `line` at `offset`, which does not chain, is more than one torn commit: a whole record begins a
/// block there or later, where only commits begin. In a file that grows by each write any line may begin one.
fn is_damage(reader: &mut impl io::BufRead, line: &mut Vec<u8>, offset: u64, block: u64) -> io::Result<bool> {
    let mut at = offset;
    let mut begins_line = true;
    loop {
        let begins_commit = begins_line && at.is_multiple_of(block);
        if begins_commit && line.strip_suffix(b"\n").and_then(Chain::after).is_some() {
            return Ok(true);
        }
        at += line.len() as u64;
        begins_line = line.ends_with(b"\n");
        if !read_line(reader, line)? {
            return Ok(false);
        }
    }
}

fn bytes(file: &File, start: u64, end: u64) -> io::Result<Vec<u8>> {
    let mut buffer = vec![0; usize::try_from(end - start).map_err(io::Error::other)?];
    file.read_exact_at(&mut buffer, start)?;
    Ok(buffer)
}
