//! Destroys material whose ValidTo has passed. Any number of nodes share the work; it is refused from its second anyway.

use kms_core::{KeyAddress, KeyMaterialId, KmsError};
use kms_metadata::{KeyChange, TryLock};

use crate::{AuditEntry, Keeper};

/// Rows looked at in one run.
const BATCH: i64 = 100;

/// Something that the service does by itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ServiceStep {
    /// Material was destroyed because its ValidTo has passed.
    MaterialExpired(KeyMaterialId),
    /// A key was deleted because its window is over.
    KeyDeleted,
}

/// Renders the audit record of a step of the service on a key.
pub type ServiceAudit<'a> = &'a dyn Fn(ServiceStep, &KeyAddress) -> AuditEntry;

impl Keeper {
    /// Destroys all expired material of this token that no other node is at; returns how many materials.
    /// `committed` gets the audit records of what was committed, whatever comes after.
    ///
    /// # Errors
    /// Postgres or the token does not answer; what is condemned will be finished by the reconciler.
    pub fn expire_due(&self, audit: ServiceAudit<'_>, committed: &mut Vec<AuditEntry>) -> Result<usize, KmsError> {
        let now = self.clock.now();
        let due = self.metadata.read(|tx| Ok::<_, KmsError>(tx.expired_materials(&self.token, now, BATCH)?))?;
        each_of(due, |(address, material)| self.expire(&address, &material, audit, committed))
    }

    fn expire(
        &self,
        address: &KeyAddress,
        id: &KeyMaterialId,
        audit: ServiceAudit<'_>,
        committed: &mut Vec<AuditEntry>,
    ) -> Result<bool, KmsError> {
        let condemned = self.metadata.write(|tx| {
            let TryLock::Locked(row) = tx.try_lock_key(address.region, address.key_id)? else { return Ok(None) };
            let expired =
                |material: &&kms_core::Material| material.object.is_some() && !material.is_usable(self.clock.now());
            let Some(material) = row.facts.material(id).filter(expired) else { return Ok(None) };
            let change = KeyChange { material_changed: true, ..KeyChange::default() };
            let condemned = Self::condemn(tx, &row.facts, Some(material), &change)?;
            let entry = audit(ServiceStep::MaterialExpired(*id), address);
            entry.insert(tx)?;
            Ok::<_, KmsError>(Some((condemned, entry)))
        })?;
        let Some((condemned, entry)) = condemned else { return Ok(false) };
        committed.push(entry);
        fail::fail_point!("material.expiry.condemned", |_| Ok(false));
        self.finish_all(address, &condemned).map(|()| true)
    }
}

/// Does one thing after the other and counts those that were done; one that fails holds up no other.
///
/// # Errors
/// The first failure, once all were tried.
pub(crate) fn each_of<T>(
    all: impl IntoIterator<Item = T>,
    mut run: impl FnMut(T) -> Result<bool, KmsError>,
) -> Result<usize, KmsError> {
    let mut done = 0;
    let mut failure = None;
    for one in all {
        match run(one) {
            Ok(is_done) => done += usize::from(is_done),
            Err(error) => failure = failure.or(Some(error)),
        }
    }
    failure.map_or(Ok(done), Err)
}
