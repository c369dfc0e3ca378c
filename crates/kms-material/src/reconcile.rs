//! R1-R4: makes rows and objects one again after any crash. Runs at start and on a timer, on every node.

use std::collections::HashSet;

use kms_core::hsm::ObjectKind;
use kms_core::{KmsError, ObjectId};
use kms_metadata::{ObjectRow, ObjectState, TryLock};
use time::Duration;

use crate::Keeper;

/// How old a row `creating` must be before it is looked at: comfort only, the lock decides. With a run every 30 seconds rows
/// and token are one a minute after the last request, whatever broke.
pub(crate) const STALE: Duration = Duration::seconds(25);
const BATCH: i64 = 500;

/// What a run found.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Report {
    /// Attempts that were given up and undone (R1).
    pub undone: usize,
    /// Condemned objects that were destroyed (R2, R3).
    pub finished: usize,
    /// Objects without any row: reported, never destroyed unasked (R3).
    pub unknown: Vec<ObjectId>,
    /// Objects without an id, torn by a kill while they were made.
    pub nameless: usize,
    /// Wrapping pairs without an object: their rows were condemned and finished (R4). Nothing of the owner's is lost.
    pub missing_pairs: usize,
    /// Other `present` rows whose object is missing (R4).
    pub missing: Vec<ObjectId>,
    /// What could not be finished now; the next run tries again.
    pub unfinished: usize,
}

impl Report {
    /// The two as one.
    pub(crate) fn with(mut self, other: Self) -> Self {
        self.undone += other.undone;
        self.finished += other.finished;
        self.unknown.extend(other.unknown);
        self.nameless += other.nameless;
        self.missing_pairs += other.missing_pairs;
        self.missing.extend(other.missing);
        self.unfinished += other.unfinished;
        self
    }

    /// Counts and tells what could not be finished for one object.
    fn tolerate<T>(&mut self, object: ObjectId, outcome: Result<T, KmsError>) -> Option<T> {
        outcome
            .inspect_err(|error| {
                let cause = std::error::Error::source(error).map(ToString::to_string);
                tracing::warn!(%object, %error, cause, "an object could not be finished now");
                self.unfinished += 1;
            })
            .ok()
    }
}

impl Keeper {
    /// One run over rows and token. `at_start` also undoes young rows: at the start of a lone node nobody else is at them,
    /// and if somebody is, he holds the lock.
    ///
    /// # Errors
    /// Postgres does not answer or the token is unknown; nothing is destroyed on a guess. One object that cannot be finished
    /// is counted and holds up no other.
    pub fn reconcile(&self, at_start: bool) -> Result<Report, KmsError> {
        self.hsm.check()?;
        let mut report = Report::default();
        let age = if at_start { Duration::ZERO } else { STALE };
        // Rows are dated by the database, so their age is told by its time.
        let stale = self.metadata.read(|tx| {
            let before = tx.now()? - age;
            Ok::<_, KmsError>(tx.stale_creating(&self.token, before, BATCH)?)
        })?;
        for row in stale {
            let undone = report.tolerate(row.id, self.undo(&row));
            report.undone += usize::from(undone == Some(true));
        }
        for row in self.metadata.read(|tx| Ok::<_, KmsError>(tx.destroying(&self.token, BATCH)?))? {
            let finished = report.tolerate(row.id, self.finish_row(&row));
            report.finished += usize::from(finished.is_some());
        }
        if let Err(error) = self.hsm.discard_torn() {
            tracing::warn!(%error, "halves of objects could not be discarded");
        }
        self.sweep(&mut report)?;
        self.find_missing(&mut report)?;
        Ok(report)
    }

    /// R1: an attempt whose creator is gone. A held lock means that the creator lives.
    fn undo(&self, row: &ObjectRow) -> Result<bool, KmsError> {
        let condemned = self.metadata.write(|tx| {
            let is_free = match &row.key {
                Some((address, _)) => !matches!(tx.try_lock_key(address.region, address.key_id)?, TryLock::Busy),
                None => tx.try_lock_object(row.id)?.is_some(),
            };
            if is_free { Ok::<_, KmsError>(tx.condemn_creating(row.id)?) } else { Ok(false) }
        })?;
        if condemned {
            tracing::info!(object = %row.id, "an unfinished attempt is undone");
            self.finish_row(row)?;
        }
        Ok(condemned)
    }

    fn finish_row(&self, row: &ObjectRow) -> Result<(), KmsError> {
        self.finish(row.key.as_ref().map(|(address, _)| address), row.id)
    }

    /// R3: the objects are listed first, their rows read after, so that no young object looks like an unknown one.
    fn sweep(&self, report: &mut Report) -> Result<(), KmsError> {
        let objects = self.hsm.list()?;
        report.nameless = objects.iter().filter(|object| object.id.is_none()).count();
        let ids: Vec<ObjectId> = objects.iter().filter_map(|object| object.id).collect();
        let states = self.metadata.read(|tx| Ok::<_, KmsError>(tx.object_states(&ids)?))?;
        for id in ids {
            match states.get(&id) {
                Some(ObjectState::Destroying | ObjectState::Destroyed) => {
                    let destroyed = report.tolerate(id, self.hsm.destroy(id).map_err(KmsError::from));
                    report.finished += usize::from(destroyed.is_some());
                }
                Some(ObjectState::Creating | ObjectState::Present) => {}
                None => report.unknown.push(id),
            }
        }
        if !report.unknown.is_empty() || report.nameless > 0 {
            tracing::warn!(
                unknown = report.unknown.len(),
                nameless = report.nameless,
                "the token holds unknown objects"
            );
        }
        Ok(())
    }

    /// R4: rows are read first and again after the search, so that a delete between the two raises no alarm.
    fn find_missing(&self, report: &mut Report) -> Result<(), KmsError> {
        let rows = self.metadata.read(|tx| Ok::<_, KmsError>(tx.present_of_token(&self.token)?))?;
        let objects: HashSet<ObjectId> = self.hsm.list()?.into_iter().filter_map(|object| object.id).collect();
        let absent: Vec<&ObjectRow> = rows.iter().filter(|row| !objects.contains(&row.id)).collect();
        if absent.is_empty() {
            return Ok(());
        }
        let ids: Vec<ObjectId> = absent.iter().map(|row| row.id).collect();
        let states = self.metadata.read(|tx| Ok::<_, KmsError>(tx.object_states(&ids)?))?;
        for row in absent.into_iter().filter(|row| states.get(&row.id) == Some(&ObjectState::Present)) {
            if row.kind == ObjectKind::Wrapping {
                tracing::warn!(object = %row.id, "a wrapping pair has no object in the token and is given up");
                self.metadata.write(|tx| tx.condemn(row.id))?;
                let finished = report.tolerate(row.id, self.finish_row(row));
                report.missing_pairs += usize::from(finished.is_some());
            } else {
                tracing::error!(object = %row.id, "a present row has no object in the token");
                report.missing.push(row.id);
            }
        }
        Ok(())
    }
}
