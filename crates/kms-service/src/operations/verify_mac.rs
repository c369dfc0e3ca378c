//! `VerifyMac`: computed again in the token and compared in constant time. Source: AWS KMS API Reference, VerifyMac.

use std::sync::Arc;

use kms_core::secret::SecretBytes;
use kms_core::{KmsError, Operation, Timestamp};
use kms_model::Blob;
use serde::{Deserialize, Serialize};

use super::mac::Authentication;
use crate::caller::Caller;
use crate::hot::{HotOperation, Prepared, check_dry_run, check_grant_tokens, to_json};
use crate::key_record::KeyRecord;
use crate::lanes::LaneKind;
use crate::target::Target;
use crate::token_random::TokenRandom;

/// The operation.
pub(crate) struct VerifyMac;

/// The request.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Input {
    message: Blob,
    key_id: String,
    mac_algorithm: String,
    mac: Blob,
    grant_tokens: Option<Vec<String>>,
    dry_run: Option<bool>,
}

/// The answer.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(Deserialize))]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Output {
    key_id: Arc<str>,
    /// Always true: a MAC that is none is an exception.
    mac_valid: bool,
    mac_algorithm: String,
}

impl HotOperation<1> for VerifyMac {
    const ACTIONS: [&'static str; 1] = ["VerifyMac"];
    type Input = Input;

    fn targets(input: &Input, caller: &Caller) -> Result<[Target; 1], KmsError> {
        Ok([Target::named(&input.key_id, caller, Self::ACTIONS[0])?])
    }

    fn prepare(input: &Input, [key]: [&KeyRecord; 1], now: Timestamp) -> Result<Prepared, KmsError> {
        check_grant_tokens(input.grant_tokens.as_deref())?;
        key.check(Operation::VerifyMac, now)?;
        let authentication = Authentication::prepare(key, &input.mac_algorithm, &input.message)?;
        check_dry_run(input.dry_run)?;
        let (key_id, claimed) = (Arc::clone(&key.arn), SecretBytes::new(input.mac.as_ref().to_vec()));
        let work = Box::new(move |_: &mut TokenRandom| {
            if authentication.mac()? != claimed {
                return Err(KmsError::InvalidMac);
            }
            let mac_algorithm = authentication.algorithm.to_string();
            to_json(&Output { key_id, mac_valid: true, mac_algorithm }, 0)
        });
        Ok(Prepared { work, lane: LaneKind::Secret, used: None })
    }
}
