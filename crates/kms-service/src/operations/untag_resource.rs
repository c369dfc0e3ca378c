//! `UntagResource`: takes tags off a key. Source: AWS KMS API Reference, UntagResource; kms-operations.md 8.

use kms_core::KmsError;
use serde::Deserialize;

use super::Empty;
use crate::context::Context;

/// The request.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Input {
    key_id: String,
    tag_keys: Vec<String>,
}

/// Tag keys that the key does not have are passed over.
///
/// # Errors
/// `NotFoundException`, `InvalidArnException`; `KMSInvalidStateException` if the key awaits deletion.
pub(crate) fn run(cx: &Context<'_>, input: Input) -> Result<Empty, KmsError> {
    let key = cx.key_for(&input.key_id)?;
    // No key has a tag with U+0000, which Postgres could not even be asked for.
    let tag_keys: Vec<&str> = input.tag_keys.iter().map(String::as_str).filter(|key| !key.contains('\0')).collect();
    cx.change_beside(&key.address, |tx, key| {
        cx.check_state(key)?;
        Ok(tx.delete_tags(&key.address, &tag_keys)?)
    })?;
    Ok(Empty {})
}
