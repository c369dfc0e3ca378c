//! `DeriveSharedSecret`: ECDH in the token, the x coordinate without a KDF. Source: AWS KMS API Reference,
//! DeriveSharedSecret; key-specs.md 7.

use std::sync::Arc;

use kms_core::algorithm::KeyAgreementAlgorithm;
use kms_core::{KmsError, Operation, Timestamp};
use kms_keypair::peer_point;
use kms_model::Blob;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::caller::Caller;
use crate::hot::{HotOperation, Prepared, check_dry_run, check_grant_tokens, check_recipient, to_json};
use crate::key_record::KeyRecord;
use crate::lanes::LaneKind;
use crate::target::Target;
use crate::token_random::TokenRandom;

/// The operation.
pub(crate) struct DeriveSharedSecret;

/// The request.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Input {
    key_id: String,
    /// ECDH is the only value that the model lets through.
    #[serde(rename = "KeyAgreementAlgorithm")]
    _key_agreement_algorithm: String,
    public_key: Blob,
    grant_tokens: Option<Vec<String>>,
    dry_run: Option<bool>,
    recipient: Option<IgnoredAny>,
}

/// The answer.
#[derive(Serialize)]
#[cfg_attr(test, derive(Deserialize))]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Output {
    key_id: Arc<str>,
    #[serde(with = "kms_model::wire::blob")]
    shared_secret: Zeroizing<Vec<u8>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ciphertext_for_recipient: Option<String>,
    key_agreement_algorithm: String,
    key_origin: String,
}

impl HotOperation<1> for DeriveSharedSecret {
    const ACTIONS: [&'static str; 1] = ["DeriveSharedSecret"];
    type Input = Input;

    fn targets(input: &Input, caller: &Caller) -> Result<[Target; 1], KmsError> {
        Ok([Target::named(&input.key_id, caller, Self::ACTIONS[0])?])
    }

    fn prepare(input: &Input, [key]: [&KeyRecord; 1], now: Timestamp) -> Result<Prepared, KmsError> {
        check_grant_tokens(input.grant_tokens.as_deref())?;
        check_recipient(input.recipient.as_ref())?;
        key.check(Operation::DeriveSharedSecret, now)?;
        let (spec, origin) = (key.facts.spec, key.facts.origin);
        let peer = peer_point(spec, input.public_key.as_ref()).map_err(|_| KmsError::InvalidPublicKey)?;
        check_dry_run(input.dry_run)?;
        let (material, key_id) = (key.current()?, Arc::clone(&key.arn));
        let work = Box::new(move |_: &mut TokenRandom| {
            let secret = material.hsm.derive_shared_secret(&material.object, spec, &peer)?;
            let output = Output {
                key_id,
                shared_secret: Zeroizing::new(secret.expose().to_vec()),
                ciphertext_for_recipient: None,
                key_agreement_algorithm: KeyAgreementAlgorithm::Ecdh.to_string(),
                key_origin: origin.to_string(),
            };
            to_json(&output, secret.len())
        });
        Ok(Prepared { work, lane: LaneKind::Pair, used: None })
    }
}
