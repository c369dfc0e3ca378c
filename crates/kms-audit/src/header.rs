//! The log's own lines: the header of a file, which names what was torn before it, and notes of what is missing.

use serde::{Deserialize, Serialize};

use crate::chain::{BLOCK, Chain, Digest, Fault, NO_LINE, hex_text};
use crate::json::{Fragment, Object};
use crate::segment::Beginning;

/// Why a file was begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Begun {
    /// It is the first of this node.
    First,
    /// The file before was large enough, a day old, or written under another setting.
    Rotated,
    /// The process or the machine died in the middle of a write; the file before stays as it is, and `torn` names its end.
    Torn,
    /// The file before was moved away or deleted while it was written.
    Moved,
    /// The file before could not be made durable; what it has after the last line named here was never answered.
    SyncFailed,
    /// This file was there with no whole line in it: its header never reached the disk.
    HeaderLost,
    /// The operator asked for it after damage to the file before, which `damage` names.
    Operator,
}

/// The last line of the file before, as the new file knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Previous {
    pub(crate) file: u64,
    pub(crate) seq: u64,
    pub(crate) hash: String,
}

/// Line 0 of a file.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Header {
    pub(crate) seq: u64,
    pub(crate) prev: String,
    pub(crate) record_type: String,
    pub(crate) version: u32,
    pub(crate) node: String,
    pub(crate) file: u64,
    pub(crate) begun: Begun,
    pub(crate) previous: Option<Previous>,
    /// The torn end of the file before, or of what was found under the name of this one.
    #[serde(default)]
    pub(crate) torn: Option<Torn>,
    /// The unit of writing: each commit of a durable file begins a block.
    pub(crate) block: u64,
}

/// The torn end of a file: lines that were never answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Torn {
    pub(crate) offset: u64,
    pub(crate) length: u64,
    pub(crate) sha256: String,
}

/// What was wrong with the file before when the operator had this one begun.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Damage {
    line: u64,
    fault: String,
    /// Bytes of the whole file, without the zeros of space made ahead.
    length: u64,
    /// Of these bytes, so that a later change to the damaged file shows.
    sha256: String,
}

impl Damage {
    /// The first bad line, counted from 0, of the file that `whole` spans.
    pub(crate) fn of(line: u64, fault: Fault, whole: &Cut) -> Self {
        Self { line, fault: fault.to_string(), length: whole.length, sha256: hex_text(&whole.hash) }
    }
}

impl From<&Cut> for Torn {
    fn from(cut: &Cut) -> Self {
        Self { offset: cut.offset, length: cut.length, sha256: hex_text(&cut.hash) }
    }
}

/// A piece of a file that is no whole line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cut {
    /// Where it began, in bytes.
    pub(crate) offset: u64,
    /// How many bytes.
    pub(crate) length: u64,
    /// SHA-256 of them.
    pub(crate) hash: Digest,
}

impl Previous {
    /// The last line of file `number`, where the chain stands after it.
    pub(crate) fn at(number: u64, chain: &Chain) -> Self {
        Self { file: number, seq: chain.next_seq.saturating_sub(1), hash: hex_text(&chain.prev) }
    }
}

impl Header {
    /// Reads line 0 of file `number` of `node`; none if it is not that.
    pub(crate) fn parse(line: &[u8], node: &str, number: u64) -> Option<Self> {
        let header: Self = serde_json::from_slice(line).ok()?;
        let named = match &header.previous {
            Some(previous) => {
                previous.file > 0 && previous.file.checked_add(1) == Some(number) && previous.hash == header.prev
            }
            None => header.prev == hex_text(&NO_LINE),
        };
        let is_ours = header.seq == 0 && header.record_type == "header" && header.version == 1;
        let is_known = header.block == 1 || header.block == BLOCK;
        (is_ours && is_known && named && header.node == node && header.file == number).then_some(header)
    }
}

/// The header's members after `seq` and `prev`.
pub(crate) fn header_body(node: &str, beginning: &Beginning<'_>, previous: Option<&Previous>, block: u64) -> Vec<u8> {
    let mut out = Vec::with_capacity(384);
    let mut line = Object::continued(&mut out);
    line.plain("recordType", "header");
    line.literal("version", "1");
    line.text("node", node);
    line.text("bootId", &boot_id());
    line.literal("file", &beginning.number.to_string());
    line.fragment("begun", Some(&fragment(&beginning.begun)));
    line.fragment("previous", previous.map(fragment).as_ref());
    if let Some(cut) = beginning.torn {
        line.fragment("torn", Some(&fragment(&Torn::from(cut))));
    }
    if let Some(damage) = beginning.damage {
        line.fragment("damage", Some(&fragment(damage)));
    }
    line.literal("block", &block.to_string());
    line.close();
    out
}

/// The members after `seq` and `prev` of the record that tells how many refusals were not recorded one by one, because
/// more came than could be written.
pub fn omitted_body(count: u64) -> Vec<u8> {
    counted_body("omitted", count)
}

/// The members after `seq` and `prev` of the record that tells how many batches could not be written, so that what they
/// told of was not answered.
pub(crate) fn interrupted_body(batches: u64) -> Vec<u8> {
    counted_body("interrupted", batches)
}

fn counted_body(record_type: &str, count: u64) -> Vec<u8> {
    let mut out = Vec::with_capacity(64);
    let mut line = Object::continued(&mut out);
    line.plain("recordType", record_type);
    line.literal("count", &count.to_string());
    line.close();
    out
}

/// The kernel's id of this boot (Linux `proc(5)`, `random/boot_id`); empty where there is none.
fn boot_id() -> String {
    std::fs::read_to_string("/proc/sys/kernel/random/boot_id").map(|id| id.trim().to_owned()).unwrap_or_default()
}

fn fragment<T: Serialize>(value: &T) -> Fragment {
    Fragment::of(value).expect("an enum of units and a struct of numbers and text are always JSON")
}
