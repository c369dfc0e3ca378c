//! `ImportKeyMaterial`: brings the customer's bytes into the token. Source: AWS KMS API Reference, ImportKeyMaterial.

use kms_core::clock::{from_epoch_seconds, to_millisecond};
use kms_core::key_spec::{ExpirationModel, KeySpec};
use kms_core::{KeyFacts, KeyMaterialId, KmsError, Timestamp};
use kms_material::{Expiration, Import, ImportType};
use kms_model::Blob;
use serde::{Deserialize, Serialize};
use time::Duration;

use crate::context::Context;

/// Material may live this long from its import. Source: evidence.md 4.
const LONGEST_LIFE: Duration = Duration::days(365);

/// The request.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Input {
    key_id: String,
    import_token: Blob,
    encrypted_key_material: Blob,
    valid_to: Option<f64>,
    expiration_model: Option<String>,
    import_type: Option<String>,
    key_material_description: Option<String>,
    key_material_id: Option<String>,
}

/// The answer.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(Deserialize))]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Output {
    key_id: String,
    key_material_id: String,
}

/// # Errors
/// `NotFoundException`, `InvalidArnException`; `UnsupportedOperationException` for another origin or a second material;
/// `KMSInvalidStateException`; `ValidationException` for ValidTo, for the ciphertext's length, for members that exclude
/// each other; `InvalidImportTokenException`, `ExpiredImportTokenException`; `InvalidCiphertextException`;
/// `IncorrectKeyMaterialException`.
pub(crate) fn run(cx: &Context<'_>, input: Input) -> Result<Output, KmsError> {
    let key = cx.key_for(&input.key_id)?;
    cx.check_external(&key)?;
    cx.check_state(&key)?;
    check_members(&key, &input)?;
    let import_type = input.import_type.as_deref().map(|word| match word {
        "NEW_KEY_MATERIAL" => ImportType::New,
        _ => ImportType::Existing,
    });
    let material_id = input.key_material_id.as_deref().and_then(KeyMaterialId::parse);
    if import_type == Some(ImportType::New) && material_id.is_some() {
        return refuse("KeyMaterialId cannot be specified when ImportType is NEW_KEY_MATERIAL.");
    }
    let expiration = expiration(&input, cx.now())?;
    let keeper = cx.keeper_of(&key)?;
    let pair = keeper.redeem(&key.address, input.import_token.as_ref())?;
    if !pair.fits(input.encrypted_key_material.as_ref()) {
        return refuse("Invalid encrypted key size.");
    }
    let import = Import {
        encrypted: input.encrypted_key_material.as_ref(),
        expiration,
        import_type,
        material_id,
        description: input.key_material_description.as_deref(),
    };
    let id = keeper.import(&key, &pair, &import, &|response| cx.audit(response))?;
    Ok(Output { key_id: key.address.arn(), key_material_id: id.to_string() })
}

/// What only keys with several materials have is refused for others; AWS's text is not recorded. Source: key-states.md 5.3,
/// evidence.md 9.
fn check_members(key: &KeyFacts, input: &Input) -> Result<(), KmsError> {
    let members = [
        ("ImportType", input.import_type.is_some()),
        ("KeyMaterialId", input.key_material_id.is_some()),
        ("KeyMaterialDescription", input.key_material_description.is_some()),
    ];
    match members.iter().find(|(_, is_given)| *is_given) {
        Some((member, _)) if key.spec != KeySpec::SymmetricDefault => {
            refuse(&format!("{member} can be specified for symmetric encryption keys only."))
        }
        _ => Ok(()),
    }
}

/// ExpirationModel and ValidTo together. Only the text for a missing ValidTo is recorded. Source: key-states.md 5.2.
fn expiration(input: &Input, now: Timestamp) -> Result<Expiration, KmsError> {
    let does_not_expire = input.expiration_model.as_deref() == Some(ExpirationModel::DoesNotExpire.name());
    match (does_not_expire, input.valid_to) {
        (true, None) => Ok(Expiration { model: ExpirationModel::DoesNotExpire, valid_to: None }),
        (true, Some(_)) => {
            refuse("A validTo date cannot be set if the ExpirationModel is KEY_MATERIAL_DOES_NOT_EXPIRE")
        }
        (false, None) => refuse("A validTo date must be set if the ExpirationModel is KEY_MATERIAL_EXPIRES"),
        (false, Some(seconds)) => {
            let valid_to = from_epoch_seconds(seconds).map(to_millisecond);
            let Some(valid_to) = valid_to.filter(|valid_to| *valid_to > now) else {
                return refuse("The validTo date must be in the future");
            };
            if valid_to > now + LONGEST_LIFE {
                return refuse("The validTo date must be at most 365 days from now");
            }
            Ok(Expiration { model: ExpirationModel::Expires, valid_to: Some(valid_to) })
        }
    }
}

fn refuse<T>(text: &str) -> Result<T, KmsError> {
    Err(KmsError::Validation(text.to_owned()))
}
