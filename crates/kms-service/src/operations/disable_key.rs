//! `DisableKey`: makes a key unusable until it is enabled again. Source: AWS KMS API Reference, DisableKey.

use kms_core::KmsError;
use kms_metadata::KeyChange;
use serde_json::json;

use super::{Empty, KeyInput};
use crate::context::Context;

/// # Errors
/// `NotFoundException`, `InvalidArnException`; `KMSInvalidStateException` if the key awaits deletion or import.
pub(crate) fn run(cx: &Context<'_>, input: KeyInput) -> Result<Empty, KmsError> {
    let key = cx.key_for(&input.key_id)?;
    let response = json!({"keyId": key.address.arn()});
    cx.change_key(&key, response, |_| KeyChange { enabled: Some(false), ..KeyChange::default() })?;
    Ok(Empty {})
}
