//! What an operation on the hot path says about itself.

use kms_core::{KeyMaterialId, KmsError, Timestamp};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::caller::Caller;
use crate::key_record::KeyRecord;
use crate::lane::TokenWork;
use crate::lanes::LaneKind;
use crate::target::Target;

/// Work ready for its lane, and the material it uses for the audit record.
pub(crate) struct Prepared {
    pub(crate) work: TokenWork,
    pub(crate) lane: LaneKind,
    /// Of symmetric encryption keys only, as in the answers.
    pub(crate) used: Option<UsedMaterial>,
}

/// The material that an operation uses; the audit record names it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum UsedMaterial {
    /// That of the one key.
    One(KeyMaterialId),
    /// Those of ReEncrypt's keys, of those that are symmetric.
    Two { source: Option<KeyMaterialId>, destination: Option<KeyMaterialId> },
}

impl UsedMaterial {
    /// Those of ReEncrypt's keys; none where neither is symmetric.
    pub(crate) fn of(source: Option<KeyMaterialId>, destination: Option<KeyMaterialId>) -> Option<Self> {
        source.or(destination).map(|_| Self::Two { source, destination })
    }
}

/// A cryptographic operation with `KEYS` keys.
pub(crate) trait HotOperation<const KEYS: usize> {
    /// The actions that the caller must be allowed, one for each key.
    const ACTIONS: [&'static str; KEYS];
    /// Its request.
    type Input: DeserializeOwned + Send;

    /// Which keys it is about; reads what must be read before any key is looked up.
    ///
    /// # Errors
    /// What can be refused before a key is known.
    fn targets(input: &Self::Input, caller: &Caller) -> Result<[Target; KEYS], KmsError>;

    /// Everything from the cross-member rules to DryRun, in the order of kms-operations.md 1.1; what is left is work for
    /// the token.
    ///
    /// # Errors
    /// Those of the operation.
    fn prepare(input: &Self::Input, keys: [&KeyRecord; KEYS], now: Timestamp) -> Result<Prepared, KmsError>;
}

/// `DryRun` of a request that has passed every check.
///
/// # Errors
/// `DryRunOperationException` if it is set.
pub(crate) fn check_dry_run(dry_run: Option<bool>) -> Result<(), KmsError> {
    if dry_run == Some(true) { Err(KmsError::DryRunOperation) } else { Ok(()) }
}

/// Bytes that the members of an answer take beside its bytes in base64.
const REST_OF_ANSWER: usize = 768;

/// The body of an answer that holds so many `bytes` of values. It never moves while it is written, so that it leaves no copy
/// of a secret behind.
///
/// # Errors
/// `KMSInternalException`; no answer is unfit for JSON.
pub(crate) fn to_json(output: &impl Serialize, bytes: usize) -> Result<Vec<u8>, KmsError> {
    let mut answer = Vec::with_capacity(REST_OF_ANSWER + bytes.div_ceil(3) * 4);
    serde_json::to_writer(&mut answer, output).map_err(KmsError::internal)?;
    Ok(answer)
}

/// Grants are not served yet, so no grant token can be one of ours.
///
/// # Errors
/// `InvalidGrantTokenException` for any token.
pub(crate) fn check_grant_tokens(tokens: Option<&[String]>) -> Result<(), KmsError> {
    match tokens {
        Some([_, ..]) => Err(KmsError::InvalidGrantToken("The grant token is not valid.".to_owned())),
        _ => Ok(()),
    }
}

/// Attestation documents are not served yet.
///
/// # Errors
/// `UnsupportedOperationException` if there is one.
pub(crate) fn check_recipient(recipient: Option<&serde::de::IgnoredAny>) -> Result<(), KmsError> {
    match recipient {
        Some(_) => Err(KmsError::UnsupportedOperation(Some("Recipient is not served yet.".to_owned()))),
        None => Ok(()),
    }
}
