//! `ListKeyPolicies`: the names of a key's policies, of which there is one. Source: AWS KMS API Reference, ListKeyPolicies.

use kms_core::KmsError;
use serde::{Deserialize, Serialize};

use super::default_policy;
use crate::context::Context;
use crate::page::{Page, Sizes};

/// The pages of this list.
const SIZES: Sizes = Sizes { default: 100, most: 1000 };

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
    policy_names: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_marker: Option<String>,
    truncated: bool,
}

/// # Errors
/// `NotFoundException`, `InvalidArnException`; `InvalidMarkerException` for any marker, as no page gives one.
pub(crate) fn run(cx: &Context<'_>, input: Input) -> Result<Output, KmsError> {
    let key = cx.key_for(&input.key_id)?;
    let of = key.address.key_id.to_string();
    let page = Page::open(cx, &of, SIZES, input.limit, input.marker.as_deref())?;
    let (policy_names, next_marker) = page.cut(vec![default_policy::NAME.to_owned()], String::clone)?;
    Ok(Output { policy_names, truncated: next_marker.is_some(), next_marker })
}
