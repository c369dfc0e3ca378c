//! The final deletion of a key whose window is over. Irreversible from its first transaction.

use kms_core::{KeyAddress, KmsError};
use kms_metadata::{KeyChange, TryLock};

use crate::expiry::{ServiceAudit, ServiceStep, each_of};
use crate::{AuditEntry, Keeper};

const BATCH: i64 = 100;

impl Keeper {
    /// Purges all keys of this token whose deletion date has passed and that no other node is at; returns how many.
    /// `committed` gets the audit records of what was committed, whatever comes after.
    ///
    /// # Errors
    /// Postgres or the token does not answer; the next run goes on where this one stopped.
    pub fn purge_due(&self, audit: ServiceAudit<'_>, committed: &mut Vec<AuditEntry>) -> Result<usize, KmsError> {
        let now = self.clock.now();
        let due = self.metadata.read(|tx| Ok::<_, KmsError>(tx.due_deletions(&self.token, now, BATCH)?))?;
        each_of(due, |address| self.purge(&address, audit, committed))
    }

    fn purge(
        &self,
        address: &KeyAddress,
        audit: ServiceAudit<'_>,
        committed: &mut Vec<AuditEntry>,
    ) -> Result<bool, KmsError> {
        let condemned = self.metadata.write(|tx| {
            let TryLock::Locked(row) = tx.try_lock_key(address.region, address.key_id)? else { return Ok(None) };
            let now = self.clock.now();
            if row.facts.deletion_date.is_none_or(|date| now < date) {
                return Ok(None);
            }
            let is_first = row.purge_started_at.is_none();
            let change = KeyChange {
                purge_started_at: Some(row.purge_started_at.unwrap_or(now)),
                material_changed: true,
                ..KeyChange::default()
            };
            let condemned = Self::condemn(tx, &row.facts, None, &change)?;
            // From here the key is lost, so the record goes with this change and not with the row's end.
            let entry = is_first.then(|| audit(ServiceStep::KeyDeleted, address));
            entry.iter().try_for_each(|entry| entry.insert(tx))?;
            Ok::<_, KmsError>(Some((condemned, entry)))
        })?;
        let Some((condemned, entry)) = condemned else { return Ok(false) };
        committed.extend(entry);
        fail::fail_point!("material.purge.condemned", |_| Ok(false));
        self.finish_all(address, &condemned)?;
        fail::fail_point!("material.purge.finished", |_| Ok(false));
        self.metadata.write(|tx| {
            let Some(row) = tx.lock_key(address.region, address.key_id)? else { return Ok(false) };
            if !tx.objects_of_key(address.region, address.key_id)?.is_empty() {
                return Ok(false);
            }
            tx.delete_key(&row.facts)?;
            Ok(true)
        })
    }
}
