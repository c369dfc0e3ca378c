//! `TagResource`: puts tags on a key. Source: AWS KMS API Reference, TagResource; kms-operations.md 8.

use kms_core::KmsError;
use serde::Deserialize;

use super::Empty;
use crate::context::Context;
use crate::tags::{self, Tag};

/// The request.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Input {
    key_id: String,
    tags: Vec<Tag>,
}

/// # Errors
/// `NotFoundException`, `InvalidArnException`; `TagException`; `KMSInvalidStateException` if the key awaits deletion.
pub(crate) fn run(cx: &Context<'_>, input: Input) -> Result<Empty, KmsError> {
    let key = cx.key_for(&input.key_id)?;
    let tags = tags::check(input.tags)?;
    cx.change_beside(&key.address, |tx, key| {
        cx.check_state(key)?;
        tx.put_tags(&key.address, &tags)?;
        let of_key = tx.list_tags(key.address.region, key.address.key_id)?;
        if of_key.len() > tags::MAX_TAGS { Err(tags::too_many()) } else { Ok(()) }
    })?;
    Ok(Empty {})
}
