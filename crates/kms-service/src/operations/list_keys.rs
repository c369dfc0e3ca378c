//! `ListKeys`: the keys of the caller's account and region, in all states. Source: AWS KMS API Reference, ListKeys.

use kms_core::{KeyAddress, KeyId, KmsError};
use serde::{Deserialize, Serialize};

use crate::context::Context;
use crate::page::{Page, Sizes};

/// The pages of this list.
const SIZES: Sizes = Sizes { default: 100, most: 1000 };

/// The request.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Input {
    limit: Option<i64>,
    marker: Option<String>,
    resource_owners: Option<Vec<String>>,
}

/// The answer.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(Deserialize))]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Output {
    keys: Vec<KeyListEntry>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_marker: Option<String>,
    truncated: bool,
}

/// One key of the list.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(Deserialize))]
#[serde(rename_all = "PascalCase")]
pub(crate) struct KeyListEntry {
    key_id: String,
    key_arn: String,
}

/// # Errors
/// `InvalidMarkerException`.
pub(crate) fn run(cx: &Context<'_>, input: Input) -> Result<Output, KmsError> {
    let page = Page::open(cx, "", SIZES, input.limit, input.marker.as_deref())?;
    let after = page.after().and_then(KeyId::parse);
    let owns_some = input.resource_owners.is_none_or(|owners| owners.iter().any(|owner| owner == "SELF"));
    let (region, account) = (cx.caller.region, cx.caller.account);
    let ids = match owns_some {
        true => cx.read(|tx| tx.list_keys(region, account, after, page.wanted()))?,
        false => Vec::new(),
    };
    let (ids, next_marker) = page.cut(ids, KeyId::to_string)?;
    let entry = |key_id: KeyId| KeyListEntry {
        key_id: key_id.to_string(),
        key_arn: KeyAddress { region, account, key_id }.arn(),
    };
    Ok(Output { keys: ids.into_iter().map(entry).collect(), truncated: next_marker.is_some(), next_marker })
}
