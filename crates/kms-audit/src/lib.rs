//! The audit record, its append-only file and its hash chain.
//!
//! A record is one line of JSON in the shape of CloudTrail ([`Event`], [`ServiceEvent`]). Records go to
//! `DIR/<node>-<number>.jsonl` through [`AuditLog::append`], and no result of an operation may leave before `append` has
//! answered `Ok`. Each line begins with `seq` (its number in the file, from 0) and `prev` (SHA-256, in hex, of the exact
//! bytes of the line before it, without the newline), so [`verify`] finds any line that was altered, removed or moved.
//!
//! Line 0 of a file is its header: node, boot id of the machine, number of the file, why it was begun, and the last line
//! of the file before it. Its `prev` is the hash of that line, so the chain runs on from file to file; the first file
//! begins with 64 zeros. A line that starts with `seq`, `prev` and `recordType` is the log's own; events have no
//! `recordType`.
//!
//! What a chain alone cannot show: that its end was cut off, or that its very last line was altered. For these,
//! compare [`NodeReport::head`] with a head that was noted elsewhere.
//!
//! When the log finds the end of its file torn (a kill or a power cut in the middle of a write), it leaves the file as it
//! is and begins the next, whose header names offset, length and hash of what is torn. So a repair never changes a byte
//! that was written before. Damage anywhere else opens nothing: the line is named, and the operator brings the file back.
//! Where there is nothing to bring back, [`begin_next_file`] begins the next, whose header names the damage.
//!
//! A durable file has its space made ahead: zeros follow its last line until it is closed. Each of its commits fills whole
//! blocks of 4096 bytes, with blanks before the newline of its last line, so no block of an answered record is written
//! again and a torn write can only harm lines that nobody was told of.

mod chain;
mod damage;
mod error;
mod event;
mod file_name;
mod group;
mod header;
mod json;
mod late;
mod log;
mod open;
mod search;
mod segment;
mod service_event;
mod tail;
mod tend;
mod verify;

pub use chain::Fault;
pub use damage::{Damaged, begin_next_file, find_damaged};
pub use error::AuditError;
pub use event::{Event, Failure, Resource, Tls};
pub use header::omitted_body;
pub use json::Fragment;
pub use late::late_body;
pub use log::{AuditLog, DEFAULT_FILE_SIZE, Durability};
pub use service_event::{ServiceEvent, ServiceEventKind};
pub use verify::{Break, Head, NodeReport, Report, verify};
