//! `GenerateDataKeyWithoutPlaintext`. Source: AWS KMS API Reference, GenerateDataKeyWithoutPlaintext.

use std::collections::BTreeMap;
use std::sync::Arc;

use kms_core::{KmsError, Operation, Timestamp};
use serde::{Deserialize, Serialize};

use super::data_key::{self, DataKey, DataKeyRequest};
use crate::caller::Caller;
use crate::hot::{HotOperation, Prepared, check_grant_tokens, to_json};
use crate::key_record::KeyRecord;
use crate::target::Target;

/// The operation.
pub(crate) struct GenerateDataKeyWithoutPlaintext;

/// The request.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Input {
    key_id: String,
    encryption_context: Option<BTreeMap<String, String>>,
    key_spec: Option<String>,
    number_of_bytes: Option<i64>,
    grant_tokens: Option<Vec<String>>,
    dry_run: Option<bool>,
}

/// The answer.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(Deserialize))]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Output {
    #[serde(with = "kms_model::wire::blob")]
    ciphertext_blob: Vec<u8>,
    key_id: Arc<str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key_material_id: Option<String>,
}

impl HotOperation<1> for GenerateDataKeyWithoutPlaintext {
    const ACTIONS: [&'static str; 1] = ["GenerateDataKeyWithoutPlaintext"];
    type Input = Input;

    fn targets(input: &Input, caller: &Caller) -> Result<[Target; 1], KmsError> {
        Ok([Target::named(&input.key_id, caller, Self::ACTIONS[0])?])
    }

    fn prepare(input: &Input, [key]: [&KeyRecord; 1], now: Timestamp) -> Result<Prepared, KmsError> {
        check_grant_tokens(input.grant_tokens.as_deref())?;
        let request = DataKeyRequest {
            operation: Operation::GenerateDataKeyWithoutPlaintext,
            key_spec: input.key_spec.as_deref(),
            number_of_bytes: input.number_of_bytes,
            encryption_context: input.encryption_context.as_ref(),
            dry_run: input.dry_run,
        };
        data_key::prepare(&request, key, now, answer)
    }
}

fn answer(DataKey { ciphertext_blob, key_id, key_material_id, .. }: DataKey) -> Result<Vec<u8>, KmsError> {
    let length = ciphertext_blob.len();
    to_json(&Output { ciphertext_blob, key_id, key_material_id }, length)
}
