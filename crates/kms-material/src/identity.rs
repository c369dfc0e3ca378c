//! Which material an object is: recomputed from the object itself, without seeing its bytes.

use kms_core::hsm::{Identity, TokenObject};
use kms_core::key_facts::{KeyFacts, Material};
use kms_core::material_id::material_id;
use kms_core::secret::SecretKey;
use kms_core::{KeyAddress, KeyMaterialId, KmsError, ObjectId};

use crate::Keeper;

impl Keeper {
    /// A fresh salt for a key's material ids, sealed for its row.
    ///
    /// # Errors
    /// `KMSInternalException` if the operating system gives no random bytes.
    pub fn seal_new_salt(&self, address: &KeyAddress) -> Result<Vec<u8>, KmsError> {
        let salt = SecretKey::try_fill(|bytes| getrandom::fill(bytes)).map_err(KmsError::internal)?;
        self.salts.seal(&salt_binding(address), salt.expose()).map_err(KmsError::internal)
    }

    /// Proves that the object of a material is what its row says: class and label by the token, the id by one HMAC of a
    /// secret, or by one use of a private key that fits the public half in the row.
    ///
    /// # Errors
    /// `KMSInternalException` if the object is missing or another one.
    pub fn verify_object(&self, facts: &KeyFacts, material: &Material, object: ObjectId) -> Result<(), KmsError> {
        let object = object_of(&facts.address, object);
        if self.material_id_of(facts, &object, material.public_key.as_deref())? == material.id {
            return Ok(());
        }
        Err(KmsError::internal("the object in the token holds other material than its row names"))
    }

    /// The material id of an object of this key, whose public half is given if it has one.
    pub(crate) fn material_id_of(
        &self,
        facts: &KeyFacts,
        object: &TokenObject,
        public_key: Option<&[u8]>,
    ) -> Result<KeyMaterialId, KmsError> {
        let identity = self.hsm.identify(object, facts.kind(), public_key)?;
        self.material_id(facts, &identity)
    }

    /// The material id of an identity in this key.
    pub(crate) fn material_id(&self, facts: &KeyFacts, identity: &Identity) -> Result<KeyMaterialId, KmsError> {
        let opened = self
            .salts
            .open(&salt_binding(&facts.address), &facts.sealed_salt)
            .map_err(|_| KmsError::internal("the salt of a key does not open under this token's root key"))?;
        let salt = SecretKey::from_slice(opened.expose())
            .ok_or_else(|| KmsError::internal("the salt of a key has a wrong length"))?;
        Ok(material_id(&salt, facts.address.key_id, facts.spec, identity))
    }
}

/// The token object of a key's material.
pub(crate) fn object_of(address: &KeyAddress, id: ObjectId) -> TokenObject {
    TokenObject::of_key(id, address.region, address.key_id)
}

/// What the salt of a key is sealed to.
pub(crate) fn salt_binding(address: &KeyAddress) -> Vec<u8> {
    [address.account.as_str().as_bytes(), &address.key_id.to_parts().0].concat()
}
