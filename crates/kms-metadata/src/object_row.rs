//! What a row of a token object says: its state, and its form in and out of the database.

use diesel::prelude::*;
use kms_core::hsm::ObjectKind;
use kms_core::{KeyAddress, KeyMaterialId, ObjectId, Timestamp};
use uuid::Uuid;

use crate::error::MetadataError;
use crate::keys::parse_address;
use crate::materials::parse_material_id;

/// How far an object has come.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum ObjectState {
    /// Meant to be made; it may be in the token.
    Creating,
    /// In the token, and usable.
    Present,
    /// Meant to go; no node uses it any more.
    Destroying,
    /// Proved to be gone. The row stays as a tombstone.
    Destroyed,
}

impl ObjectState {
    /// The word in rows.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Creating => "creating",
            Self::Present => "present",
            Self::Destroying => "destroying",
            Self::Destroyed => "destroyed",
        }
    }

    /// The state of a word in rows.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Creating, Self::Present, Self::Destroying, Self::Destroyed]
            .into_iter()
            .find(|state| state.name() == name)
    }
}

/// An object about to be made.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NewObject {
    /// Its fresh id, `CKA_ID`.
    pub id: ObjectId,
    /// What it is for.
    pub kind: ObjectKind,
    /// `CKA_LABEL`.
    pub label: String,
    /// The key and material it is of; none for objects of the deployment itself.
    pub key: Option<(KeyAddress, KeyMaterialId)>,
    /// The name of the token it goes to.
    pub token: String,
    /// Who makes it; for logs alone.
    pub claimed_by: String,
}

/// An object's row.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ObjectRow {
    /// `CKA_ID`.
    pub id: ObjectId,
    /// What it is for.
    pub kind: ObjectKind,
    /// `CKA_LABEL`.
    pub label: String,
    /// The key and material it is of.
    pub key: Option<(KeyAddress, KeyMaterialId)>,
    /// The name of its token.
    pub token: String,
    /// How far it has come.
    pub state: ObjectState,
    /// When the row was inserted, by the clock of the database.
    pub created_at: Timestamp,
}

/// The row as diesel reads it.
#[derive(Queryable)]
pub(crate) struct Row {
    object_id: Uuid,
    kind: String,
    label: String,
    region: Option<String>,
    account: Option<String>,
    key_id: Option<String>,
    material_id: Option<Vec<u8>>,
    token: String,
    state: String,
    _claimed_by: String,
    created_at: Timestamp,
    _destroyed_at: Option<Timestamp>,
}

impl Row {
    pub(crate) fn into_object(self) -> Result<ObjectRow, MetadataError> {
        let key = match (&self.region, &self.account, &self.key_id, &self.material_id) {
            (Some(region), Some(account), Some(key_id), Some(material)) => {
                Some((parse_address(region, account, key_id)?, parse_material_id(material)?))
            }
            _ => None,
        };
        Ok(ObjectRow {
            id: ObjectId(self.object_id),
            kind: parse_kind(&self.kind)?,
            label: self.label,
            key,
            token: self.token,
            state: parse_state(&self.state)?,
            created_at: self.created_at,
        })
    }
}

/// The word of a kind in rows. That of key material is older than the other specs: it says `symmetric` of all of them.
pub(crate) const fn kind_name(kind: ObjectKind) -> &'static str {
    match kind {
        ObjectKind::Key => "symmetric",
        ObjectKind::Wrapping => "wrapping",
        ObjectKind::Root => "root",
        ObjectKind::Sentinel => "sentinel",
    }
}

fn parse_kind(name: &str) -> Result<ObjectKind, MetadataError> {
    [ObjectKind::Key, ObjectKind::Wrapping, ObjectKind::Root, ObjectKind::Sentinel]
        .into_iter()
        .find(|kind| kind_name(*kind) == name)
        .ok_or_else(|| MetadataError::broken_row("key_objects.kind"))
}

/// Reads the word of a state.
pub(crate) fn parse_state(name: &str) -> Result<ObjectState, MetadataError> {
    ObjectState::parse(name).ok_or_else(|| MetadataError::broken_row("key_objects.state"))
}
