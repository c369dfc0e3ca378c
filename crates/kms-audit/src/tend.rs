//! What an open log needs from time to time: whether its file is still there and its disk takes more, and a new file for
//! a new day.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use time::OffsetDateTime;

use crate::Durability;
use crate::error::AuditError;
use crate::file_name::path_of;
use crate::header::{Begun, interrupted_body};
use crate::log::{AuditLog, State};
use crate::segment::{LEAST, Segment};

impl AuditLog {
    /// Looks after the log; call it every few seconds. `now` says which day it is, in UTC.
    ///
    /// - A file that was moved away, deleted or cut is noticed, the next one begun, and a deleted one put back from the open
    ///   handle.
    /// - The first look of a day begins a new file.
    /// - Space is made ahead, so that a disk which is full or for reading only shows while nobody asks.
    /// - Once the log can be written again, a line `interrupted` tells how many batches were refused.
    ///
    /// # Errors
    /// The log cannot be written now, so what needs a record will be refused; `Moved` when the file was gone, once, after
    /// the next one was begun.
    pub fn tend(&self, now: OffsetDateTime) -> Result<(), AuditError> {
        let moved = self.notice_moved_file()?;
        self.rotate_on_new_day(now);
        self.make_room()?;
        let refused = self.refused.load(Ordering::Acquire);
        if refused > 0 {
            // An attempt of the log's own is no batch that somebody was refused for.
            self.append(&[interrupted_body(refused)]).inspect_err(|_| {
                self.refused.fetch_sub(1, Ordering::AcqRel);
            })?;
            self.refused.fetch_sub(refused, Ordering::AcqRel);
        }
        moved.map_or(Ok(()), Err)
    }

    /// Gives back the space that was made ahead: at the end of the process. Appends still work.
    ///
    /// # Errors
    /// `Write` if the file cannot be cut.
    pub fn trim(&self) -> Result<(), AuditError> {
        let state = self.at_rest();
        state.segment.truncate(state.end)
    }

    fn notice_moved_file(&self) -> Result<Option<AuditError>, AuditError> {
        let mut state = self.at_rest();
        let (old, end) = (Arc::clone(&state.segment), state.end);
        let path = path_of(&self.dir, &self.node, old.number);
        let is_whole = old.file.metadata().is_ok_and(|metadata| metadata.len() >= end);
        if is_whole && old.is_in_place(&path).map_err(AuditError::file(&path))? {
            return Ok(None);
        }
        tracing::error!(path = %path.display(), "the audit file was moved away, deleted or cut");
        self.begin_next(&mut state, Begun::Moved)?;
        drop(state);
        self.put_back(&old, end);
        Ok(Some(AuditError::Moved(path)))
    }

    /// A deleted file has its answered records in the open handle only.
    fn put_back(&self, old: &Segment, end: u64) {
        let path = path_of(&self.dir, &self.node, old.number);
        match old.put_back(&path, end) {
            Ok(true) => tracing::warn!(path = %path.display(), "the deleted audit file was put back"),
            Ok(false) => {}
            Err(error) => tracing::error!(path = %path.display(), %error, "the deleted audit file is lost"),
        }
    }

    fn rotate_on_new_day(&self, now: OffsetDateTime) {
        let today = now.to_julian_day();
        let mut state = self.at_rest();
        let begun = state.day.or_else(|| last_written(&state)).unwrap_or(today);
        if begun < today
            && state.has_records()
            && let Err(error) = self.begin_next(&mut state, Begun::Rotated)
        {
            tracing::warn!(%error, "the audit file of a new day could not be begun");
            return;
        }
        state.day = Some(today.max(begun));
    }

    fn make_room(&self) -> Result<(), AuditError> {
        let (segment, end) = {
            let state = self.at_rest();
            (Arc::clone(&state.segment), state.end)
        };
        match self.durability {
            Durability::Write => segment.reserve(end),
            Durability::Durable => {
                let ahead = segment.allocate(end + self.step(), self.step());
                ahead.or_else(|_| segment.allocate(end + LEAST, 0))
            }
        }
    }
}

/// The day of the last write to a file that another process began.
fn last_written(state: &State) -> Option<i32> {
    let modified = state.segment.file.metadata().ok()?.modified().ok()?;
    Some(OffsetDateTime::from(modified).to_julian_day())
}
