//! The hash chain: how a line is made and how one is checked. The hash of a line is SHA-256 over its exact bytes without
//! the newline, so no canonical form of JSON is needed. Source: cryptography.md 5.

use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use crate::error::AuditError;

/// SHA-256 of a line.
pub(crate) type Digest = [u8; 32];

/// What the first line of the first file names as the line before it.
pub(crate) const NO_LINE: Digest = [0; 32];

/// The longest line that is written or read, in bytes. A request is at most 1 MiB, so a record is far below.
pub(crate) const LONGEST_LINE: usize = 16 << 20;

/// The unit of writing of a durable file, in bytes: no block that holds an answered record is ever written again. The size
/// of a page and of a physical sector.
pub(crate) const BLOCK: u64 = 4096;

/// What is wrong with a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// It is not a line of JSON with `seq` and `prev`.
    #[error("it is not a record")]
    NotARecord,
    /// It has no newline: a write was torn, or the end of the file was cut.
    #[error("it is torn")]
    Torn,
    /// Its `seq` does not follow: a line is missing, doubled or moved.
    #[error("its seq does not follow the line before")]
    Sequence,
    /// Its `prev` is not the hash of the line before: this `prev` or that line was altered.
    #[error("its prev is not the hash of the line before")]
    Hash,
    /// It is line 0 and not the header that this file must have.
    #[error("it is not the header of this file")]
    Header,
    /// It comes after the line that the next file names as the last.
    #[error("it comes after the last line that the next file knows")]
    Surplus,
    /// The next file knows of this line, but it is not there.
    #[error("the next file knows of this line, but it is missing")]
    Missing,
}

/// Where a chain stands: what the next line must carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Chain {
    /// The `seq` of the next line.
    pub(crate) next_seq: u64,
    /// The hash of the last line.
    pub(crate) prev: Digest,
}

/// The two members that every line has.
#[derive(Deserialize)]
struct Link<'a> {
    seq: u64,
    prev: &'a str,
}

impl Chain {
    /// The chain at the begin of a file that follows a line with this hash.
    pub(crate) const fn at_file_start(prev: Digest) -> Self {
        Self { next_seq: 0, prev }
    }

    /// Appends the line that `body` (the rest of an object after its brace) makes, with its newline, to `out`.
    pub(crate) fn push(&mut self, body: &[u8], out: &mut Vec<u8>) {
        self.push_spaced(body, out, |_| 0);
    }

    /// Appends lines that together fill whole blocks, `out` being empty at the begin of one: blanks before the newline of
    /// the last line lead it to the end of a block, and no other line ends there. So a line that starts a block starts a
    /// commit.
    pub(crate) fn push_commit<'a>(&mut self, bodies: impl IntoIterator<Item = &'a [u8]>, out: &mut Vec<u8>) {
        let block = BLOCK as usize;
        let mut bodies = bodies.into_iter().peekable();
        while let Some(body) = bodies.next() {
            let is_last = bodies.peek().is_none();
            self.push_spaced(body, out, |length| match length % block {
                0 => usize::from(!is_last),
                over => {
                    if is_last {
                        block - over
                    } else {
                        0
                    }
                }
            });
        }
    }

    /// Appends a line with so many blanks before its newline as `spaces` says for the length of `out` without them.
    fn push_spaced(&mut self, body: &[u8], out: &mut Vec<u8>, spaces: impl FnOnce(usize) -> usize) {
        let start = out.len();
        out.extend_from_slice(b"{\"seq\":");
        push_decimal(self.next_seq, out);
        out.extend_from_slice(b",\"prev\":\"");
        out.extend_from_slice(&hex(&self.prev));
        out.extend_from_slice(b"\",");
        out.extend_from_slice(body);
        out.resize(out.len() + spaces(out.len() + 1), b' ');
        self.prev = digest(&out[start..]);
        self.next_seq += 1;
        out.push(b'\n');
    }

    /// Checks that `line` (without its newline) is the next of the chain, and steps over it.
    pub(crate) fn step(&mut self, line: &[u8]) -> Result<(), Fault> {
        let link = link(line).ok_or(Fault::NotARecord)?;
        if link.seq != self.next_seq {
            return Err(Fault::Sequence);
        }
        if link.prev.as_bytes() != hex(&self.prev) {
            return Err(Fault::Hash);
        }
        *self = Self { next_seq: link.seq + 1, prev: digest(line) };
        Ok(())
    }

    /// The chain after `line`, taken at its word; none if it is no record.
    pub(crate) fn after(line: &[u8]) -> Option<Self> {
        let next_seq = link(line)?.seq.checked_add(1)?;
        Some(Self { next_seq, prev: digest(line) })
    }
}

/// Whether `body` makes one line of JSON together with what [`Chain::push`] puts before it, as far as a glance can tell:
/// a line break in it would forge a line.
///
/// # Errors
/// `Unfit` if not.
pub(crate) fn check_body(body: &[u8]) -> Result<(), AuditError> {
    let fits = body.len() < LONGEST_LINE - 128 && body.starts_with(b"\"") && body.ends_with(b"}");
    if fits && !body.contains(&b'\n') { Ok(()) } else { Err(AuditError::Unfit) }
}

/// SHA-256 of `bytes`.
pub(crate) fn digest(bytes: &[u8]) -> Digest {
    Sha256::digest(bytes).into()
}

/// Lower-case hex.
pub(crate) fn hex(digest: &Digest) -> [u8; 64] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut out = [0; 64];
    for (pair, byte) in out.chunks_exact_mut(2).zip(digest) {
        pair[0] = DIGITS[usize::from(byte >> 4)];
        pair[1] = DIGITS[usize::from(byte & 15)];
    }
    out
}

/// Lower-case hex as text.
pub(crate) fn hex_text(digest: &Digest) -> String {
    hex(digest).iter().map(|digit| char::from(*digit)).collect()
}

fn link(line: &[u8]) -> Option<Link<'_>> {
    // What serde_json passes over it does not check for UTF-8.
    serde_json::from_str(std::str::from_utf8(line).ok()?).ok().filter(|link: &Link<'_>| link.seq < u64::MAX)
}

fn push_decimal(value: u64, out: &mut Vec<u8>) {
    let mut buffer = [0; 20];
    let mut start = buffer.len();
    let mut rest = value;
    loop {
        start -= 1;
        buffer[start] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    out.extend_from_slice(&buffer[start..]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_carries_its_number_and_the_hash_of_the_one_before() {
        let mut chain = Chain { next_seq: 10, prev: NO_LINE };
        let mut out = Vec::new();
        chain.push(br#""a":1}"#, &mut out);
        let first = format!(r#"{{"seq":10,"prev":"{}","a":1}}"#, "0".repeat(64));
        assert_eq!(out, format!("{first}\n").as_bytes());
        assert_eq!(chain, Chain { next_seq: 11, prev: digest(first.as_bytes()) });
        assert_eq!(hex_text(&digest(b"")), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    }

    #[test]
    fn a_commit_fills_whole_blocks_and_no_line_but_its_last_ends_at_the_end_of_one() {
        let overhead = {
            let mut out = Vec::new();
            Chain::at_file_start(NO_LINE).push(br#""a":""}"#, &mut out);
            out.len()
        };
        for length in (BLOCK as usize - overhead - 3)..(BLOCK as usize - overhead + 3) {
            let body = format!(r#""a":"{}"}}"#, "x".repeat(length));
            let mut chain = Chain::at_file_start(NO_LINE);
            let mut out = Vec::new();
            chain.push_commit([body.as_bytes(); 3], &mut out);
            assert_eq!(out.len() % BLOCK as usize, 0);
            let mut reader = Chain::at_file_start(NO_LINE);
            let mut end = 0;
            for line in out.split_inclusive(|byte| *byte == b'\n') {
                end += line.len();
                assert_eq!(end % BLOCK as usize == 0, end == out.len(), "length {length}, end {end}");
                reader.step(&line[..line.len() - 1]).unwrap();
            }
            assert_eq!(reader, chain);
        }
    }

    #[test]
    fn a_body_that_would_forge_a_line_is_unfit() {
        assert!(check_body(br#""a":1}"#).is_ok());
        for body in [&b""[..], b"}", b"\"a\":1", b"\"a\":1}\n{\"seq\":1}"] {
            assert!(matches!(check_body(body), Err(AuditError::Unfit)), "{body:?}");
        }
    }

    #[test]
    fn a_line_with_doubled_members_is_no_record() {
        let mut chain = Chain::at_file_start(NO_LINE);
        let zeros = "0".repeat(64);
        let line = format!(r#"{{"seq":0,"prev":"{zeros}","seq":0}}"#);
        assert_eq!(chain.step(line.as_bytes()), Err(Fault::NotARecord));
    }
}
