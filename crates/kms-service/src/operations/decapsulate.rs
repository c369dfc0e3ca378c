//! `Decapsulate`: ML-KEM in the token. Source: AWS KMS API Reference, Decapsulate; key-specs.md 7.

use std::sync::Arc;

use kms_core::algorithm::EncapsulationAlgorithm;
use kms_core::{KmsError, Operation, Timestamp};
use kms_keypair::kem_sizes;
use kms_model::Blob;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::caller::Caller;
use crate::hot::{HotOperation, Prepared, check_dry_run, check_grant_tokens, to_json};
use crate::key_record::KeyRecord;
use crate::lanes::LaneKind;
use crate::target::Target;
use crate::token_random::TokenRandom;

/// The operation.
pub(crate) struct Decapsulate;

/// The request.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Input {
    key_id: String,
    shared_secret_ciphertext_blob: Blob,
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
    encapsulation_algorithm: String,
}

impl HotOperation<1> for Decapsulate {
    const ACTIONS: [&'static str; 1] = ["Decapsulate"];
    type Input = Input;

    fn targets(input: &Input, caller: &Caller) -> Result<[Target; 1], KmsError> {
        Ok([Target::named(&input.key_id, caller, Self::ACTIONS[0])?])
    }

    fn prepare(input: &Input, [key]: [&KeyRecord; 1], now: Timestamp) -> Result<Prepared, KmsError> {
        check_grant_tokens(input.grant_tokens.as_deref())?;
        key.check(Operation::Decapsulate, now)?;
        let (spec, ciphertext) = (key.facts.spec, input.shared_secret_ciphertext_blob.clone());
        // Only the length can be wrong: every ciphertext of the right one gives some secret (FIPS 203 6.3).
        if kem_sizes(spec).is_none_or(|sizes| sizes.ciphertext != ciphertext.as_ref().len()) {
            return Err(KmsError::InvalidCiphertext);
        }
        check_dry_run(input.dry_run)?;
        let (material, key_id) = (key.current()?, Arc::clone(&key.arn));
        let work = Box::new(move |_: &mut TokenRandom| {
            let secret = material.hsm.decapsulate(&material.object, spec, ciphertext.as_ref())?;
            let output = Output {
                key_id,
                shared_secret: Zeroizing::new(secret.expose().to_vec()),
                encapsulation_algorithm: EncapsulationAlgorithm::MlKem.to_string(),
            };
            to_json(&output, secret.len())
        });
        Ok(Prepared { work, lane: LaneKind::Pair, used: None })
    }
}
