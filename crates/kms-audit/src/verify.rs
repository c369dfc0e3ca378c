//! The check of whole files: every line of every file of a folder.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, BufReader};
use std::path::{Path, PathBuf};

use uuid::Uuid;

use crate::chain::{Chain, Fault, LONGEST_LINE, NO_LINE, hex_text};
use crate::error::AuditError;
use crate::file_name::{list, path_of};
use crate::header::{Begun, Header, Previous, Torn};
use crate::late::is_late;
use crate::search::{count_doubles, event_id};
use crate::tail::{cut, read_line, without_newline, written_end};

/// What [`verify`] found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The nodes whose files were read, by name; counts end at the first break.
    pub nodes: Vec<NodeReport>,
    /// Records that were appended late, from `audit_outbox`, because no file was known to hold them.
    pub late: u64,
    /// Lines that tell of an event which another line tells of: a node that died had written a record, and another, which
    /// could not know, appended it late.
    pub doubles: u64,
    /// The first break, if there is one; nothing after it was read.
    pub first_break: Option<Break>,
}

/// The files of one node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeReport {
    /// The node's name.
    pub node: String,
    /// The number of the oldest file that is there. Above 1, older files were moved away and are not vouched for.
    pub first_file: u64,
    /// Files that were read.
    pub files: u64,
    /// Lines that chain, headers and repairs included.
    pub lines: u64,
    /// Lines at the end of a file that could not be made durable: they were written but never answered.
    pub unanswered: u64,
    /// Torn ends of files, as the file after each names them: parts of lines that were never answered.
    pub torn: u64,
    /// The last line. It proves the end of the log only together with one noted elsewhere.
    pub head: Option<Head>,
}

/// A line of a node's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// The number of the file.
    pub file: u64,
    /// The number of the line.
    pub seq: u64,
    /// SHA-256 of the line, in hex.
    pub hash: String,
}

/// Where the chain breaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Break {
    /// The file; it may be one that is missing.
    pub path: PathBuf,
    /// The number of the line, from 0.
    pub line: u64,
    /// What is wrong.
    pub fault: Fault,
}

/// Reads all audit files under `dir`, streaming, and checks that each line names the one before it, across files too.
/// Run it on a copy or while the log rests: a line that is being written reads as torn.
///
/// # Errors
/// `File` if something cannot be read. A broken chain is no error but [`Report::first_break`].
pub fn verify(dir: &Path) -> Result<Report, AuditError> {
    let files = list(dir).map_err(AuditError::file(dir))?;
    let mut report = Report { nodes: Vec::new(), late: 0, doubles: 0, first_break: None };
    let mut late = HashSet::new();
    for files in files.chunk_by(|one, next| one.0 == next.0) {
        let mut walk = Walk::new(dir, &files[0].0, files[0].1, &mut late);
        let numbers: Vec<u64> = files.iter().map(|(_, number)| *number).collect();
        let outcome = walk.all(&numbers);
        report.nodes.push(walk.report);
        match outcome {
            Ok(()) => {}
            Err(Stop::Break(found)) => {
                report.first_break = Some(found);
                break;
            }
            Err(Stop::Error(error)) => return Err(error),
        }
    }
    report.late = late.len() as u64;
    if !late.is_empty() {
        report.doubles = count_doubles(dir, &late)?;
    }
    Ok(report)
}

/// Why a walk ends early.
enum Stop {
    Break(Break),
    Error(AuditError),
}

/// A walk through the files of one node.
struct Walk<'a> {
    dir: &'a Path,
    report: NodeReport,
    /// The events of late records.
    late: &'a mut HashSet<Uuid>,
}

impl<'a> Walk<'a> {
    fn new(dir: &'a Path, node: &str, first_file: u64, late: &'a mut HashSet<Uuid>) -> Self {
        let report =
            NodeReport { node: node.to_owned(), first_file, files: 0, lines: 0, unanswered: 0, torn: 0, head: None };
        Self { dir, report, late }
    }

    fn all(&mut self, numbers: &[u64]) -> Result<(), Stop> {
        for (index, number) in numbers.iter().enumerate() {
            let next = match numbers.get(index + 1) {
                Some(next) if *next != number + 1 => {
                    self.file(*number, None)?;
                    return Err(self.stop(number + 1, 0, Fault::Missing));
                }
                Some(next) => self.header(*next)?,
                None => None,
            };
            self.file(*number, next.as_ref())?;
        }
        Ok(())
    }

    /// Reads one file; `next` is the header of the one after it, which says where this one ends.
    fn file(&mut self, number: u64, next: Option<&Header>) -> Result<(), Stop> {
        let path = self.path(number);
        let header = self.header(number)?.ok_or_else(|| self.stop(number, 0, Fault::Header))?;
        let file = open(&path)?;
        let written = written_end(&file).map_err(failed(&path))?;
        let mut reader = BufReader::with_capacity(256 << 10, file);
        let mut line = Vec::new();
        let mut chain = self.before(&header);
        let end = next.and_then(|next| next.previous.as_ref());
        self.report.files += 1;
        let mut offset = 0;
        while offset < written && read_line(&mut reader, &mut line).map_err(failed(&path))? {
            let at = chain.next_seq;
            let is_surplus = end.is_some_and(|end| at > end.seq);
            if is_surplus && next.is_some_and(|next| next.begun == Begun::SyncFailed) {
                self.report.unanswered += 1;
                chain.next_seq += 1;
                offset += line.len() as u64;
                continue;
            }
            if is_surplus && let Some(torn) = next.and_then(|next| next.torn.as_ref()) {
                let found = cut(&open(&path)?, offset, written).map_err(failed(&path))?;
                if Torn::from(&found) != *torn {
                    return Err(self.stop(number, at, Fault::Surplus));
                }
                self.report.torn += 1;
                break;
            }
            offset += line.len() as u64;
            step(&mut chain, &line, is_surplus).map_err(|fault| self.stop(number, at, fault))?;
            if is_late(without_newline(&line)) {
                self.late.extend(event_id(without_newline(&line)));
            }
            self.report.lines += 1;
            self.report.head = Some(Head { file: number, seq: at, hash: hex_text(&chain.prev) });
            if end.is_some_and(|end| end.seq == at && end.hash != hex_text(&chain.prev)) {
                return Err(self.stop(number + 1, 0, Fault::Hash));
            }
        }
        match (next, end) {
            (_, Some(Previous { seq, .. })) if chain.next_seq <= *seq => {
                Err(self.stop(number, chain.next_seq, Fault::Missing))
            }
            // The next file claims that there was none before it.
            (Some(_), None) => Err(self.stop(number + 1, 0, Fault::Hash)),
            _ => Ok(()),
        }
    }

    /// The chain before the header. Within a folder it was compared with the file before when that one was read; for
    /// the oldest file it is taken at its word.
    fn before(&self, header: &Header) -> Chain {
        let mut prev = NO_LINE;
        for (byte, digits) in prev.iter_mut().zip(header.prev.as_bytes().chunks(2)) {
            let digits = std::str::from_utf8(digits).unwrap_or_default();
            *byte = u8::from_str_radix(digits, 16).unwrap_or_default();
        }
        Chain::at_file_start(prev)
    }

    /// The header of a file; none if line 0 is not that.
    fn header(&self, number: u64) -> Result<Option<Header>, Stop> {
        let path = self.path(number);
        let mut line = Vec::new();
        read_line(&mut BufReader::new(open(&path)?), &mut line).map_err(failed(&path))?;
        Ok(Header::parse(without_newline(&line), &self.report.node, number))
    }

    fn path(&self, number: u64) -> PathBuf {
        path_of(self.dir, &self.report.node, number)
    }

    fn stop(&self, number: u64, line: u64, fault: Fault) -> Stop {
        Stop::Break(Break { path: self.path(number), line, fault })
    }
}

fn step(chain: &mut Chain, line: &[u8], is_surplus: bool) -> Result<(), Fault> {
    let Some(text) = line.strip_suffix(b"\n") else {
        return Err(if line.len() > LONGEST_LINE { Fault::NotARecord } else { Fault::Torn });
    };
    if is_surplus { Err(Fault::Surplus) } else { chain.step(text) }
}

fn open(path: &Path) -> Result<File, Stop> {
    File::open(path).map_err(failed(path))
}

fn failed(path: &Path) -> impl FnOnce(io::Error) -> Stop {
    let path = path.to_owned();
    |error| Stop::Error(AuditError::file(path)(error))
}
