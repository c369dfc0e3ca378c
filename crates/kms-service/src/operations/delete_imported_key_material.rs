//! `DeleteImportedKeyMaterial`: destroys the object in the token and answers once a search has confirmed it.
//! Source: AWS KMS API Reference, DeleteImportedKeyMaterial.

use kms_core::{KeyMaterialId, KmsError};
use serde::{Deserialize, Serialize};

use crate::context::Context;

/// The request.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Input {
    key_id: String,
    key_material_id: Option<String>,
}

/// The answer. Without material there is no id to give.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(Deserialize))]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Output {
    key_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    key_material_id: Option<String>,
}

/// # Errors
/// `NotFoundException`, `InvalidArnException`; `UnsupportedOperationException` for another origin;
/// `ValidationException` for a material that the key never had; `KMSInvalidStateException`.
pub(crate) fn run(cx: &Context<'_>, input: Input) -> Result<Output, KmsError> {
    let key = cx.key_for(&input.key_id)?;
    cx.check_external(&key)?;
    let named = input.key_material_id.as_deref().and_then(KeyMaterialId::parse);
    let removed = cx.keeper_of(&key)?.delete(&key.address, named.as_ref(), &|response| cx.audit(response))?;
    Ok(Output { key_id: key.address.arn(), key_material_id: removed.map(|id| id.to_string()) })
}
