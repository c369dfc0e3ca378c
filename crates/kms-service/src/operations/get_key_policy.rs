//! `GetKeyPolicy`: the policy of a key. Source: AWS KMS API Reference, GetKeyPolicy; policies-and-grants.md 2.

use kms_core::KmsError;
use serde::{Deserialize, Serialize};

use super::default_policy;
use crate::context::Context;

/// The request.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Input {
    key_id: String,
    policy_name: Option<String>,
}

/// The answer.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(Deserialize))]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Output {
    policy: String,
    policy_name: String,
}

/// The policy that was given with the key, as it was written, else the default one.
///
/// # Errors
/// `NotFoundException` for key or policy, `InvalidArnException`.
pub(crate) fn run(cx: &Context<'_>, input: Input) -> Result<Output, KmsError> {
    let key = cx.key_for(&input.key_id)?;
    // `AWS_RAM` is there only for a key that is shared, which no key is (evidence.md 36).
    if input.policy_name.is_some_and(|name| name != default_policy::NAME) {
        return Err(KmsError::NotFound("No such policy exists".to_owned()));
    }
    let given = cx.read(|tx| tx.find_policy(&key.address))?;
    Ok(Output {
        policy: given.unwrap_or_else(|| default_policy::text(key.address.region, key.address.account)),
        policy_name: default_policy::NAME.to_owned(),
    })
}
