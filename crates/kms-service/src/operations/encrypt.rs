//! `Encrypt`. Source: AWS KMS API Reference, Encrypt.

use std::collections::BTreeMap;
use std::sync::Arc;

use kms_core::{KmsError, Operation, Timestamp};
use kms_model::Blob;
use serde::{Deserialize, Serialize};

use super::sealing::Sealing;
use crate::caller::Caller;
use crate::hot::{HotOperation, Prepared, UsedMaterial, check_dry_run, check_grant_tokens, to_json};
use crate::key_record::KeyRecord;
use crate::target::Target;
use crate::token_random::TokenRandom;

/// The operation.
pub(crate) struct Encrypt;

/// The request.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Input {
    key_id: String,
    plaintext: Blob,
    encryption_context: Option<BTreeMap<String, String>>,
    grant_tokens: Option<Vec<String>>,
    encryption_algorithm: Option<String>,
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
    encryption_algorithm: String,
}

impl HotOperation<1> for Encrypt {
    const ACTIONS: [&'static str; 1] = ["Encrypt"];
    type Input = Input;

    fn targets(input: &Input, caller: &Caller) -> Result<[Target; 1], KmsError> {
        Ok([Target::named(&input.key_id, caller, Self::ACTIONS[0])?])
    }

    fn prepare(input: &Input, [key]: [&KeyRecord; 1], now: Timestamp) -> Result<Prepared, KmsError> {
        check_grant_tokens(input.grant_tokens.as_deref())?;
        key.check(Operation::Encrypt, now)?;
        let algorithm = key.encryption_algorithm(input.encryption_algorithm.as_deref())?;
        let sealing = Sealing::prepare(key, algorithm, input.encryption_context.as_ref())?;
        sealing.check_length(input.plaintext.as_ref().len())?;
        check_dry_run(input.dry_run)?;
        let (lane, used) = (sealing.lane(), sealing.material_id().map(UsedMaterial::One));
        let (plaintext, key_id) = (input.plaintext.clone(), key.arn.clone());
        let work = Box::new(move |_: &mut TokenRandom| {
            let ciphertext_blob = sealing.seal(plaintext.as_ref())?;
            let encryption_algorithm = algorithm.to_string();
            let length = ciphertext_blob.len();
            to_json(&Output { ciphertext_blob, key_id, encryption_algorithm }, length)
        });
        Ok(Prepared { work, lane, used })
    }
}
