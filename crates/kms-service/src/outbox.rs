//! What this process knows of its rows in `audit_outbox`. A change commits its record as such a row; its request appends
//! the record to the file before it answers, and the row is deleted later, in one go with others. What remains (of a
//! node that died, of a request that failed after its change) is appended by [`Outbox::forward`], exactly once by the id
//! of the event as far as that can be known (docs/decisions/0008-a-change-and-its-refusal-are-two-records.md).

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use kms_audit::{AuditLog, late_body};
use kms_core::KmsError;
use kms_metadata::{Metadata, OutboxRecord, Tx};
use uuid::Uuid;

/// Rows looked at in one run.
const BATCH: i64 = 500;

/// The events of this process whose rows may be there.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    stages: Mutex<HashMap<Uuid, Stage>>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Stage {
    /// A request is at it and will settle it.
    InFlight,
    /// The file holds the record; the row can go.
    Written,
    /// The file does not hold the record. If there is a row, it must be appended.
    Owed,
}

/// An event whose change may be committed while its record is not yet in the file. Dropped unsettled, as by a panic or
/// an error, it is owed.
#[derive(Debug)]
pub(crate) struct InFlight {
    outbox: Arc<Outbox>,
    event_id: Uuid,
}

impl Outbox {
    /// Call it before the change of this event begins.
    pub(crate) fn begin(self: &Arc<Self>, event_id: Uuid) -> InFlight {
        self.stages().insert(event_id, Stage::InFlight);
        InFlight { outbox: Arc::clone(self), event_id }
    }

    /// Deletes the rows whose records the file holds, and appends the records of the others that this node must see to.
    /// Gives how many were appended. Run it from one thread.
    ///
    /// # Errors
    /// Postgres does not answer, or the file cannot be written: the next run tries again.
    pub(crate) fn forward(&self, metadata: &Metadata, audit: &AuditLog) -> Result<usize, KmsError> {
        let written = self.at(Stage::Written);
        let (appended, done) = metadata.write(|tx| {
            if !written.is_empty() {
                tx.delete_audit(&written)?;
            }
            self.take_rest(tx, audit)
        })?;
        let mut stages = self.stages();
        for event_id in written.iter().chain(&done) {
            stages.remove(event_id);
        }
        Ok(appended)
    }

    /// Appends what is due, and deletes its rows. The rows stay locked meanwhile, so no other node appends them too.
    fn take_rest(&self, tx: &mut Tx<'_>, audit: &AuditLog) -> Result<(usize, Vec<Uuid>), KmsError> {
        let rows = tx.lock_audit(BATCH)?;
        let due = self.due(rows);
        if due.is_empty() {
            return Ok((0, Vec::new()));
        }
        let unknown: HashSet<Uuid> =
            due.iter().filter(|(_, stage)| stage.is_none()).map(|(row, _)| row.event_id).collect();
        // Of a process before this one, which may have written it and died before the row was gone.
        let held = if unknown.is_empty() { unknown } else { audit.find(&unknown).map_err(KmsError::internal)? };
        let missing: Vec<&OutboxRecord> =
            due.iter().map(|(row, _)| row).filter(|row| !held.contains(&row.event_id)).collect();
        let bodies = missing.iter().map(|row| late_body(&row.record, tx.foreign(&row.node)));
        audit
            .append(&bodies.collect::<Result<Vec<_>, _>>().map_err(KmsError::internal)?)
            .map_err(KmsError::internal)?;
        let done: Vec<Uuid> = due.iter().map(|(row, _)| row.event_id).collect();
        // Before the rows are deleted: should that fail, the records are known to be in the file.
        self.stages().extend(done.iter().map(|event_id| (*event_id, Stage::Written)));
        tx.delete_audit(&done)?;
        Ok((missing.len(), done))
    }

    /// The rows that nobody is at, with what is known of them. A row that shows was begun before the rows were read, so
    /// its stage is looked at after that.
    fn due(&self, rows: Vec<OutboxRecord>) -> Vec<(OutboxRecord, Option<Stage>)> {
        let mut stages = self.stages();
        let ids: HashSet<Uuid> = rows.iter().map(|row| row.event_id).collect();
        // What is owed and has no row was not committed. Should its row come to light, the file is searched for it.
        stages.retain(|event_id, stage| *stage != Stage::Owed || ids.contains(event_id));
        let with_stage = rows.into_iter().map(|row| {
            let stage = stages.get(&row.event_id).copied();
            (row, stage)
        });
        with_stage.filter(|(_, stage)| matches!(stage, None | Some(Stage::Owed))).collect()
    }

    fn at(&self, wanted: Stage) -> Vec<Uuid> {
        self.stages().iter().filter(|(_, stage)| **stage == wanted).map(|(event_id, _)| *event_id).collect()
    }

    /// Nothing panics while it holds this lock.
    fn stages(&self) -> MutexGuard<'_, HashMap<Uuid, Stage>> {
        self.stages.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl InFlight {
    /// The event.
    pub(crate) fn event_id(&self) -> Uuid {
        self.event_id
    }

    /// The file holds the record.
    pub(crate) fn written(self) {
        self.outbox.stages().insert(self.event_id, Stage::Written);
    }

    /// Nothing was changed, so there is no row.
    pub(crate) fn without_row(self) {
        self.outbox.stages().remove(&self.event_id);
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        let mut stages = self.outbox.stages();
        if let Some(stage @ Stage::InFlight) = stages.get_mut(&self.event_id) {
            *stage = Stage::Owed;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(event_id: Uuid) -> OutboxRecord {
        OutboxRecord { event_id, node: "n".to_owned(), record: "{}".to_owned() }
    }

    #[test]
    fn only_rows_that_no_request_is_at_are_due() {
        let outbox = Arc::new(Outbox::default());
        let ids: Vec<Uuid> = (0..5).map(|_| Uuid::new_v4()).collect();
        let at_it = outbox.begin(ids[0]);
        outbox.begin(ids[1]).written();
        drop(outbox.begin(ids[2]));
        outbox.begin(ids[3]).without_row();
        let due = outbox.due(ids.iter().map(|id| row(*id)).collect());
        let due: Vec<_> = due.iter().map(|(row, stage)| (row.event_id, *stage)).collect();
        assert_eq!(due, [(ids[2], Some(Stage::Owed)), (ids[3], None), (ids[4], None)]);
        assert_eq!(outbox.at(Stage::Written), [ids[1]]);
        drop(at_it);
        assert_eq!(outbox.due(vec![row(ids[0])]), [(row(ids[0]), Some(Stage::Owed))]);
        assert!(outbox.due(Vec::new()).is_empty());
        assert!(outbox.at(Stage::Owed).is_empty(), "without a row nothing is owed");
    }
}
