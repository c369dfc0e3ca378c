//! `Sign`. Source: AWS KMS API Reference, Sign; encodings: key-specs.md 3.

use std::sync::Arc;

use kms_core::hsm::Ability;
use kms_core::{KmsError, Operation, Timestamp};
use kms_keypair::{SignInput, digest_of};
use kms_model::Blob;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::signing::Signable;
use crate::caller::Caller;
use crate::hot::{HotOperation, Prepared, check_dry_run, check_grant_tokens, to_json};
use crate::key_record::KeyRecord;
use crate::lanes::LaneKind;
use crate::target::Target;
use crate::token_random::TokenRandom;

/// No mechanism of PKCS#11 up to 3.2 takes a mu that was made outside: `CKM_ML_DSA` would hash it as a message, and the
/// signature would be another.
const NO_EXTERNAL_MU: &str = "No PKCS#11 mechanism signs an external mu: send the message, with MessageType RAW.";

/// The operation.
pub(crate) struct Sign;

/// The request.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Input {
    key_id: String,
    message: Blob,
    message_type: Option<String>,
    grant_tokens: Option<Vec<String>>,
    signing_algorithm: String,
    dry_run: Option<bool>,
}

/// The answer.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(Deserialize))]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Output {
    key_id: Arc<str>,
    #[serde(with = "kms_model::wire::blob")]
    signature: Vec<u8>,
    signing_algorithm: String,
}

impl HotOperation<1> for Sign {
    const ACTIONS: [&'static str; 1] = ["Sign"];
    type Input = Input;

    fn targets(input: &Input, caller: &Caller) -> Result<[Target; 1], KmsError> {
        Ok([Target::named(&input.key_id, caller, Self::ACTIONS[0])?])
    }

    fn prepare(input: &Input, [key]: [&KeyRecord; 1], now: Timestamp) -> Result<Prepared, KmsError> {
        check_grant_tokens(input.grant_tokens.as_deref())?;
        key.check(Operation::Sign, now)?;
        let signable = Signable::prepare(key, &input.signing_algorithm, input.message_type.as_deref(), &input.message)?;
        let (material, key_id) = (key.current()?, Arc::clone(&key.arn));
        let algorithm = signable.algorithm;
        let to_sign = Zeroizing::new(match signable.input()? {
            SignInput::Raw(message) => digest_of(algorithm, message).unwrap_or_else(|| message.to_vec()),
            SignInput::Digest(digest) => digest.to_vec(),
            SignInput::ExternalMu(_) => return Err(KmsError::UnsupportedOperation(Some(NO_EXTERNAL_MU.to_owned()))),
        });
        // What not every token can, a dry run says too.
        material.hsm.supports(Ability::Sign(key.facts.spec, algorithm))?;
        check_dry_run(input.dry_run)?;
        let work = Box::new(move |_: &mut TokenRandom| {
            let signature = material.hsm.sign(&material.object, algorithm, &to_sign)?;
            let length = signature.len();
            to_json(&Output { key_id, signature, signing_algorithm: algorithm.to_string() }, length)
        });
        Ok(Prepared { work, lane: LaneKind::Pair, used: None })
    }
}
