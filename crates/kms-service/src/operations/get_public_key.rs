//! `GetPublicKey`: from the rows; the token keeps no public half. Source: AWS KMS API Reference, GetPublicKey.

use kms_core::KmsError;
use serde::{Deserialize, Serialize};

use crate::algorithms::Algorithms;
use crate::context::Context;
use crate::hot::check_grant_tokens;

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
    key_id: String,
    #[serde(with = "kms_model::wire::blob")]
    public_key: Vec<u8>,
    customer_master_key_spec: String,
    key_spec: String,
    key_usage: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    encryption_algorithms: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    signing_algorithms: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key_agreement_algorithms: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    encapsulation_algorithms: Option<Vec<String>>,
}

/// # Errors
/// `NotFoundException`, `AccessDeniedException`, `InvalidGrantTokenException`; those of the state, and only then
/// `UnsupportedOperationException` without a text for a key that is no pair.
pub(crate) fn run(cx: &Context<'_>, input: Input) -> Result<Output, KmsError> {
    let key = cx.key_for(&input.key_id)?;
    check_grant_tokens(input.grant_tokens.as_deref())?;
    cx.check_state(&key)?;
    if !key.spec.is_key_pair() {
        return Err(KmsError::UnsupportedOperation(None));
    }
    let public_key = key.current().and_then(|material| material.public_key.clone());
    let algorithms = Algorithms::of(key.kind(), &**cx.keeper_of(&key)?.hsm());
    Ok(Output {
        key_id: key.address.arn(),
        public_key: public_key.ok_or_else(|| KmsError::internal("an enabled key pair has no public key"))?,
        customer_master_key_spec: key.spec.to_string(),
        key_spec: key.spec.to_string(),
        key_usage: key.usage.to_string(),
        encryption_algorithms: algorithms.encryption,
        signing_algorithms: algorithms.signing,
        key_agreement_algorithms: algorithms.key_agreement,
        encapsulation_algorithms: algorithms.encapsulation,
    })
}
