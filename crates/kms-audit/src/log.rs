//! The log that is open for appending: one per process and node.

use std::collections::HashSet;
use std::fs::{File, OpenOptions};
use std::mem;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use uuid::Uuid;

use crate::chain::{Chain, check_body};
use crate::error::AuditError;
use crate::file_name::{check_node, list, path_of};
use crate::group::Group;
use crate::header::Begun;
use crate::search;
use crate::segment::{self, Beginning, Segment};
use crate::tail;

/// What `append` waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// The kernel has the records: they survive the death of the process, not of the machine.
    Write,
    /// The disk has the records: `fdatasync`, shared by all callers that wait at the same time.
    Fsync,
}

/// An open audit log. Share it by reference or `Arc`; all methods take `&self`.
#[derive(Debug)]
pub struct AuditLog {
    dir: PathBuf,
    node: String,
    durability: Durability,
    state: Mutex<State>,
    settled: Condvar,
    /// Holds the lock of the node for as long as the log lives.
    _lock: File,
}

#[derive(Debug)]
struct State {
    segment: Arc<Segment>,
    chain: Chain,
    end: u64,
    /// The chain after the last line that is known to be durable. Only `Fsync` keeps it.
    durable: Chain,
    /// There may be bytes beyond `end` that do not count and must be cut before the next write.
    has_leftover: bool,
    /// An fdatasync failed. The kernel may have dropped the pages and call them clean, so the file is never used again.
    is_given_up: bool,
    is_syncing: bool,
    /// The batches that wait for the next fdatasync.
    group: Group,
    buffer: Vec<u8>,
}

impl AuditLog {
    /// Opens the newest file `DIR/<node>-<number>.jsonl` (mode 0600; the folder is made with 0700), or begins the first.
    /// Checks the last 64 KiB of the chain and repairs a torn last line; the next record names what was cut.
    ///
    /// # Errors
    /// `Broken` if the file is damaged elsewhere: restore it, or begin the next file by [`AuditLog::open_next_file`].
    /// `Locked` if another process writes this node's log, `NodeName`, and `File` if the disk refuses.
    pub fn open(dir: &Path, node: &str, durability: Durability) -> Result<Self, AuditError> {
        let lock = lock(dir, node)?;
        let segment = match newest(dir, node)? {
            None => segment::create(dir, node, &Beginning::first())?,
            Some(number) => reopen(dir, node, number)?,
        };
        Self::with(dir, node, durability, segment, lock)
    }

    /// Leaves the newest file as it is and begins the next. This is the operator's way out when [`AuditLog::open`] says
    /// `Broken`; the damaged file stays for whoever looks into it, and [`verify`](crate::verify()) goes on to name it.
    ///
    /// # Errors
    /// `Locked`, `NodeName` or `File`, as `open`.
    pub fn open_next_file(dir: &Path, node: &str, durability: Durability) -> Result<Self, AuditError> {
        let lock = lock(dir, node)?;
        let beginning = match newest(dir, node)? {
            None => Beginning::first(),
            Some(number) => {
                let previous = last_line(dir, node, number)?.map(|chain| (number, chain));
                Beginning { number: number + 1, begun: Begun::Operator, previous, cut: None }
            }
        };
        let segment = segment::create(dir, node, &beginning)?;
        Self::with(dir, node, durability, segment, lock)
    }

    /// Appends one line per record, in order, by one write; each is what `render` of an event made. With
    /// [`Durability::Fsync`] it returns when the disk has them.
    ///
    /// # Errors
    /// Any error means that no record of the batch counts and nothing that depends on it may be answered. The next
    /// call tries again, so service resumes when the disk does.
    pub fn append(&self, batch: &[Vec<u8>]) -> Result<(), AuditError> {
        batch.iter().try_for_each(|body| check_body(body))?;
        if batch.is_empty() {
            return Ok(());
        }
        let mut state = self.lock();
        if state.is_given_up {
            self.begin_after_failed_sync(&mut state)?;
        }
        state.write(batch)?;
        match self.durability {
            Durability::Write => Ok(()),
            Durability::Fsync => self.commit(state),
        }
    }

    /// Those of `events` whose records this node's newest files hold in lines that count. Reads up to 1 GiB: for the rare
    /// record whose fate is not known.
    ///
    /// # Errors
    /// `File` if a file cannot be read.
    pub fn find(&self, events: &HashSet<Uuid>) -> Result<HashSet<Uuid>, AuditError> {
        search::find(&self.dir, &self.node, events)
    }

    fn with(dir: &Path, node: &str, durability: Durability, segment: Segment, lock: File) -> Result<Self, AuditError> {
        if durability == Durability::Fsync {
            // A process that was killed may have left lines that only the kernel has; nothing is built on those.
            segment.file.sync_data().map_err(AuditError::file(path_of(dir, node, segment.number)))?;
        }
        Ok(Self {
            dir: dir.to_owned(),
            node: node.to_owned(),
            durability,
            state: Mutex::new(State::at(segment)),
            settled: Condvar::new(),
            _lock: lock,
        })
    }

    /// Waits until the batch just written is durable. The first that finds no sync under way does it for all that
    /// have written by then; those that come meanwhile form the next group.
    fn commit<'a>(&'a self, mut state: MutexGuard<'a, State>) -> Result<(), AuditError> {
        let group = state.group.clone();
        loop {
            if let Some(outcome) = group.outcome() {
                return outcome;
            }
            state = if state.is_syncing {
                self.settled.wait(state).unwrap_or_else(PoisonError::into_inner)
            } else {
                self.lead(state)
            };
        }
    }

    fn lead<'a>(&'a self, mut state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        let group = mem::take(&mut state.group);
        let segment = Arc::clone(&state.segment);
        let reached = state.chain;
        state.is_syncing = true;
        drop(state);
        let outcome = segment::sync(&segment.file).map_err(Arc::new);
        let mut state = self.lock();
        state.is_syncing = false;
        match &outcome {
            Ok(()) => state.durable = reached,
            Err(error) => {
                // Those that wrote during the sync have their records in the same file.
                mem::take(&mut state.group).settle(Err(Arc::clone(error)));
                state.is_given_up = true;
                tracing::error!(%error, "audit file could not be made durable; it is given up");
                // At once, so that a restart does not build on a file whose pages may be lost; append tries again.
                if let Err(error) = self.begin_after_failed_sync(&mut state) {
                    tracing::error!(%error, "the next audit file could not be begun yet");
                }
            }
        }
        group.settle(outcome);
        self.settled.notify_all();
        state
    }

    /// Begins the next file. The chain goes on from the last line that is known to be durable.
    fn begin_after_failed_sync(&self, state: &mut State) -> Result<(), AuditError> {
        let number = state.segment.number;
        let previous = Some((number, state.durable));
        let beginning = Beginning { number: number + 1, begun: Begun::SyncFailed, previous, cut: None };
        *state = State::at(segment::create(&self.dir, &self.node, &beginning)?);
        Ok(())
    }

    /// A panic elsewhere cannot leave the state half changed: see [`State::write`].
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn at(segment: Segment) -> Self {
        Self {
            chain: segment.chain,
            end: segment.end,
            durable: segment.chain,
            segment: Arc::new(segment),
            has_leftover: false,
            is_given_up: false,
            is_syncing: false,
            group: Group::default(),
            buffer: Vec::new(),
        }
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
        if let Err(error) = segment::write_once(&self.segment.file, &self.buffer, self.end) {
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
            segment::truncate(&self.segment.file, self.end)?;
            self.has_leftover = false;
        }
        Ok(())
    }
}

impl Beginning<'_> {
    const fn first() -> Self {
        Self { number: 1, begun: Begun::First, previous: None, cut: None }
    }
}

/// Takes the node's lock (`flock(2)`), which the kernel frees when the process dies.
fn lock(dir: &Path, node: &str) -> Result<File, AuditError> {
    check_node(node)?;
    segment::make_dir(dir)?;
    let path = dir.join(format!(".{node}.lock"));
    let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&path);
    let file = file.map_err(AuditError::file(&path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => Err(AuditError::Locked(path)),
        Err(std::fs::TryLockError::Error(error)) => Err(AuditError::file(path)(error)),
    }
}

fn newest(dir: &Path, node: &str) -> Result<Option<u64>, AuditError> {
    let files = list(dir).map_err(AuditError::file(dir))?;
    Ok(files.into_iter().filter(|(name, _)| name == node).map(|(_, number)| number).max())
}

fn reopen(dir: &Path, node: &str, number: u64) -> Result<Segment, AuditError> {
    let path = path_of(dir, node, number);
    let file = OpenOptions::new().read(true).write(true).open(&path).map_err(AuditError::file(&path))?;
    let tail = tail::read(&file, &path, node, number)?;
    let Some(chain) = tail.chain else {
        let before = if number > 1 { last_line(dir, node, number - 1)? } else { None };
        let previous = before.map(|chain| (number - 1, chain));
        let beginning = Beginning { number, begun: Begun::HeaderLost, previous, cut: tail.cut.as_ref() };
        return segment::create(dir, node, &beginning);
    };
    let segment = Segment { file, number, chain, end: tail.end };
    match tail.cut {
        None => Ok(segment),
        Some(cut) => segment::repair(segment, &cut, &path),
    }
}

/// The chain after the last whole line of a file that is not written any more, taken at its word; none if the file or
/// the line is not there.
fn last_line(dir: &Path, node: &str, number: u64) -> Result<Option<Chain>, AuditError> {
    let path = path_of(dir, node, number);
    match File::open(&path) {
        Ok(file) => tail::last_record(&file).map_err(AuditError::file(path)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(AuditError::file(path)(error)),
    }
}
