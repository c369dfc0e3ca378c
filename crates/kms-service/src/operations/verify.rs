//! `Verify`: with the public key of the rows, without a token call. Source: AWS KMS API Reference, Verify.

use std::sync::Arc;

use kms_core::{KmsError, Operation, Timestamp};
use kms_model::Blob;
use serde::{Deserialize, Serialize};

use super::signing::Signable;
use crate::caller::Caller;
use crate::hot::{HotOperation, Prepared, check_dry_run, check_grant_tokens, to_json};
use crate::key_record::KeyRecord;
use crate::lanes::LaneKind;
use crate::target::Target;
use crate::token_random::TokenRandom;

/// The operation.
pub(crate) struct Verify;

/// The request.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Input {
    key_id: String,
    message: Blob,
    message_type: Option<String>,
    signature: Blob,
    signing_algorithm: String,
    grant_tokens: Option<Vec<String>>,
    dry_run: Option<bool>,
}

/// The answer.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(Deserialize))]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Output {
    key_id: Arc<str>,
    /// Always true: a signature that is none is an exception.
    signature_valid: bool,
    signing_algorithm: String,
}

impl HotOperation<1> for Verify {
    const ACTIONS: [&'static str; 1] = ["Verify"];
    type Input = Input;

    fn targets(input: &Input, caller: &Caller) -> Result<[Target; 1], KmsError> {
        Ok([Target::named(&input.key_id, caller, Self::ACTIONS[0])?])
    }

    fn prepare(input: &Input, [key]: [&KeyRecord; 1], now: Timestamp) -> Result<Prepared, KmsError> {
        check_grant_tokens(input.grant_tokens.as_deref())?;
        key.check(Operation::Verify, now)?;
        let signable = Signable::prepare(key, &input.signing_algorithm, input.message_type.as_deref(), &input.message)?;
        check_dry_run(input.dry_run)?;
        let (public_key, key_id, signature) = (key.public_key()?, Arc::clone(&key.arn), input.signature.clone());
        let work = Box::new(move |_: &mut TokenRandom| {
            let algorithm = signable.algorithm;
            let verified = public_key.verify(algorithm, &signable.input()?, signature.as_ref());
            verified.map_err(|_| KmsError::InvalidSignature)?;
            to_json(&Output { key_id, signature_valid: true, signing_algorithm: algorithm.to_string() }, 0)
        });
        Ok(Prepared { work, lane: LaneKind::Pair, used: None })
    }
}
