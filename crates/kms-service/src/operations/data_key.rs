//! What GenerateDataKey and GenerateDataKeyWithoutPlaintext share. Source: kms-operations.md 3.4.

use std::collections::BTreeMap;
use std::sync::Arc;

use kms_core::algorithm::EncryptionAlgorithm;
use kms_core::{KmsError, Operation, Timestamp};
use zeroize::Zeroizing;

use super::sealing::Sealing;
use crate::hot::{Prepared, UsedMaterial, check_dry_run};
use crate::key_record::KeyRecord;
use crate::token_random::TokenRandom;

/// The members that both requests have.
pub(super) struct DataKeyRequest<'a> {
    pub(super) operation: Operation,
    pub(super) key_spec: Option<&'a str>,
    pub(super) number_of_bytes: Option<i64>,
    pub(super) encryption_context: Option<&'a BTreeMap<String, String>>,
    pub(super) dry_run: Option<bool>,
}

/// A data key and its ciphertext, with the names that both answers carry.
pub(super) struct DataKey {
    pub(super) plaintext: Zeroizing<Vec<u8>>,
    pub(super) ciphertext_blob: Vec<u8>,
    pub(super) key_id: Arc<str>,
    pub(super) key_material_id: Option<String>,
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
    let length = length(request)?;
    key.check(request.operation, now)?;
    key.check_symmetric()?;
    check_dry_run(request.dry_run)?;
    let sealing = Sealing::prepare(key, EncryptionAlgorithm::SymmetricDefault, request.encryption_context)?;
    let (lane, material) = (sealing.lane(), sealing.material_id());
    let key_id = key.arn.clone();
    let work = Box::new(move |random: &mut TokenRandom| {
        let plaintext = Zeroizing::new(random.take(length)?);
        let ciphertext_blob = sealing.seal(&plaintext)?;
        answer(DataKey { plaintext, ciphertext_blob, key_id, key_material_id: material.map(|id| id.to_string()) })
    });
    Ok(Prepared { work, lane, used: material.map(UsedMaterial::One) })
}

fn length(request: &DataKeyRequest<'_>) -> Result<usize, KmsError> {
    match (request.key_spec, request.number_of_bytes) {
        (Some("AES_128"), None) => Ok(16),
        (Some(_), None) => Ok(32),
        (None, Some(bytes)) => usize::try_from(bytes).map_err(KmsError::internal),
        _ => Err(KmsError::Validation("Please specify either number of bytes or key spec.".to_owned())),
    }
}
