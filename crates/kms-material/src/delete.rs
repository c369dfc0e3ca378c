//! D1-D3: DeleteImportedKeyMaterial on rows and token. The same path in every state that allows it.

use kms_core::key_facts::{KeyFacts, Material};
use kms_core::key_state::{check_state, key_state};
use kms_core::{KeyAddress, KeyMaterialId, KmsError, ObjectId, Operation};
use kms_metadata::{KeyChange, MetadataError, ObjectState, Tx};
use serde_json::json;

use crate::{Audit, Keeper};

impl Keeper {
    /// Deletes the material named, or the current one, and returns its id once a search of the token has confirmed that
    /// no object of it is left. A key without material goes the same way and gives none.
    ///
    /// # Errors
    /// `ValidationException` for a material that the key never had; `KMSInvalidStateException`; any doubt about the
    /// token or Postgres is `DependencyTimeoutException` or `KMSInternalException`, never success: repeat the call.
    pub fn delete(
        &self,
        address: &KeyAddress,
        named: Option<&KeyMaterialId>,
        audit: Audit<'_>,
    ) -> Result<Option<KeyMaterialId>, KmsError> {
        let (material, condemned) = self.metadata.write(|tx| self.condemn_material(tx, address, named, audit))?;
        fail::fail_point!("material.delete.condemned");
        self.finish_all(address, &condemned)?;
        Ok(material)
    }

    /// D2 and D3: finishes every condemned object and confirms that no row of them is left open.
    pub(crate) fn finish_all(&self, address: &KeyAddress, condemned: &[ObjectId]) -> Result<(), KmsError> {
        for object in condemned {
            self.finish(Some(address), *object)?;
        }
        let states = self.metadata.read(|tx| Ok::<_, KmsError>(tx.object_states(condemned)?))?;
        if states.values().all(|state| *state == ObjectState::Destroyed) {
            return Ok(());
        }
        Err(KmsError::timeout("an object of the material is not yet destroyed"))
    }

    /// D1: from its commit on no node uses the material.
    fn condemn_material(
        &self,
        tx: &mut Tx<'_>,
        address: &KeyAddress,
        named: Option<&KeyMaterialId>,
        audit: Audit<'_>,
    ) -> Result<(Option<KeyMaterialId>, Vec<ObjectId>), KmsError> {
        let row = tx
            .lock_key(address.region, address.key_id)?
            .filter(|row| row.purge_started_at.is_none())
            .ok_or_else(|| kms_core::key_ref::does_not_exist(&address.arn()))?;
        let facts = row.facts;
        check_state(Operation::DeleteImportedKeyMaterial, address, key_state(&facts, self.clock.now()))?;
        let material = match named {
            Some(id) => Some(facts.material(id).ok_or_else(never_associated)?),
            None => facts.current(),
        };
        let condemned = tx.condemn_of_key(address, material.map(|material| &material.id))?;
        let was_present = material.is_some_and(|material| material.object.is_some());
        if let Some(material) = material {
            forget_expiry(tx, address, material)?;
        }
        tx.update_key(&facts, &KeyChange { material_changed: true, ..KeyChange::default() })?;
        let removed = material.filter(|_| was_present).map(|material| material.id);
        let id = removed.map(|id| id.to_string());
        audit(json!({"keyId": address.arn(), "keyMaterialId": id})).insert(tx)?;
        Ok((removed, condemned))
    }

    /// D1 of a material that expires or of a key that is purged: condemns, forgets the expiry, counts the versions.
    pub(crate) fn condemn(
        tx: &mut Tx<'_>,
        facts: &KeyFacts,
        material: Option<&Material>,
        change: &KeyChange,
    ) -> Result<Vec<ObjectId>, KmsError> {
        let condemned = tx.condemn_of_key(&facts.address, material.map(|material| &material.id))?;
        for material in facts.materials.iter().filter(|known| material.is_none_or(|material| material.id == known.id)) {
            forget_expiry(tx, &facts.address, material)?;
        }
        tx.update_key(facts, change)?;
        Ok(condemned)
    }
}

/// `ExpirationModel` and `ValidTo` vanish with the object; the description stays.
fn forget_expiry(tx: &mut Tx<'_>, address: &KeyAddress, material: &Material) -> Result<(), MetadataError> {
    tx.put_material(address, &Material { expiration_model: None, valid_to: None, object: None, ..material.clone() })
}

/// AWS's answer is not recorded; the type is the one that others give.
fn never_associated() -> KmsError {
    KmsError::Validation("The KeyMaterialId does not belong to any key material of this KMS key.".to_owned())
}
