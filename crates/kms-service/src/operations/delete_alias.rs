//! `DeleteAlias`: takes a name off a key, in every state of the key. Source: AWS KMS API Reference, DeleteAlias.

use kms_core::KmsError;
use serde::Deserialize;

use super::Empty;
use crate::context::Context;

/// The request.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Input {
    alias_name: String,
}

/// # Errors
/// Those of the name; `NotFoundException`.
pub(crate) fn run(cx: &Context<'_>, input: Input) -> Result<Empty, KmsError> {
    let alias = cx.alias_named(&input.alias_name)?;
    let _it_exists = cx.find_alias(&alias)?;
    cx.change_alias(&alias, None, |tx, row, [key, _]| {
        cx.check_state(key)?;
        cx.event.borrow_mut().set_keys([(key.address.account, key.address.arn())]);
        Ok(tx.delete_alias(row)?)
    })?;
    Ok(Empty {})
}
