//! `Encrypt`. Source: AWS KMS API Reference, Encrypt.

use std::collections::BTreeMap;

use kms_core::ciphertext_blob::Envelope;
use kms_core::encryption_context::canonical;
use kms_core::{KmsError, Operation, Timestamp};
use kms_model::Blob;
use serde::{Deserialize, Serialize};

use crate::caller::Caller;
use crate::hot::{HotOperation, Prepared, Target, check_dry_run, check_grant_tokens};
use crate::key_record::{KeyRecord, SYMMETRIC_DEFAULT};

/// The operation.
pub(crate) struct Encrypt;

/// The request.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Input {
    key_id: String,
    plaintext: Blob,
    encryption_context: Option<BTreeMap<String, String>>,
    grant_tokens: Option<Vec<String>>,
    encryption_algorithm: Option<String>,
    dry_run: Option<bool>,
}

/// The answer.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(Deserialize))]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Output {
    #[serde(with = "kms_model::wire::blob")]
    ciphertext_blob: Vec<u8>,
    key_id: String,
    encryption_algorithm: String,
}

impl HotOperation for Encrypt {
    const OPERATION: Operation = Operation::Encrypt;
    type Input = Input;

    fn target(input: &Input, _caller: &Caller) -> Result<Target, KmsError> {
        Ok(Target::Named(input.key_id.clone()))
    }

    fn prepare(input: &Input, key: &KeyRecord, now: Timestamp) -> Result<Prepared, KmsError> {
        check_grant_tokens(input.grant_tokens.as_deref())?;
        key.check(Self::OPERATION, now)?;
        key.check_algorithm(input.encryption_algorithm.as_deref())?;
        check_dry_run(input.dry_run)?;
        let material = key.current()?;
        let context = canonical(input.encryption_context.as_ref());
        let envelope = Envelope::new(key.facts.address.key_id, material.id, context).map_err(KmsError::internal)?;
        let (plaintext, key_id, object) = (input.plaintext.clone(), key.arn.clone(), material.object.clone());
        let work = Box::new(move |token: &mut crate::lane::LaneToken| {
            let kdk = token.mac(&object, &envelope.kdf_input())?;
            let ciphertext_blob = envelope.seal(&kdk, plaintext.as_ref());
            let encryption_algorithm = SYMMETRIC_DEFAULT.to_owned();
            serde_json::to_vec(&Output { ciphertext_blob, key_id, encryption_algorithm }).map_err(KmsError::internal)
        });
        Ok(Prepared { work, material })
    }
}
