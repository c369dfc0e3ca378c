//! `GenerateRandom`: random bytes of the token; needs no key. Source: AWS KMS API Reference, GenerateRandom.

use kms_core::KmsError;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::hot::{check_recipient, to_json};
use crate::lane::TokenWork;
use crate::token_random::TokenRandom;

/// The request.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Input {
    number_of_bytes: Option<i64>,
    custom_key_store_id: Option<String>,
    recipient: Option<IgnoredAny>,
}

/// The answer.
#[derive(Serialize)]
#[cfg_attr(test, derive(Deserialize))]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Output {
    #[serde(with = "kms_model::wire::blob")]
    plaintext: Zeroizing<Vec<u8>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ciphertext_for_recipient: Option<String>,
}

/// # Errors
/// `ValidationException` without a length; `UnsupportedOperationException` for a custom key store or a recipient.
pub(crate) fn prepare(input: Input) -> Result<TokenWork, KmsError> {
    check_recipient(input.recipient.as_ref())?;
    if input.custom_key_store_id.is_some() {
        return Err(KmsError::UnsupportedOperation(Some("Custom key stores are not served yet.".to_owned())));
    }
    let bytes = input.number_of_bytes.ok_or_else(|| KmsError::Validation("NumberOfBytes is required.".to_owned()))?;
    let length = usize::try_from(bytes).map_err(KmsError::internal)?;
    Ok(Box::new(move |random: &mut TokenRandom| {
        let plaintext = Zeroizing::new(random.take(length)?);
        to_json(&Output { plaintext, ciphertext_for_recipient: None }, length)
    }))
}
