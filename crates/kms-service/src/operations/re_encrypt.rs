//! `ReEncrypt`: the plaintext goes from one key to another inside the service. Source: AWS KMS API Reference, ReEncrypt.

use std::collections::BTreeMap;
use std::sync::Arc;

use kms_core::{KmsError, Operation, Timestamp};
use kms_model::Blob;
use serde::{Deserialize, Serialize};

use super::opening::OpeningRequest;
use super::sealing::Sealing;
use crate::caller::Caller;
use crate::hot::{HotOperation, Prepared, UsedMaterial, check_dry_run, check_grant_tokens, to_json};
use crate::key_record::KeyRecord;
use crate::lanes::LaneKind;
use crate::target::Target;
use crate::token_random::TokenRandom;

/// The operation.
pub(crate) struct ReEncrypt;

/// The request.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Input {
    ciphertext_blob: Option<Blob>,
    source_encryption_context: Option<BTreeMap<String, String>>,
    source_key_id: Option<String>,
    destination_key_id: String,
    destination_encryption_context: Option<BTreeMap<String, String>>,
    source_encryption_algorithm: Option<String>,
    destination_encryption_algorithm: Option<String>,
    grant_tokens: Option<Vec<String>>,
    dry_run: Option<bool>,
    dry_run_modifiers: Option<Vec<String>>,
}

/// The answer.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(Deserialize))]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Output {
    #[serde(with = "kms_model::wire::blob")]
    ciphertext_blob: Vec<u8>,
    source_key_id: Arc<str>,
    key_id: Arc<str>,
    source_encryption_algorithm: String,
    destination_encryption_algorithm: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    source_key_material_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    destination_key_material_id: Option<String>,
}

impl Input {
    fn source(&self) -> OpeningRequest<'_> {
        OpeningRequest {
            operation: Operation::ReEncrypt,
            action: ReEncrypt::ACTIONS[0],
            key_id_member: "sourceKeyId",
            key_id: self.source_key_id.as_deref(),
            ciphertext_blob: self.ciphertext_blob.as_ref(),
            encryption_context: self.source_encryption_context.as_ref(),
            encryption_algorithm: self.source_encryption_algorithm.as_deref(),
            dry_run: self.dry_run,
            dry_run_modifiers: self.dry_run_modifiers.as_deref(),
        }
    }
}

impl HotOperation<2> for ReEncrypt {
    const ACTIONS: [&'static str; 2] = ["ReEncryptFrom", "ReEncryptTo"];
    type Input = Input;

    fn targets(input: &Input, caller: &Caller) -> Result<[Target; 2], KmsError> {
        let source = input.source().target(caller)?;
        Ok([source, Target::named(&input.destination_key_id, caller, Self::ACTIONS[1])?])
    }

    fn prepare(input: &Input, [source, destination]: [&KeyRecord; 2], now: Timestamp) -> Result<Prepared, KmsError> {
        check_grant_tokens(input.grant_tokens.as_deref())?;
        let opening = input.source().prepare(source, now)?;
        destination.check(Operation::ReEncrypt, now)?;
        let to = destination.encryption_algorithm(input.destination_encryption_algorithm.as_deref())?;
        let opening = opening.ok_or(KmsError::DryRunOperation)?;
        let from = source.encryption_algorithm(input.source_encryption_algorithm.as_deref())?;
        let sealing = Sealing::prepare(destination, to, input.destination_encryption_context.as_ref())?;
        let lane = if opening.lane() == LaneKind::Pair { LaneKind::Pair } else { sealing.lane() };
        let used = UsedMaterial::of(opening.material_id(), sealing.material_id());
        let (source_key_id, key_id, dry_run) = (source.arn.clone(), destination.arn.clone(), input.dry_run);
        let work = Box::new(move |_: &mut TokenRandom| {
            let plaintext = opening.open()?;
            sealing.check_length(plaintext.len())?;
            check_dry_run(dry_run)?;
            let source_key_material_id = opening.material_id().map(|id| id.to_string());
            let destination_key_material_id = sealing.material_id().map(|id| id.to_string());
            let ciphertext_blob = sealing.seal(&plaintext)?;
            let length = ciphertext_blob.len();
            let output = Output {
                ciphertext_blob,
                source_key_id,
                key_id,
                source_encryption_algorithm: from.to_string(),
                destination_encryption_algorithm: to.to_string(),
                source_key_material_id,
                destination_key_material_id,
            };
            to_json(&output, length)
        });
        Ok(Prepared { work, lane, used })
    }
}
