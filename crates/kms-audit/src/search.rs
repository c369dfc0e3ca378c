//! Looking for records by the ids of their events.

use std::collections::HashSet;
use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use serde::Deserialize;
use uuid::Uuid;

use crate::error::AuditError;
use crate::file_name::{list, path_of};
use crate::header::{Begun, Header};
use crate::tail::{read_line, without_newline};

/// How much is searched, newest files first, in bytes: far more than is written between a record and the deletion of its
/// row.
const SEARCHED: u64 = 1 << 30;

/// The id of the event that a line tells of; none for a line of the log's own.
pub(crate) fn event_id(line: &[u8]) -> Option<Uuid> {
    let named: Named<'_> = serde_json::from_slice(line).ok()?;
    Uuid::try_parse(named.event_id?).ok()
}

/// How many lines of the files tell of one of these events for the second time or more.
///
/// # Errors
/// `File` if a file cannot be read.
pub(crate) fn count_doubles(dir: &Path, events: &HashSet<Uuid>) -> Result<u64, AuditError> {
    let mut seen = HashSet::new();
    let mut doubles = 0;
    for (node, number) in list(dir).map_err(AuditError::file(dir))? {
        let path = path_of(dir, &node, number);
        let mut count = || -> std::io::Result<()> {
            let mut reader = BufReader::with_capacity(256 << 10, File::open(&path)?);
            let mut line = Vec::new();
            while read_line(&mut reader, &mut line)? && line[0] != 0 {
                let event = event_id(without_newline(&line)).filter(|event| events.contains(event));
                doubles += u64::from(event.is_some_and(|event| !seen.insert(event)));
            }
            Ok(())
        };
        count().map_err(AuditError::file(&path))?;
    }
    Ok(doubles)
}

#[derive(Deserialize)]
struct Named<'a> {
    #[serde(rename = "eventID")]
    event_id: Option<&'a str>,
}

/// Those of `events` that the newest files of a node hold in lines that count.
///
/// # Errors
/// `File` if a file cannot be read.
pub(crate) fn find(dir: &Path, node: &str, events: &HashSet<Uuid>) -> Result<HashSet<Uuid>, AuditError> {
    let mut found = HashSet::new();
    let files = list(dir).map_err(AuditError::file(dir))?;
    let mut budget = SEARCHED;
    let mut next: Option<Header> = None;
    for (_, number) in files.into_iter().rev().filter(|(name, _)| name == node) {
        if found.len() == events.len() || budget == 0 {
            break;
        }
        let path = path_of(dir, node, number);
        let file = File::open(&path).map_err(AuditError::file(&path))?;
        budget = budget.saturating_sub(file.metadata().map_err(AuditError::file(&path))?.len());
        next = find_in(file, next.as_ref(), (node, number), events, &mut found).map_err(AuditError::file(&path))?;
    }
    Ok(found)
}

/// Searches one file and gives its header, which says what counts of the file before it.
fn find_in(
    file: File,
    next: Option<&Header>,
    (node, number): (&str, u64),
    events: &HashSet<Uuid>,
    found: &mut HashSet<Uuid>,
) -> std::io::Result<Option<Header>> {
    let given_up = next.filter(|next| next.begun == Begun::SyncFailed);
    let end = given_up.and_then(|next| next.previous.as_ref()).map_or(u64::MAX, |previous| previous.seq);
    let mut reader = BufReader::with_capacity(256 << 10, file);
    let mut line = Vec::new();
    let mut header = None;
    let mut seq = 0;
    // Zeros are space made ahead: nothing comes after them.
    while seq <= end && read_line(&mut reader, &mut line)? && line[0] != 0 {
        let text = without_newline(&line);
        if seq == 0 {
            header = Header::parse(text, node, number);
        }
        found.extend(event_id(text).filter(|event| events.contains(event)));
        seq += 1;
    }
    Ok(header)
}
