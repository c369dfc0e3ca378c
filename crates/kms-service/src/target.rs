//! The key that a request is about: how it is named, how it is found, and that it is the caller's.
//!
//! Callers are root users of accounts, so authorization is the account alone: a key of another account is as unknown as one
//! that does not exist, by its id, its ARN, its alias and its ciphertexts (protocol.md 7).

use kms_core::key_ref::{alias_not_found, does_not_exist};
use kms_core::{AliasAddress, KeyAddress, KeyFacts, KeyId, KeyRef, KmsError, Region};
use kms_metadata::{KeyRow, MetadataError, Tx};

use crate::caller::Caller;

/// A key as a request names it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Target {
    /// By id or ARN; the account is the caller's.
    Key(KeyAddress),
    /// By alias; the account is the caller's.
    Alias(AliasAddress),
    /// By a ciphertext that it made; its owner is not in the blob.
    OfCiphertext(Region, KeyId),
}

impl Target {
    /// Reads a member that names a key; `action` is what the caller wants to be allowed.
    ///
    /// # Errors
    /// `NotFoundException` for what can name no key here; `AccessDeniedException` for what another account owns, whether it
    /// exists or not.
    pub(crate) fn named(key_id: &str, caller: &Caller, action: &str) -> Result<Self, KmsError> {
        let (account, target) = match KeyRef::parse(key_id, caller.region, caller.account)? {
            KeyRef::Key(address) => (address.account, Self::Key(address)),
            KeyRef::Alias(alias) => (alias.account, Self::Alias(alias)),
        };
        if account == caller.account { Ok(target) } else { Err(denied(caller, action, "this resource")) }
    }

    /// Reads the key that is meant now, whosever it is.
    ///
    /// # Errors
    /// Postgres does not answer.
    pub(crate) fn find(&self, tx: &mut Tx<'_>) -> Result<Option<KeyRow>, MetadataError> {
        match self {
            Self::Key(address) => tx.find_key(address.region, address.key_id),
            Self::OfCiphertext(region, key_id) => tx.find_key(*region, *key_id),
            Self::Alias(alias) => match tx.find_alias(alias.region, alias.account, &alias.name)? {
                Some(alias) => tx.find_key(alias.target.region, alias.target.key_id),
                None => Ok(None),
            },
        }
    }

    /// Authorizes: what was found must be the caller's. Takes whatever holds the facts of a key.
    ///
    /// # Errors
    /// `NotFoundException` or `AccessDeniedException`, the same for no key and for a foreign one.
    pub(crate) fn authorize<T>(
        &self,
        found: Option<T>,
        facts: impl FnOnce(&T) -> &KeyFacts,
        caller: &Caller,
        action: &str,
    ) -> Result<T, KmsError> {
        match found {
            Some(key) if facts(&key).address.account == caller.account => Ok(key),
            _ => Err(match self {
                Self::Key(address) => does_not_exist(&address.arn()),
                Self::Alias(alias) => alias_not_found(&alias.arn()),
                Self::OfCiphertext(..) => denied(caller, action, "the resource associated with this ciphertext"),
            }),
        }
    }
}

fn denied(caller: &Caller, action: &str, resource: &str) -> KmsError {
    KmsError::AccessDenied(format!(
        "User: {} is not authorized to perform: kms:{action} on {resource} because the resource does not exist in \
         this Region, no resource-based policies allow access, or a resource-based policy explicitly denies access",
        caller.arn
    ))
}
