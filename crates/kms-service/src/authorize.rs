//! May this caller do this to this key? Callers are root users of accounts, so the answer is the account alone.

use kms_core::{KmsError, Operation};

use crate::caller::Caller;
use crate::key_record::KeyRecord;

/// Lets a root user work on the keys of its own account.
///
/// # Errors
/// `AccessDeniedException` for a foreign key, in the words for a key that does not exist (protocol.md 7).
pub(crate) fn authorize(caller: &Caller, operation: Operation, key: &KeyRecord) -> Result<(), KmsError> {
    if key.facts.address.account == caller.account { Ok(()) } else { Err(no_such_resource(caller, operation)) }
}

/// A key of another account, known or not: the two cannot be told apart.
pub(crate) fn no_such_resource(caller: &Caller, operation: Operation) -> KmsError {
    denied(caller, operation, "this resource")
}

/// The key that a ciphertext names is unknown here or belongs to another account.
pub(crate) fn no_such_ciphertext_key(caller: &Caller, operation: Operation) -> KmsError {
    denied(caller, operation, "the resource associated with this ciphertext")
}

fn denied(caller: &Caller, operation: Operation, resource: &str) -> KmsError {
    KmsError::AccessDenied(format!(
        "User: {} is not authorized to perform: kms:{operation} on {resource} because the resource does not exist in \
         this Region, no resource-based policies allow access, or a resource-based policy explicitly denies access",
        caller.arn
    ))
}
