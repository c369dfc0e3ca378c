//! The claim on an object that is being made: its row is `creating` and locked. The lock of the key's row is the claim where
//! the key is known; the lock of the object's own row where it is not, or where the object belongs to no key.

use kms_core::hsm::{ObjectKind, TokenObject};
use kms_core::{KmsError, ObjectId};
use kms_metadata::{NewObject, ObjectState, Tx};

use crate::Keeper;

impl Keeper {
    /// Commits the intent to make an object that belongs to no key, or to one that does not exist yet.
    pub(crate) fn announce_keyless(&self, object: &TokenObject, kind: ObjectKind) -> Result<(), KmsError> {
        let row = NewObject {
            id: object.id,
            kind,
            label: object.label.clone(),
            key: None,
            token: self.token.clone(),
            claimed_by: self.node.clone(),
        };
        Ok(self.metadata.write(|tx| tx.insert_object(&row))?)
    }
}

/// Takes the claim on a keyless object for the rest of the transaction.
///
/// # Errors
/// `DependencyTimeoutException` if the attempt was given up meanwhile.
pub(crate) fn claim_keyless(tx: &mut Tx<'_>, id: ObjectId) -> Result<(), KmsError> {
    match tx.lock_object(id)? {
        Some(row) if row.state == ObjectState::Creating => Ok(()),
        _ => Err(KmsError::timeout("the attempt was condemned before its object was made")),
    }
}

/// Whether the claim still holds: asked again under the token's lock, right before the object is made.
pub(crate) fn is_creating(tx: &mut Tx<'_>, id: ObjectId) -> bool {
    matches!(tx.find_object(id), Ok(Some(row)) if row.state == ObjectState::Creating)
}

/// Makes the row of a finished object `present`, which ends the claim.
///
/// # Errors
/// `DependencyTimeoutException` if the attempt was given up meanwhile; the transaction must then be rolled back.
pub(crate) fn make_present(tx: &mut Tx<'_>, id: ObjectId) -> Result<(), KmsError> {
    if tx.mark_present(id)? {
        return Ok(());
    }
    Err(KmsError::timeout("the attempt was condemned while its object was made"))
}
