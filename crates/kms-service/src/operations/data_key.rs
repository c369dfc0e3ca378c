//! What GenerateDataKey and GenerateDataKeyWithoutPlaintext share. Source: kms-operations.md 3.4.

use std::collections::BTreeMap;

use kms_core::ciphertext_blob::Envelope;
use kms_core::encryption_context::canonical;
use kms_core::{KmsError, Operation, Timestamp};
use zeroize::Zeroizing;

use crate::hot::{Prepared, check_dry_run, check_grant_tokens};
use crate::key_record::KeyRecord;
use crate::lane::LaneToken;

/// The members that both requests have.
pub(super) struct DataKeyRequest<'a> {
    pub(super) operation: Operation,
    pub(super) key_spec: Option<&'a str>,
    pub(super) number_of_bytes: Option<i64>,
    pub(super) encryption_context: Option<&'a BTreeMap<String, String>>,
    pub(super) grant_tokens: Option<&'a [String]>,
    pub(super) dry_run: Option<bool>,
}

/// A data key and its ciphertext, with the names that both answers carry.
pub(super) struct DataKey {
    pub(super) plaintext: Zeroizing<Vec<u8>>,
    pub(super) ciphertext_blob: Vec<u8>,
    pub(super) key_id: String,
    pub(super) key_material_id: String,
}

/// Checks the request; the token then gives the random bytes and the message key.
///
/// # Errors
/// `ValidationException` unless exactly one length is given, then those of usage, state and DryRun.
pub(super) fn prepare(
    request: &DataKeyRequest<'_>,
    key: &KeyRecord,
    now: Timestamp,
    answer: fn(DataKey) -> Result<Vec<u8>, KmsError>,
) -> Result<Prepared, KmsError> {
    check_grant_tokens(request.grant_tokens)?;
    let length = length(request)?;
    key.check(request.operation, now)?;
    check_dry_run(request.dry_run)?;
    let material = key.current()?;
    let context = canonical(request.encryption_context);
    let envelope = Envelope::new(key.facts.address.key_id, material.id, context).map_err(KmsError::internal)?;
    let (key_id, used) = (key.arn.clone(), material.clone());
    let work = Box::new(move |token: &mut LaneToken| {
        let plaintext = Zeroizing::new(token.random(length)?);
        let kdk = token.mac(&used.object, &envelope.kdf_input())?;
        let ciphertext_blob = envelope.seal(&kdk, &plaintext);
        answer(DataKey { plaintext, ciphertext_blob, key_id, key_material_id: used.id.to_string() })
    });
    Ok(Prepared { work, material })
}

fn length(request: &DataKeyRequest<'_>) -> Result<usize, KmsError> {
    match (request.key_spec, request.number_of_bytes) {
        (Some("AES_128"), None) => Ok(16),
        (Some(_), None) => Ok(32),
        (None, Some(bytes)) => usize::try_from(bytes).map_err(KmsError::internal),
        _ => Err(KmsError::Validation("Please specify either number of bytes or key spec.".to_owned())),
    }
}
