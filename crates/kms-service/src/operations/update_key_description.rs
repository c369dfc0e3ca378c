//! `UpdateKeyDescription`. Source: AWS KMS API Reference, UpdateKeyDescription.

use kms_core::KmsError;
use kms_metadata::KeyChange;
use serde::Deserialize;
use serde_json::json;

use super::Empty;
use super::create_key::check_description;
use crate::context::Context;

/// The request.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Input {
    key_id: String,
    description: String,
}

/// # Errors
/// `ValidationException` for U+0000 in the description; `NotFoundException`, `InvalidArnException`;
/// `KMSInvalidStateException` if the key awaits deletion.
pub(crate) fn run(cx: &Context<'_>, input: Input) -> Result<Empty, KmsError> {
    check_description(&input.description)?;
    let key = cx.key_for(&input.key_id)?;
    let response = json!({"keyId": key.address.arn()});
    cx.change_key(&key, response, |_| KeyChange { description: Some(input.description), ..KeyChange::default() })?;
    Ok(Empty {})
}
