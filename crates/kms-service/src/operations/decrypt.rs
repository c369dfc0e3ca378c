//! `Decrypt`. Source: AWS KMS API Reference, Decrypt; order of checks: kms-operations.md 3.2.

use std::collections::BTreeMap;
use std::sync::Arc;

use kms_core::{KmsError, Operation, Timestamp};
use kms_model::Blob;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::opening::OpeningRequest;
use crate::caller::Caller;
use crate::hot::{HotOperation, Prepared, UsedMaterial, check_dry_run, check_grant_tokens, check_recipient, to_json};
use crate::key_record::KeyRecord;
use crate::target::Target;
use crate::token_random::TokenRandom;

/// The operation.
pub(crate) struct Decrypt;

/// The request.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Input {
    ciphertext_blob: Option<Blob>,
    encryption_context: Option<BTreeMap<String, String>>,
    grant_tokens: Option<Vec<String>>,
    key_id: Option<String>,
    encryption_algorithm: Option<String>,
    recipient: Option<IgnoredAny>,
    dry_run: Option<bool>,
    dry_run_modifiers: Option<Vec<String>>,
}

/// The answer.
#[derive(Serialize)]
#[cfg_attr(test, derive(Deserialize))]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Output {
    key_id: Arc<str>,
    #[serde(with = "kms_model::wire::blob")]
    plaintext: Zeroizing<Vec<u8>>,
    encryption_algorithm: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    ciphertext_for_recipient: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key_material_id: Option<String>,
}

impl Input {
    fn opening(&self) -> OpeningRequest<'_> {
        OpeningRequest {
            operation: Operation::Decrypt,
            action: Decrypt::ACTIONS[0],
            key_id_member: "keyId",
            key_id: self.key_id.as_deref(),
            ciphertext_blob: self.ciphertext_blob.as_ref(),
            encryption_context: self.encryption_context.as_ref(),
            encryption_algorithm: self.encryption_algorithm.as_deref(),
            dry_run: self.dry_run,
            dry_run_modifiers: self.dry_run_modifiers.as_deref(),
        }
    }
}

impl HotOperation<1> for Decrypt {
    const ACTIONS: [&'static str; 1] = ["Decrypt"];
    type Input = Input;

    fn targets(input: &Input, caller: &Caller) -> Result<[Target; 1], KmsError> {
        Ok([input.opening().target(caller)?])
    }

    fn prepare(input: &Input, [key]: [&KeyRecord; 1], now: Timestamp) -> Result<Prepared, KmsError> {
        check_grant_tokens(input.grant_tokens.as_deref())?;
        check_recipient(input.recipient.as_ref())?;
        let opening = input.opening().prepare(key, now)?.ok_or(KmsError::DryRunOperation)?;
        let algorithm = key.encryption_algorithm(input.encryption_algorithm.as_deref())?;
        let (lane, material) = (opening.lane(), opening.material_id());
        let (key_id, dry_run) = (key.arn.clone(), input.dry_run);
        let work = Box::new(move |_: &mut TokenRandom| {
            let plaintext = opening.open()?;
            check_dry_run(dry_run)?;
            let length = plaintext.len();
            let output = Output {
                key_id,
                plaintext,
                encryption_algorithm: algorithm.to_string(),
                ciphertext_for_recipient: None,
                key_material_id: material.map(|id| id.to_string()),
            };
            to_json(&output, length)
        });
        Ok(Prepared { work, lane, used: material.map(UsedMaterial::One) })
    }
}
