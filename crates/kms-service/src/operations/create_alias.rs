//! `CreateAlias`: a second name of a key. Source: AWS KMS API Reference, CreateAlias; kms-operations.md 7.

use kms_core::KmsError;
use kms_core::key_ref::is_alias;
use kms_metadata::Alias;
use serde::Deserialize;

use super::Empty;
use crate::context::Context;

/// Aliases that a key may have. Source: policies-and-grants.md 7.
const MAX_ALIASES: usize = 50;

/// The request.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Input {
    alias_name: String,
    target_key_id: String,
}

/// # Errors
/// Those of the name; `ValidationException` if the target is an alias; `NotFoundException`;
/// `KMSInvalidStateException` if the key awaits deletion; `AlreadyExistsException`; `LimitExceededException`.
pub(crate) fn run(cx: &Context<'_>, input: Input) -> Result<Empty, KmsError> {
    let alias = cx.alias_named(&input.alias_name)?;
    check_target(&input.target_key_id)?;
    let key = cx.key_for(&input.target_key_id)?;
    let now = cx.now();
    let row = Alias { name: alias.name.clone(), target: key.address, created_at: now, updated_at: now };
    cx.change_beside(&key.address, |tx, key| {
        cx.check_state(key)?;
        if !tx.insert_alias(&row)? {
            let text = format!("An alias with the name {} already exists", alias.arn());
            return Err(KmsError::AlreadyExists(text));
        }
        check_quota(&tx.aliases_of_key(&key.address)?)
    })?;
    Ok(Empty {})
}

/// A target is a key by its id or ARN. The text is that of an emulator; AWS's is not recorded.
///
/// # Errors
/// `ValidationException` for an alias.
pub(super) fn check_target(target_key_id: &str) -> Result<(), KmsError> {
    if is_alias(target_key_id) {
        return Err(KmsError::Validation("Aliases must refer to keys. Not aliases".to_owned()));
    }
    Ok(())
}

/// A key has at most 50 aliases, the one included that it just got. AWS's text is not recorded.
///
/// # Errors
/// `LimitExceededException`.
pub(super) fn check_quota(aliases: &[Alias]) -> Result<(), KmsError> {
    if aliases.len() > MAX_ALIASES {
        return Err(KmsError::LimitExceeded(format!("A key has at most {MAX_ALIASES} aliases.")));
    }
    Ok(())
}
