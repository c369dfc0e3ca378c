//! `ListResourceTags`: the tags of a key, in every state. Source: AWS KMS API Reference, ListResourceTags.

use kms_core::KmsError;
use serde::{Deserialize, Serialize};

use crate::context::Context;
use crate::page::{Page, Sizes};
use crate::tags::Tag;

/// The pages of this list: it has no more than 50 items, and so has a page.
const SIZES: Sizes = Sizes { default: 50, most: 50 };

/// The request.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Input {
    key_id: String,
    limit: Option<i64>,
    marker: Option<String>,
}

/// The answer.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(Deserialize))]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Output {
    tags: Vec<Tag>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_marker: Option<String>,
    truncated: bool,
}

/// # Errors
/// `NotFoundException`, `InvalidArnException`; `ValidationException` past 50; `InvalidMarkerException`.
pub(crate) fn run(cx: &Context<'_>, input: Input) -> Result<Output, KmsError> {
    let key = cx.key_for(&input.key_id)?;
    let of = key.address.key_id.to_string();
    let page = Page::open(cx, &of, SIZES, input.limit, input.marker.as_deref())?;
    let mut tags = cx.read(|tx| tx.list_tags(key.address.region, key.address.key_id))?;
    if let Some(after) = page.after() {
        tags.retain(|(tag_key, _)| tag_key.as_str() > after);
    }
    let (tags, next_marker) = page.cut(tags, |(tag_key, _)| tag_key.clone())?;
    let tags = tags.into_iter().map(|(tag_key, tag_value)| Tag { tag_key, tag_value }).collect();
    Ok(Output { tags, truncated: next_marker.is_some(), next_marker })
}
