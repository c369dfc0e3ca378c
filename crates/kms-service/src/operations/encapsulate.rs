//! `Encapsulate`: ML-KEM with the public key of the rows, without a token call. Source: AWS KMS API Reference, Encapsulate;
//! key-specs.md 7.

use std::sync::Arc;

use kms_core::algorithm::EncapsulationAlgorithm;
use kms_core::{KmsError, Operation, Timestamp};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::caller::Caller;
use crate::hot::{HotOperation, Prepared, check_dry_run, check_grant_tokens, to_json};
use crate::key_record::KeyRecord;
use crate::lanes::LaneKind;
use crate::target::Target;
use crate::token_random::TokenRandom;

/// The operation.
pub(crate) struct Encapsulate;

/// The request.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Input {
    key_id: String,
    /// ML_KEM is the only value that the model lets through.
    #[serde(rename = "EncapsulationAlgorithm")]
    _encapsulation_algorithm: String,
    grant_tokens: Option<Vec<String>>,
    dry_run: Option<bool>,
}

/// The answer.
#[derive(Serialize)]
#[cfg_attr(test, derive(Deserialize))]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Output {
    key_id: Arc<str>,
    #[serde(with = "kms_model::wire::blob")]
    shared_secret: Zeroizing<Vec<u8>>,
    #[serde(with = "kms_model::wire::blob")]
    shared_secret_ciphertext_blob: Vec<u8>,
    encapsulation_algorithm: String,
}

impl HotOperation<1> for Encapsulate {
    const ACTIONS: [&'static str; 1] = ["Encapsulate"];
    type Input = Input;

    fn targets(input: &Input, caller: &Caller) -> Result<[Target; 1], KmsError> {
        Ok([Target::named(&input.key_id, caller, Self::ACTIONS[0])?])
    }

    fn prepare(input: &Input, [key]: [&KeyRecord; 1], now: Timestamp) -> Result<Prepared, KmsError> {
        check_grant_tokens(input.grant_tokens.as_deref())?;
        key.check(Operation::Encapsulate, now)?;
        check_dry_run(input.dry_run)?;
        let (public_key, key_id) = (key.public_key()?, Arc::clone(&key.arn));
        let work = Box::new(move |_: &mut TokenRandom| {
            let made = public_key.encapsulate().map_err(KmsError::internal)?;
            let length = made.shared_secret.len() + made.ciphertext.len();
            let output = Output {
                key_id,
                shared_secret: made.shared_secret,
                shared_secret_ciphertext_blob: made.ciphertext,
                encapsulation_algorithm: EncapsulationAlgorithm::MlKem.to_string(),
            };
            to_json(&output, length)
        });
        Ok(Prepared { work, lane: LaneKind::Pair, used: None })
    }
}
