//! `ListKeys`: the keys of the caller's account and region, in all states. Source: AWS KMS API Reference, ListKeys.

use kms_core::{KeyAddress, KeyId, KmsError};
use serde::{Deserialize, Serialize};

use crate::context::Context;
use crate::page;

/// Keys on a page when the request names no limit. Source: kms-operations.md 1.4.
const DEFAULT_LIMIT: i64 = 100;

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
    let cursor = page::cursor(cx.pages, cx.caller, cx.operation, input.marker.as_deref())?;
    let after = cursor.as_deref().and_then(KeyId::parse);
    let limit = input.limit.unwrap_or(DEFAULT_LIMIT);
    let owns_some = input.resource_owners.is_none_or(|owners| owners.iter().any(|owner| owner == "SELF"));
    let (region, account) = (cx.caller.region, cx.caller.account);
    let mut ids = match owns_some {
        true => cx.read(|tx| tx.list_keys(region, account, after, limit + 1))?,
        false => Vec::new(),
    };
    let truncated = i64::try_from(ids.len()).is_ok_and(|found| found > limit);
    if truncated {
        ids.pop();
    }
    let next_marker = match ids.last() {
        Some(last) if truncated => Some(page::marker(cx.pages, cx.caller, cx.operation, &last.to_string())?),
        _ => None,
    };
    let entry = |key_id: KeyId| KeyListEntry {
        key_id: key_id.to_string(),
        key_arn: KeyAddress { region, account, key_id }.arn(),
    };
    Ok(Output { keys: ids.into_iter().map(entry).collect(), next_marker, truncated })
}
