//! What a management operation works with: the caller, the rows, the token, the audit record of the request.

use std::cell::RefCell;

use kms_core::key_ref::{aliases_not_supported, does_not_exist, is_alias};
use kms_core::key_spec::Origin;
use kms_core::key_state::{check_state, key_state};
use kms_core::{KeyFacts, KmsError, Operation, Timestamp};
use kms_material::{AuditEntry, Keeper, Keepers};
use kms_metadata::{KeyChange, KeyRow, MetadataError};
use serde_json::Value;

use crate::audit_event::EventDraft;
use crate::caller::Caller;
use crate::gate::Gate;
use crate::target::Target;

/// One management request on its worker.
pub(crate) struct Context<'a> {
    pub(crate) operation: Operation,
    pub(crate) caller: &'a Caller,
    pub(crate) keepers: &'a Keepers,
    pub(crate) pages: &'a kms_core::sealing::Sealer,
    /// Before RSA keys are generated in the token.
    pub(crate) rsa_gate: &'a Gate,
    pub(crate) event: RefCell<EventDraft>,
}

impl Context<'_> {
    /// The time that expiry, tokens and windows go by.
    pub(crate) fn now(&self) -> Timestamp {
        self.keepers.clock().now()
    }

    /// The keeper of the token that a key is bound to.
    ///
    /// # Errors
    /// `KMSInternalException` if this node has no such token.
    pub(crate) fn keeper_of(&self, facts: &KeyFacts) -> Result<&Keeper, KmsError> {
        self.keepers.of(facts)
    }

    /// The key that `KeyId` names, read now: found, then authorized.
    ///
    /// # Errors
    /// `InvalidArnException` for an alias where only keys may stand; `NotFoundException`; `AccessDeniedException`.
    pub(crate) fn key_for(&self, key_id: &str) -> Result<KeyFacts, KmsError> {
        if is_alias(key_id) && !self.operation.takes_alias() {
            return Err(aliases_not_supported());
        }
        let action = self.operation.name();
        let target = Target::named(key_id, self.caller, action)?;
        let found = self.read(|tx| target.find(tx))?;
        let KeyRow { facts, .. } = target.authorize(found, |row| &row.facts, self.caller, action)?;
        self.event.borrow_mut().set_keys([(facts.address.account, facts.address.arn())]);
        Ok(facts)
    }

    /// The state of the key allows this operation.
    ///
    /// # Errors
    /// `DisabledException`, `KMSInvalidStateException`.
    pub(crate) fn check_state(&self, facts: &KeyFacts) -> Result<(), KmsError> {
        check_state(self.operation, &facts.address, key_state(facts, self.now()))
    }

    /// The key's material is imported.
    ///
    /// # Errors
    /// `UnsupportedOperationException` for every other origin.
    pub(crate) fn check_external(&self, facts: &KeyFacts) -> Result<(), KmsError> {
        if facts.origin == Origin::External {
            return Ok(());
        }
        Err(KmsError::UnsupportedOperation(Some(format!(
            "{} origin is {} which is not valid for this operation.",
            facts.address.arn(),
            facts.origin
        ))))
    }

    /// Changes a key under its row's lock, if its state still allows it; the audit record goes with it.
    ///
    /// # Errors
    /// `NotFoundException` for a key that is gone or being purged; those of the state.
    pub(crate) fn change_key(
        &self,
        facts: &KeyFacts,
        response: Value,
        change: impl FnOnce(&KeyFacts) -> KeyChange,
    ) -> Result<KeyFacts, KmsError> {
        let address = &facts.address;
        self.keepers.metadata().write(|tx| {
            let row = tx
                .lock_key(address.region, address.key_id)?
                .filter(|row| row.purge_started_at.is_none())
                .ok_or_else(|| does_not_exist(&address.arn()))?;
            self.check_state(&row.facts)?;
            tx.update_key(&row.facts, &change(&row.facts))?;
            self.audit(response).insert(tx)?;
            Ok::<_, KmsError>(row.facts)
        })
    }

    /// The audit record of this change, with its response elements.
    pub(crate) fn audit(&self, response: Value) -> AuditEntry {
        self.event.borrow_mut().entry(response)
    }

    /// A read of rows in one snapshot.
    ///
    /// # Errors
    /// Postgres does not answer.
    pub(crate) fn read<T>(
        &self,
        read: impl FnOnce(&mut kms_metadata::Tx<'_>) -> Result<T, MetadataError>,
    ) -> Result<T, KmsError> {
        Ok(self.keepers.metadata().read(read)?)
    }
}
