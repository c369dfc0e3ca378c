//! `CancelKeyDeletion`: the key is Disabled again, or PendingImport when its material is gone.
//! Source: AWS KMS API Reference, CancelKeyDeletion.

use kms_core::KmsError;
use kms_metadata::KeyChange;
use serde::Serialize;
use serde_json::json;

use super::KeyInput;
use crate::context::Context;

/// The answer.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(serde::Deserialize))]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Output {
    key_id: String,
}

/// # Errors
/// `NotFoundException`, also once the final deletion has begun; `InvalidArnException`; `KMSInvalidStateException` if no
/// deletion is scheduled.
pub(crate) fn run(cx: &Context<'_>, input: KeyInput) -> Result<Output, KmsError> {
    let key = cx.key_for(&input.key_id)?;
    let arn = key.address.arn();
    let change = KeyChange { deletion_date: Some(None), enabled: Some(false), ..KeyChange::default() };
    cx.change_key(&key, json!({"keyId": arn}), |_| change)?;
    Ok(Output { key_id: arn })
}
