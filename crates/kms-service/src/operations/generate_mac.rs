//! `GenerateMac`. Source: AWS KMS API Reference, GenerateMac.

use std::sync::Arc;

use kms_core::{KmsError, Operation, Timestamp};
use kms_model::Blob;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::mac::Authentication;
use crate::caller::Caller;
use crate::hot::{HotOperation, Prepared, check_dry_run, check_grant_tokens, to_json};
use crate::key_record::KeyRecord;
use crate::lanes::LaneKind;
use crate::target::Target;
use crate::token_random::TokenRandom;

/// The operation.
pub(crate) struct GenerateMac;

/// The request.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Input {
    message: Blob,
    key_id: String,
    mac_algorithm: String,
    grant_tokens: Option<Vec<String>>,
    dry_run: Option<bool>,
}

/// The answer.
#[derive(Serialize)]
#[cfg_attr(test, derive(Deserialize))]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Output {
    #[serde(with = "kms_model::wire::blob")]
    mac: Zeroizing<Vec<u8>>,
    mac_algorithm: String,
    key_id: Arc<str>,
}

impl HotOperation<1> for GenerateMac {
    const ACTIONS: [&'static str; 1] = ["GenerateMac"];
    type Input = Input;

    fn targets(input: &Input, caller: &Caller) -> Result<[Target; 1], KmsError> {
        Ok([Target::named(&input.key_id, caller, Self::ACTIONS[0])?])
    }

    fn prepare(input: &Input, [key]: [&KeyRecord; 1], now: Timestamp) -> Result<Prepared, KmsError> {
        check_grant_tokens(input.grant_tokens.as_deref())?;
        key.check(Operation::GenerateMac, now)?;
        let authentication = Authentication::prepare(key, &input.mac_algorithm, &input.message)?;
        check_dry_run(input.dry_run)?;
        let key_id = Arc::clone(&key.arn);
        let work = Box::new(move |_: &mut TokenRandom| {
            let mac = Zeroizing::new(authentication.mac()?.expose().to_vec());
            let length = mac.len();
            to_json(&Output { mac, mac_algorithm: authentication.algorithm.to_string(), key_id }, length)
        });
        Ok(Prepared { work, lane: LaneKind::Secret, used: None })
    }
}
