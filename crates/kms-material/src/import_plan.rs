//! Which place imported bytes take among the materials of a key. Source: key-states.md 5.3.

use kms_core::key_spec::MaterialState;
use kms_core::{KeyFacts, KeyMaterialId, KmsError};

use crate::import::ImportType;

/// Decides the place of the material with this id, or refuses it.
///
/// # Errors
/// `IncorrectKeyMaterialException` for bytes that may not be imported now; `UnsupportedOperationException` for a second
/// material, which needs rotation.
pub(crate) fn place_of(
    facts: &KeyFacts,
    id: &KeyMaterialId,
    import_type: Option<ImportType>,
    named: Option<&KeyMaterialId>,
) -> Result<MaterialState, KmsError> {
    if named.is_some_and(|named| named != id) {
        return Err(incorrect());
    }
    if let Some(known) = facts.material(id) {
        return if import_type == Some(ImportType::New) { Err(incorrect()) } else { Ok(known.state) };
    }
    let is_first = facts.associated().next().is_none();
    match import_type {
        Some(ImportType::New) | None if is_first && named.is_none() => Ok(MaterialState::Current),
        Some(ImportType::New) => Err(KmsError::UnsupportedOperation(Some(
            "A second key material needs RotateKeyOnDemand, which is not served yet.".to_owned(),
        ))),
        Some(ImportType::Existing) | None => Err(incorrect()),
    }
}

/// AWS's text is not recorded; this is the sentence of the service model.
pub(crate) fn incorrect() -> KmsError {
    KmsError::IncorrectKeyMaterial(
        "The key material in the request is not the same key material that was previously imported into this KMS key."
            .to_owned(),
    )
}
