//! What GenerateDataKeyPair and GenerateDataKeyPairWithoutPlaintext share. The pair is made in the process: its private half
//! leaves with the answer or its ciphertext anyway (cryptography.md 7). Source: kms-operations.md 3.4.

use std::collections::BTreeMap;
use std::sync::Arc;

use kms_core::algorithm::{DataKeyPairSpec, EncryptionAlgorithm};
use kms_core::{KmsError, Operation, Timestamp};
use kms_keypair::generate_data_key_pair;
use zeroize::Zeroizing;

use super::sealing::Sealing;
use crate::hot::{Prepared, UsedMaterial, check_dry_run};
use crate::key_record::KeyRecord;
use crate::lanes::LaneKind;
use crate::token_random::TokenRandom;

/// The members that both requests have.
pub(super) struct DataKeyPairRequest<'a> {
    pub(super) operation: Operation,
    pub(super) key_pair_spec: &'a str,
    pub(super) encryption_context: Option<&'a BTreeMap<String, String>>,
    pub(super) dry_run: Option<bool>,
}

/// A pair, its private half in plaintext and sealed, with the names that both answers carry.
pub(super) struct MadePair {
    pub(super) private_key: Zeroizing<Vec<u8>>,
    pub(super) private_key_ciphertext: Vec<u8>,
    pub(super) public_key: Vec<u8>,
    pub(super) key_id: Arc<str>,
    pub(super) key_pair_spec: String,
    pub(super) key_material_id: Option<String>,
}

/// Checks the request; the work makes the pair and seals its private half.
///
/// # Errors
/// Those of usage and state; `InvalidKeyUsageException` for a key that is not symmetric; `UnsupportedOperationException` for
/// SM2, as outside China; that of DryRun.
pub(super) fn prepare(
    request: &DataKeyPairRequest<'_>,
    key: &KeyRecord,
    now: Timestamp,
    answer: fn(MadePair) -> Result<Vec<u8>, KmsError>,
) -> Result<Prepared, KmsError> {
    key.check(request.operation, now)?;
    key.check_symmetric()?;
    let spec = match DataKeyPairSpec::parse(request.key_pair_spec) {
        Some(spec) if spec != DataKeyPairSpec::Sm2 => spec,
        _ => return Err(KmsError::UnsupportedOperation(Some("SM2 is served in China Regions only.".to_owned()))),
    };
    check_dry_run(request.dry_run)?;
    let sealing = Sealing::prepare(key, EncryptionAlgorithm::SymmetricDefault, request.encryption_context)?;
    let (material, key_id) = (sealing.material_id(), Arc::clone(&key.arn));
    let work = Box::new(move |_: &mut TokenRandom| {
        let pair = generate_data_key_pair(spec).map_err(KmsError::internal)?;
        let private_key_ciphertext = sealing.seal(&pair.private_key_pkcs8)?;
        answer(MadePair {
            private_key: pair.private_key_pkcs8,
            private_key_ciphertext,
            public_key: pair.public_key_spki,
            key_id,
            key_pair_spec: spec.to_string(),
            key_material_id: material.map(|id| id.to_string()),
        })
    });
    Ok(Prepared { work, lane: lane_for(spec), used: material.map(UsedMaterial::One) })
}

/// Other pairs than RSA's are made in less than a millisecond.
fn lane_for(spec: DataKeyPairSpec) -> LaneKind {
    match spec {
        DataKeyPairSpec::Rsa2048 | DataKeyPairSpec::Rsa3072 | DataKeyPairSpec::Rsa4096 => LaneKind::RsaDataKeyPair,
        _ => LaneKind::Pair,
    }
}
