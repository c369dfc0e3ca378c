//! `Decrypt`. Source: AWS KMS API Reference, Decrypt; order of checks: kms-operations.md 3.2.

use std::collections::BTreeMap;

use kms_core::ciphertext_blob::ParsedBlob;
use kms_core::encryption_context::canonical;
use kms_core::{KmsError, Operation, Timestamp};
use kms_model::Blob;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::caller::Caller;
use crate::hot::{HotOperation, Prepared, Target, check_dry_run, check_grant_tokens, check_recipient};
use crate::key_record::{KeyRecord, SYMMETRIC_DEFAULT};

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
    key_id: String,
    #[serde(with = "kms_model::wire::blob")]
    plaintext: Zeroizing<Vec<u8>>,
    encryption_algorithm: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    ciphertext_for_recipient: Option<String>,
    key_material_id: String,
}

impl Input {
    fn is_symmetric(&self) -> bool {
        self.encryption_algorithm.as_deref().is_none_or(|algorithm| algorithm == SYMMETRIC_DEFAULT)
    }

    /// With `DryRun` and `IGNORE_CIPHERTEXT` the question is about permission alone.
    fn ignores_ciphertext(&self) -> bool {
        let ignores = |modifiers: &Vec<String>| modifiers.iter().any(|modifier| modifier == "IGNORE_CIPHERTEXT");
        self.dry_run == Some(true) && self.dry_run_modifiers.as_ref().is_some_and(ignores)
    }

    fn blob(&self) -> Result<ParsedBlob<'_>, KmsError> {
        let blob = self.ciphertext_blob.as_ref().ok_or_else(|| missing("ciphertextBlob"))?;
        ParsedBlob::parse(blob.as_ref()).map_err(|_| KmsError::InvalidCiphertext)
    }
}

impl HotOperation for Decrypt {
    const OPERATION: Operation = Operation::Decrypt;
    type Input = Input;

    fn target(input: &Input, _caller: &Caller) -> Result<Target, KmsError> {
        let named = input.key_id.clone().map(Target::Named);
        if !input.is_symmetric() || input.ignores_ciphertext() {
            return named.ok_or_else(|| missing("keyId"));
        }
        let blob = input.blob()?;
        Ok(named.unwrap_or(Target::OfCiphertext(blob.key_id)))
    }

    fn prepare(input: &Input, key: &KeyRecord, now: Timestamp) -> Result<Prepared, KmsError> {
        check_grant_tokens(input.grant_tokens.as_deref())?;
        check_recipient(input.recipient.as_ref())?;
        let blob = (input.is_symmetric() && !input.ignores_ciphertext()).then(|| input.blob()).transpose()?;
        if blob.as_ref().is_some_and(|blob| blob.key_id != key.facts.address.key_id) {
            return Err(KmsError::IncorrectKey);
        }
        key.check(Self::OPERATION, now)?;
        key.check_algorithm(input.encryption_algorithm.as_deref())?;
        let material = match &blob {
            Some(blob) => key.material(&blob.material_id)?,
            None => key.current()?,
        };
        if input.ignores_ciphertext() {
            check_dry_run(input.dry_run)?;
        }
        let blob = input.ciphertext_blob.clone().ok_or_else(|| missing("ciphertextBlob"))?;
        let context = canonical(input.encryption_context.as_ref());
        let dry_run = input.dry_run;
        let (key_id, used) = (key.arn.clone(), material.clone());
        let work = Box::new(move |token: &mut crate::lane::LaneToken| {
            let parsed = ParsedBlob::parse(blob.as_ref()).map_err(|_| KmsError::InvalidCiphertext)?;
            let kdk = token.mac(&used.object, &parsed.kdf_input(&context))?;
            let plaintext = parsed.open(&kdk, &context).map_err(|_| KmsError::InvalidCiphertext)?;
            check_dry_run(dry_run)?;
            let output = Output {
                key_id,
                plaintext,
                encryption_algorithm: SYMMETRIC_DEFAULT.to_owned(),
                ciphertext_for_recipient: None,
                key_material_id: used.id.to_string(),
            };
            serde_json::to_vec(&output).map_err(KmsError::internal)
        });
        Ok(Prepared { work, material })
    }
}

fn missing(member: &str) -> KmsError {
    KmsError::Validation(format!(
        "1 validation error detected: Value null at '{member}' failed to satisfy constraint: Member must not be null"
    ))
}
