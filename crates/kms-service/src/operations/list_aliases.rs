//! `ListAliases`: the aliases of the caller's account and region, or of one key. Source: AWS KMS API Reference, ListAliases.

use kms_core::clock::epoch_seconds;
use kms_core::{AliasAddress, KmsError};
use kms_metadata::Alias;
use serde::{Deserialize, Serialize};

use crate::context::Context;
use crate::page::{Page, Sizes};

/// The pages of this list.
const SIZES: Sizes = Sizes { default: 50, most: 100 };

/// The request.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Input {
    key_id: Option<String>,
    limit: Option<i64>,
    marker: Option<String>,
}

/// The answer.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(Deserialize))]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Output {
    aliases: Vec<AliasListEntry>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_marker: Option<String>,
    truncated: bool,
}

/// One alias of the list.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(Deserialize))]
#[serde(rename_all = "PascalCase")]
pub(crate) struct AliasListEntry {
    alias_name: String,
    alias_arn: String,
    target_key_id: String,
    creation_date: f64,
    last_updated_date: f64,
}

/// # Errors
/// `NotFoundException`, `InvalidArnException` for the key; `ValidationException` past 100; `InvalidMarkerException`.
pub(crate) fn run(cx: &Context<'_>, input: Input) -> Result<Output, KmsError> {
    let key = input.key_id.as_deref().map(|key_id| cx.key_for(key_id)).transpose()?;
    let target = key.map(|key| key.address.key_id);
    let of = target.map(|key_id| key_id.to_string()).unwrap_or_default();
    let page = Page::open(cx, &of, SIZES, input.limit, input.marker.as_deref())?;
    let (region, account) = (cx.caller.region, cx.caller.account);
    let found = cx.read(|tx| tx.list_aliases(region, account, target, page.after(), page.wanted()))?;
    let (found, next_marker) = page.cut(found, |alias| alias.name.clone())?;
    let entry = |alias: Alias| AliasListEntry {
        alias_arn: AliasAddress { region, account, name: alias.name.clone() }.arn(),
        alias_name: alias.name,
        target_key_id: alias.target.key_id.to_string(),
        creation_date: epoch_seconds(alias.created_at),
        last_updated_date: epoch_seconds(alias.updated_at),
    };
    Ok(Output { aliases: found.into_iter().map(entry).collect(), truncated: next_marker.is_some(), next_marker })
}
