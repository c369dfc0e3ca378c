//! Reading the end of a file at start. Only the last lines are checked, so the cost does not grow with the file;
//! [`verify`](crate::verify()) checks all.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read as _, Seek as _, SeekFrom};
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use sha2::{Digest as _, Sha256};

use crate::chain::{Chain, Fault, LONGEST_LINE};
use crate::error::AuditError;
use crate::header::{Cut, Header};

/// How far back the chain is checked, in bytes.
const WINDOW: u64 = 64 << 10;

/// The step in which a file is searched backwards, in bytes.
const CHUNK: u64 = 64 << 10;

/// How a file ends.
#[derive(Debug)]
pub(crate) struct Tail {
    /// Where the chain stands; none if the file has no whole line, not even its header.
    pub(crate) chain: Option<Chain>,
    /// The end of the last whole line.
    pub(crate) end: u64,
    /// What comes after it: a torn line.
    pub(crate) cut: Option<Cut>,
}

/// Reads the end of the file `number` of `node`.
///
/// # Errors
/// `Broken` if the header is not this file's or the last lines do not chain; `File` if it cannot be read.
pub(crate) fn read(file: &File, path: &Path, node: &str, number: u64) -> Result<Tail, AuditError> {
    let failed = AuditError::file(path);
    let (end, cut) = match find_end(file) {
        Ok(found) => found,
        Err(error) => return Err(failed(error)),
    };
    if end == 0 {
        return Ok(Tail { chain: None, end, cut });
    }
    match check(file, end, node, number) {
        Ok(Ok(chain)) => Ok(Tail { chain: Some(chain), end, cut }),
        Ok(Err((offset, fault))) => {
            let line = count_lines(file, offset).map_err(failed)?;
            Err(AuditError::Broken { path: path.to_owned(), line, fault })
        }
        Err(error) => Err(failed(error)),
    }
}

/// The chain after the last whole line, taken at its word; none if there is none.
pub(crate) fn last_record(file: &File) -> io::Result<Option<Chain>> {
    let (end, _) = find_end(file)?;
    if end == 0 {
        return Ok(None);
    }
    let start = line_start(file, end - 1)?;
    if end - start > LONGEST_LINE as u64 {
        return Ok(None);
    }
    Ok(Chain::after(&bytes(file, start, end - 1)?))
}

/// Reads one line with its newline into `line`; false at the end of the file. A line that is too long comes cut.
pub(crate) fn read_line(reader: &mut impl io::BufRead, line: &mut Vec<u8>) -> io::Result<bool> {
    line.clear();
    Ok(reader.take(LONGEST_LINE as u64 + 1).read_until(b'\n', line)? > 0)
}

/// The end of the last whole line, and the torn line after it. A last line that has its newline but is no record is
/// torn as well: after a power cut, blocks of one write may be missing.
fn find_end(file: &File) -> io::Result<(u64, Option<Cut>)> {
    let length = file.metadata()?.len();
    let mut end = line_start(file, length)?;
    if end == length && length > 0 {
        let start = line_start(file, length - 1)?;
        if length - start > LONGEST_LINE as u64 || Chain::after(&bytes(file, start, length - 1)?).is_none() {
            end = start;
        }
    }
    let cut = if end < length { Some(cut(file, end, length)?) } else { None };
    Ok((end, cut))
}

/// Checks the header and the last lines up to `end`. The inner error is the offset of the bad line.
fn check(file: &File, end: u64, node: &str, number: u64) -> io::Result<Result<Chain, (u64, Fault)>> {
    let mut reader = BufReader::new(file);
    let mut line = Vec::new();
    reader.seek(SeekFrom::Start(0))?;
    read_line(&mut reader, &mut line)?;
    if Header::parse(without_newline(&line), node, number).is_none() {
        return Ok(Err((0, Fault::Header)));
    }
    let mut offset = line_start(file, end.saturating_sub(WINDOW))?;
    reader.seek(SeekFrom::Start(offset))?;
    let mut known: Option<Chain> = None;
    while offset < end && read_line(&mut reader, &mut line)? {
        let text = without_newline(&line);
        let step = match known.as_mut() {
            Some(chain) => chain.step(text).map(|()| *chain),
            None => Chain::after(text).ok_or(Fault::NotARecord),
        };
        match step {
            Ok(chain) => known = Some(chain),
            Err(fault) => return Ok(Err((offset, fault))),
        }
        offset += line.len() as u64;
    }
    Ok(known.ok_or((0, Fault::Header)))
}

/// A line without its newline.
pub(crate) fn without_newline(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\n").unwrap_or(line)
}

/// The offset after the last newline before `end`; 0 if there is none. Searches backwards.
fn line_start(file: &File, end: u64) -> io::Result<u64> {
    let mut high = end;
    while high > 0 {
        let low = high.saturating_sub(CHUNK);
        if let Some(found) = bytes(file, low, high)?.iter().rposition(|byte| *byte == b'\n') {
            return Ok(low + found as u64 + 1);
        }
        high = low;
    }
    Ok(0)
}

fn bytes(file: &File, start: u64, end: u64) -> io::Result<Vec<u8>> {
    let mut buffer = vec![0; usize::try_from(end - start).map_err(io::Error::other)?];
    file.read_exact_at(&mut buffer, start)?;
    Ok(buffer)
}

fn cut(file: &File, offset: u64, end: u64) -> io::Result<Cut> {
    let mut hash = Sha256::new();
    let mut at = offset;
    while at < end {
        let next = end.min(at + CHUNK);
        hash.update(bytes(file, at, next)?);
        at = next;
    }
    Ok(Cut { offset, length: end - offset, hash: hash.finalize().into() })
}

/// The number of newlines before `offset`. Reads all of it, but only to word an error.
fn count_lines(file: &File, offset: u64) -> io::Result<u64> {
    let mut reader = BufReader::new(file);
    reader.seek(SeekFrom::Start(0))?;
    let mut reader = reader.take(offset);
    let mut count = 0;
    loop {
        let part = reader.fill_buf()?;
        if part.is_empty() {
            return Ok(count);
        }
        count += part.iter().filter(|byte| **byte == b'\n').count() as u64;
        let used = part.len();
        reader.consume(used);
    }
}
