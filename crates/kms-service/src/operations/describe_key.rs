//! `DescribeKey`: works in every state. Source: AWS KMS API Reference, DescribeKey.

use kms_core::KmsError;
use serde::{Deserialize, Serialize};

use crate::context::Context;
use crate::hot::check_grant_tokens;
use crate::key_metadata::KeyMetadata;

/// The request.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Input {
    key_id: String,
    grant_tokens: Option<Vec<String>>,
}

/// The answer.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(Deserialize))]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Output {
    key_metadata: KeyMetadata,
}

/// # Errors
/// `NotFoundException`, `AccessDeniedException`, `InvalidGrantTokenException`.
pub(crate) fn run(cx: &Context<'_>, input: Input) -> Result<Output, KmsError> {
    loop {
        let asked = cx.now();
        let key = cx.key_for(&input.key_id)?;
        check_grant_tokens(input.grant_tokens.as_deref())?;
        let now = cx.now();
        // Rows of one moment and a state of a later one could show a key as it never was.
        if !key.expires_between(asked, now) {
            return Ok(Output { key_metadata: KeyMetadata::of(&key, now, &**cx.keeper_of(&key)?.hsm()) });
        }
    }
}
