//! What is stored about a key, read in one snapshot.

use crate::arn::KeyAddress;
use crate::clock::Timestamp;
use crate::hsm::KeyKind;
use crate::ids::{KeyMaterialId, ObjectId};
use crate::key_spec::{ExpirationModel, KeySpec, KeyUsage, MaterialState, Origin};

/// A key with its materials: the facts that key state, metadata and use are computed from.
#[derive(Clone, PartialEq, Debug)]
pub struct KeyFacts {
    /// Region, account and id.
    pub address: KeyAddress,
    /// Grows by one with each change; a change is conditional on it.
    pub version: i64,
    /// Grows by one with each import, delete, expiry and purge (object-protocol.md A4).
    pub material_version: i64,
    /// The description, at most 8192 characters.
    pub description: String,
    /// Kind of key.
    pub spec: KeySpec,
    /// What it may be used for.
    pub usage: KeyUsage,
    /// Where its material comes from.
    pub origin: Origin,
    /// The switch of EnableKey and DisableKey; not the state.
    pub enabled: bool,
    /// When the key was made.
    pub created_at: Timestamp,
    /// When the key will be deleted, while deletion is scheduled.
    pub deletion_date: Option<Timestamp>,
    /// The label of the token that the key is bound to: its objects are there and nowhere else.
    pub token: String,
    /// The sealed salt of the key's material ids (cryptography.md 2).
    pub sealed_salt: Vec<u8>,
    /// The materials ever associated, or pending, in order of association.
    pub materials: Vec<Material>,
}

/// One key material: logical, whether or not an object of it is in the token.
#[derive(Clone, PartialEq, Debug)]
pub struct Material {
    /// Its id, a function of the key and the bytes.
    pub id: KeyMaterialId,
    /// Its place among the materials of the key.
    pub state: MaterialState,
    /// `KeyMaterialDescription`, when one was given.
    pub description: Option<String>,
    /// Whether it expires; none while it is not imported, and for generated material.
    pub expiration_model: Option<ExpirationModel>,
    /// When it expires.
    pub valid_to: Option<Timestamp>,
    /// The object whose row is `present`, if any.
    pub object: Option<ObjectId>,
    /// The public half, DER SubjectPublicKeyInfo, of a key pair; it stays when the object goes.
    pub public_key: Option<Vec<u8>>,
}

impl Material {
    /// Whether the material can be used at this moment: present and not expired.
    pub fn is_usable(&self, now: Timestamp) -> bool {
        self.object.is_some() && self.valid_to.is_none_or(|valid_to| now < valid_to)
    }
}

impl KeyFacts {
    /// What the objects of its materials are for.
    pub const fn kind(&self) -> KeyKind {
        KeyKind { spec: self.spec, usage: self.usage }
    }

    /// The current material, kept after its deletion.
    pub fn current(&self) -> Option<&Material> {
        self.materials.iter().find(|material| material.state == MaterialState::Current)
    }

    /// The material with this id.
    pub fn material(&self, id: &KeyMaterialId) -> Option<&Material> {
        self.materials.iter().find(|material| material.id == *id)
    }

    /// Whether some material stops being usable between these moments, so that the state may be another afterwards.
    pub fn expires_between(&self, earlier: Timestamp, later: Timestamp) -> bool {
        self.materials.iter().any(|material| material.is_usable(earlier) != material.is_usable(later))
    }

    /// The materials that must all be present for the key to be usable: current and retired ones. Source: key-states.md 5.1.6.
    pub fn associated(&self) -> impl Iterator<Item = &Material> {
        self.materials
            .iter()
            .filter(|material| matches!(material.state, MaterialState::Current | MaterialState::NonCurrent))
    }
}
