//! `GenerateDataKey`. Source: AWS KMS API Reference, GenerateDataKey.

use std::collections::BTreeMap;
use std::sync::Arc;

use kms_core::{KmsError, Operation, Timestamp};
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::data_key::{self, DataKey, DataKeyRequest};
use crate::caller::Caller;
use crate::hot::{HotOperation, Prepared, check_grant_tokens, check_recipient, to_json};
use crate::key_record::KeyRecord;
use crate::target::Target;

/// The operation.
pub(crate) struct GenerateDataKey;

/// The request.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Input {
    key_id: String,
    encryption_context: Option<BTreeMap<String, String>>,
    number_of_bytes: Option<i64>,
    key_spec: Option<String>,
    grant_tokens: Option<Vec<String>>,
    recipient: Option<IgnoredAny>,
    dry_run: Option<bool>,
}

/// The answer.
#[derive(Serialize)]
#[cfg_attr(test, derive(Deserialize))]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Output {
    #[serde(with = "kms_model::wire::blob")]
    ciphertext_blob: Vec<u8>,
    #[serde(with = "kms_model::wire::blob")]
    plaintext: Zeroizing<Vec<u8>>,
    key_id: Arc<str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ciphertext_for_recipient: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key_material_id: Option<String>,
}

impl HotOperation<1> for GenerateDataKey {
    const ACTIONS: [&'static str; 1] = ["GenerateDataKey"];
    type Input = Input;

    fn targets(input: &Input, caller: &Caller) -> Result<[Target; 1], KmsError> {
        Ok([Target::named(&input.key_id, caller, Self::ACTIONS[0])?])
    }

    fn prepare(input: &Input, [key]: [&KeyRecord; 1], now: Timestamp) -> Result<Prepared, KmsError> {
        check_grant_tokens(input.grant_tokens.as_deref())?;
        check_recipient(input.recipient.as_ref())?;
        let request = DataKeyRequest {
            operation: Operation::GenerateDataKey,
            key_spec: input.key_spec.as_deref(),
            number_of_bytes: input.number_of_bytes,
            encryption_context: input.encryption_context.as_ref(),
            dry_run: input.dry_run,
        };
        data_key::prepare(&request, key, now, answer)
    }
}

fn answer(data_key: DataKey) -> Result<Vec<u8>, KmsError> {
    let DataKey { plaintext, ciphertext_blob, key_id, key_material_id } = data_key;
    let length = ciphertext_blob.len() + plaintext.len();
    let output = Output { ciphertext_blob, plaintext, key_id, ciphertext_for_recipient: None, key_material_id };
    to_json(&output, length)
}
