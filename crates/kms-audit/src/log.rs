//! The log that is open for appending: one per process and node.

use std::collections::HashSet;
use std::fs::File;
use std::mem;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use uuid::Uuid;

use crate::chain::{Chain, check_body};
use crate::error::AuditError;
use crate::group::{Bodies, Group};
use crate::header::Begun;
use crate::open::{lock, newest, reopen};
use crate::search;
use crate::segment::{self, Begin, Beginning, Segment};

/// At what size the next file is begun, unless the configuration says otherwise, in bytes.
pub const DEFAULT_FILE_SIZE: u64 = 64 << 20;

/// The most space that a durable file is given at a time, in bytes.
const LARGEST_STEP: u64 = 8 << 20;

/// What `append` waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// The kernel has the records: they survive the death of the process, not of the machine.
    Write,
    /// The disk has the records: a file opened with O_DSYNC, its space made ahead, and one write for all callers that
    /// wait at the same time. A block that holds an answered record is never written again, so no torn write can cost one.
    Durable,
}

/// An open audit log. Share it by reference or `Arc`; all methods take `&self`.
#[derive(Debug)]
pub struct AuditLog {
    pub(crate) dir: PathBuf,
    pub(crate) node: String,
    pub(crate) durability: Durability,
    pub(crate) file_size: u64,
    state: Mutex<State>,
    settled: Condvar,
    /// Batches that could not be written and are not yet told of in the log.
    pub(crate) refused: AtomicU64,
    /// Holds the lock of the node for as long as the log lives.
    _lock: File,
}

#[derive(Debug)]
pub(crate) struct State {
    pub(crate) segment: Arc<Segment>,
    pub(crate) chain: Chain,
    /// The end of the lines that count.
    pub(crate) end: u64,
    /// There may be bytes beyond `end` that do not count and must be cut before the next write. Only `Write` leaves them.
    has_leftover: bool,
    /// A durable write failed. What of it is on the disk is not known, so the file is never used again.
    is_given_up: bool,
    /// A leader is at the file, without the lock.
    is_writing: bool,
    /// Those who wait for the next durable write, and what they want written.
    group: Group,
    queued: Bodies,
    buffer: Vec<u8>,
    /// The day in which the file was begun or first looked at, in Julian days.
    pub(crate) day: Option<i32>,
}

impl AuditLog {
    /// Opens the newest file `DIR/<node>-<number>.jsonl` (mode 0600; the folder is made with 0700), or begins the first.
    /// Checks the chain of that file. If its end is torn, the file is left as it is and the next one begun, whose first
    /// line names offset, length and hash of what is torn.
    ///
    /// # Errors
    /// `Broken` if the file is damaged elsewhere: restore it, or begin the next file by [`begin_next_file`](crate::begin_next_file()).
    /// `Locked` if another process writes this node's log, `NodeName`, and `File` if the disk refuses.
    pub fn open(dir: &Path, node: &str, durability: Durability) -> Result<Self, AuditError> {
        let lock = lock(dir, node)?;
        let begin = match newest(dir, node)? {
            None => segment::create(dir, node, durability, &Beginning::first())?,
            Some(number) => reopen(dir, node, durability, number)?,
        };
        Ok(Self::with(dir, node, durability, begin, lock))
    }

    /// Begins the next file at this size, in bytes, instead of at [`DEFAULT_FILE_SIZE`]. A single batch may make a file
    /// larger.
    #[must_use]
    pub fn with_file_size(self, file_size: u64) -> Self {
        Self { file_size, ..self }
    }

    /// Appends one line per record, in order, by one write; each is what `render` of an event made. With
    /// [`Durability::Durable`] it returns when the disk has them.
    ///
    /// # Errors
    /// Any error means that no record of the batch counts and nothing that depends on it may be answered. The next
    /// call tries again, so service resumes when the disk does.
    pub fn append(&self, batch: &[Vec<u8>]) -> Result<(), AuditError> {
        batch.iter().try_for_each(|body| check_body(body))?;
        if batch.is_empty() {
            return Ok(());
        }
        let state = self.lock();
        let outcome = match self.durability {
            Durability::Write => self.write_now(state, batch),
            Durability::Durable => self.commit(state, batch),
        };
        if outcome.is_err() {
            self.refused.fetch_add(1, Ordering::AcqRel);
        }
        outcome
    }

    /// Those of `events` whose records this node's newest files hold in lines that count. Reads up to 1 GiB: for the rare
    /// record whose fate is not known.
    ///
    /// # Errors
    /// `File` if a file cannot be read.
    pub fn find(&self, events: &HashSet<Uuid>) -> Result<HashSet<Uuid>, AuditError> {
        search::find(&self.dir, &self.node, events)
    }

    fn with(dir: &Path, node: &str, durability: Durability, begin: Begin, lock: File) -> Self {
        Self {
            dir: dir.to_owned(),
            node: node.to_owned(),
            durability,
            file_size: DEFAULT_FILE_SIZE,
            state: Mutex::new(State::at(begin)),
            settled: Condvar::new(),
            refused: AtomicU64::new(0),
            _lock: lock,
        }
    }

    fn write_now(&self, mut state: MutexGuard<'_, State>, batch: &[Vec<u8>]) -> Result<(), AuditError> {
        let length = batch.iter().map(Vec::len).sum::<usize>() as u64;
        self.rotate_if_full(&mut state, length);
        state.write(batch)
    }

    /// Waits until the batch is durable. The first that finds nobody at the file writes for all that wait by then; those
    /// that come meanwhile form the next group.
    fn commit<'a>(&'a self, mut state: MutexGuard<'a, State>, batch: &[Vec<u8>]) -> Result<(), AuditError> {
        state.queued.push(batch);
        let group = state.group.clone();
        loop {
            if let Some(outcome) = group.outcome() {
                return outcome;
            }
            state = if state.is_writing {
                self.settled.wait(state).unwrap_or_else(PoisonError::into_inner)
            } else {
                self.lead(state)
            };
        }
    }

    fn lead<'a>(&'a self, mut state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        let group = mem::take(&mut state.group);
        let mut bodies = mem::take(&mut state.queued);
        let mut lines = mem::take(&mut state.buffer);
        let prepared = self.prepare(&mut state, &bodies, &mut lines);
        bodies.clear();
        if state.queued.len() == 0 {
            state.queued = bodies;
        }
        let outcome = match prepared {
            Ok(chain) => {
                let (segment, end) = (Arc::clone(&state.segment), state.end);
                state.is_writing = true;
                drop(state);
                let outcome = segment.write(&lines, end);
                state = self.lock();
                state.is_writing = false;
                match outcome {
                    Ok(()) => {
                        state.chain = chain;
                        state.end += lines.len() as u64;
                        Ok(())
                    }
                    Err(error) => Err(self.give_up(&mut state, error)),
                }
            }
            // Nothing was written.
            Err(error) => Err(error),
        };
        lines.clear();
        lines.shrink_to(1 << 20);
        state.buffer = lines;
        group.settle(outcome);
        self.settled.notify_all();
        state
    }

    /// Makes the lines of a commit and the space for them. Gives the chain after them.
    fn prepare(&self, state: &mut State, bodies: &Bodies, lines: &mut Vec<u8>) -> Result<Chain, AuditError> {
        if state.is_given_up {
            self.begin_next(state, Begun::SyncFailed)?;
        }
        self.rotate_if_full(state, bodies.len());
        let mut chain = state.chain;
        chain.push_commit(bodies.iter(), lines);
        state.segment.allocate(state.end + lines.len() as u64, self.step())?;
        Ok(chain)
    }

    /// How much space a durable file is given at a time.
    pub(crate) fn step(&self) -> u64 {
        (self.file_size / 8).min(LARGEST_STEP).next_multiple_of(crate::chain::BLOCK)
    }

    /// Takes the file out of use, and begins the next at once, so that a restart does not build on one whose pages may be
    /// lost. If that fails too, append tries again.
    fn give_up(&self, state: &mut State, error: AuditError) -> AuditError {
        state.is_given_up = true;
        tracing::error!(%error, "audit records could not be made durable; their file is given up");
        if let Err(error) = self.begin_next(state, Begun::SyncFailed) {
            tracing::error!(%error, "the next audit file could not be begun yet");
        }
        AuditError::NotDurable(Arc::new(error))
    }

    /// Begins the next file when this one would grow too large; goes on with this one if that fails.
    fn rotate_if_full(&self, state: &mut State, more: u64) {
        let is_full = state.end + more > self.file_size && state.has_records();
        if is_full && let Err(error) = self.begin_next(state, Begun::Rotated) {
            tracing::warn!(%error, "the next audit file could not be begun; this one grows on");
        }
    }

    /// Begins the next file. The chain goes on from the last line that counts. No leader is at the old one.
    pub(crate) fn begin_next(&self, state: &mut State, begun: Begun) -> Result<(), AuditError> {
        segment::make_dir(&self.dir)?;
        let old = Arc::clone(&state.segment);
        let previous = Some((old.number, state.chain));
        let beginning = Beginning { number: old.number + 1, begun, previous, torn: None, damage: None };
        let begin = segment::create(&self.dir, &self.node, self.durability, &beginning)?;
        let (end, day) = (state.end, state.day);
        state.go_on_with(begin, day);
        if begun != Begun::SyncFailed {
            // Only space made ahead, or what a failed write left, lies beyond.
            let _stays_longer = old.truncate(end);
        }
        Ok(())
    }

    /// The state, once no leader is at the file.
    pub(crate) fn at_rest(&self) -> MutexGuard<'_, State> {
        let mut state = self.lock();
        while state.is_writing {
            state = self.settled.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state
    }

    /// A panic elsewhere cannot leave the state half changed: see [`State::write`].
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn at(begin: Begin) -> Self {
        Self {
            segment: Arc::new(begin.segment),
            chain: begin.chain,
            end: begin.end,
            has_leftover: false,
            is_given_up: false,
            is_writing: false,
            group: Group::default(),
            queued: Bodies::default(),
            buffer: Vec::new(),
            day: None,
        }
    }

    /// Leaves who waits where they are.
    fn go_on_with(&mut self, begin: Begin, day: Option<i32>) {
        self.segment = Arc::new(begin.segment);
        self.chain = begin.chain;
        self.end = begin.end;
        self.has_leftover = false;
        self.is_given_up = false;
        self.day = day;
    }

    /// Whether the file has more than its header.
    pub(crate) fn has_records(&self) -> bool {
        self.chain.next_seq > 1
    }

    /// Writes the batch, or leaves everything as it was. `has_leftover` is set before the first byte goes out.
    fn write(&mut self, batch: &[Vec<u8>]) -> Result<(), AuditError> {
        self.cut_leftover()?;
        let mut chain = self.chain;
        self.buffer.clear();
        for body in batch {
            chain.push(body, &mut self.buffer);
        }
        self.has_leftover = true;
        if let Err(error) = self.segment.write(&self.buffer, self.end) {
            // If this fails too, the next append cuts before it writes.
            let _ = self.cut_leftover();
            return Err(error);
        }
        self.has_leftover = false;
        self.chain = chain;
        self.end += self.buffer.len() as u64;
        Ok(())
    }

    fn cut_leftover(&mut self) -> Result<(), AuditError> {
        if self.has_leftover {
            self.segment.truncate(self.end)?;
            self.has_leftover = false;
        }
        Ok(())
    }
}
