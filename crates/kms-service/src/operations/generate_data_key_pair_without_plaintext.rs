//! `GenerateDataKeyPairWithoutPlaintext`. Source: AWS KMS API Reference, GenerateDataKeyPairWithoutPlaintext.

use std::collections::BTreeMap;
use std::sync::Arc;

use kms_core::{KmsError, Operation, Timestamp};
use serde::{Deserialize, Serialize};

use super::data_key_pair::{self, DataKeyPairRequest, MadePair};
use crate::caller::Caller;
use crate::hot::{HotOperation, Prepared, check_grant_tokens, to_json};
use crate::key_record::KeyRecord;
use crate::target::Target;

/// The operation.
pub(crate) struct GenerateDataKeyPairWithoutPlaintext;

/// The request.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Input {
    encryption_context: Option<BTreeMap<String, String>>,
    key_id: String,
    key_pair_spec: String,
    grant_tokens: Option<Vec<String>>,
    dry_run: Option<bool>,
}

/// The answer.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(Deserialize))]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Output {
    #[serde(with = "kms_model::wire::blob")]
    private_key_ciphertext_blob: Vec<u8>,
    #[serde(with = "kms_model::wire::blob")]
    public_key: Vec<u8>,
    key_id: Arc<str>,
    key_pair_spec: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    key_material_id: Option<String>,
}

impl HotOperation<1> for GenerateDataKeyPairWithoutPlaintext {
    const ACTIONS: [&'static str; 1] = ["GenerateDataKeyPairWithoutPlaintext"];
    type Input = Input;

    fn targets(input: &Input, caller: &Caller) -> Result<[Target; 1], KmsError> {
        Ok([Target::named(&input.key_id, caller, Self::ACTIONS[0])?])
    }

    fn prepare(input: &Input, [key]: [&KeyRecord; 1], now: Timestamp) -> Result<Prepared, KmsError> {
        check_grant_tokens(input.grant_tokens.as_deref())?;
        let request = DataKeyPairRequest {
            operation: Operation::GenerateDataKeyPairWithoutPlaintext,
            key_pair_spec: &input.key_pair_spec,
            encryption_context: input.encryption_context.as_ref(),
            dry_run: input.dry_run,
        };
        data_key_pair::prepare(&request, key, now, answer)
    }
}

fn answer(made: MadePair) -> Result<Vec<u8>, KmsError> {
    let length = made.private_key_ciphertext.len() + made.public_key.len();
    let output = Output {
        private_key_ciphertext_blob: made.private_key_ciphertext,
        public_key: made.public_key,
        key_id: made.key_id,
        key_pair_spec: made.key_pair_spec,
        key_material_id: made.key_material_id,
    };
    to_json(&output, length)
}
