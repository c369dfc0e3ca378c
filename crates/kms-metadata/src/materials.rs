//! Key materials: which a key has ever been given, and when they expire.

use diesel::prelude::*;
use diesel::upsert::excluded;
use kms_core::clock::to_millisecond;
use kms_core::key_spec::{ExpirationModel, MaterialState};
use kms_core::{KeyAddress, KeyMaterialId, Material, ObjectId, Timestamp};
use uuid::Uuid;

use crate::error::MetadataError;
use crate::keys::{identity, parse_address};
use crate::schema::{key_materials, key_objects, keys};
use crate::tx::Tx;

impl Tx<'_> {
    /// Inserts a material of a key, or brings its row to what `material` says. Its place in the order of association is
    /// given once and stays; its object is not written here, objects have rows of their own.
    ///
    /// # Errors
    /// [`MetadataError::AlreadyExists`] when the key has another current material; [`MetadataError::Other`] when there is
    /// no such key.
    pub fn put_material(&mut self, address: &KeyAddress, material: &Material) -> Result<(), MetadataError> {
        let row = Row::of(address, material);
        self.run(|connection| {
            diesel::insert_into(key_materials::table)
                .values(&row)
                .on_conflict((key_materials::region, key_materials::key_id, key_materials::material_id))
                .do_update()
                .set((
                    key_materials::state.eq(excluded(key_materials::state)),
                    key_materials::description.eq(excluded(key_materials::description)),
                    key_materials::expiration_model.eq(excluded(key_materials::expiration_model)),
                    key_materials::valid_to.eq(excluded(key_materials::valid_to)),
                    key_materials::public_key.eq(excluded(key_materials::public_key)),
                ))
                .execute(connection)
        })?;
        self.note_change(*address);
        Ok(())
    }

    /// Lists materials that have expired and still have an object in a token, the longest expired first.
    ///
    /// # Errors
    /// Those of any statement.
    pub fn expired_materials(
        &mut self,
        token: &str,
        now: Timestamp,
        limit: i64,
    ) -> Result<Vec<(KeyAddress, KeyMaterialId)>, MetadataError> {
        type Expired = (String, String, String, Vec<u8>);
        let expired = self.run(|connection| {
            let key = keys::region.eq(key_materials::region).and(keys::key_id.eq(key_materials::key_id));
            key_materials::table
                .inner_join(keys::table.on(key))
                .inner_join(key_objects::table.on(present_object()))
                .filter(key_objects::token.eq(token))
                .filter(key_materials::valid_to.le(now))
                .order(key_materials::valid_to)
                .limit(limit)
                .select((keys::region, keys::account, keys::key_id, key_materials::material_id))
                .load::<Expired>(connection)
        })?;
        expired
            .iter()
            .map(|(region, account, key_id, id)| Ok((parse_address(region, account, key_id)?, parse_material_id(id)?)))
            .collect()
    }

    /// The materials of a key in order of association, each with its present object.
    pub(crate) fn materials_of(&mut self, address: &KeyAddress) -> Result<Vec<Material>, MetadataError> {
        let (region, key_id) = identity(address.region, address.key_id);
        let rows = self.run(|connection| {
            key_materials::table
                .left_join(key_objects::table.on(present_object()))
                .filter(key_materials::region.eq(region))
                .filter(key_materials::key_id.eq(key_id))
                .order(key_materials::position)
                .select((Row::as_select(), key_objects::object_id.nullable()))
                .load::<(Row, Option<Uuid>)>(connection)
        })?;
        let mut materials: Vec<Material> = Vec::with_capacity(rows.len());
        for (row, object) in rows {
            let material = row.into_material(object.map(ObjectId))?;
            // A material has one present object in each token; a key is in one, so the first row is the only one.
            if materials.last().is_none_or(|last| last.id != material.id) {
                materials.push(material);
            }
        }
        Ok(materials)
    }
}

/// The row of a material, without the position that Postgres gives it.
#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = key_materials)]
struct Row {
    region: String,
    key_id: String,
    material_id: Vec<u8>,
    state: String,
    description: Option<String>,
    expiration_model: Option<String>,
    valid_to: Option<Timestamp>,
    public_key: Option<Vec<u8>>,
}

impl Row {
    fn of(address: &KeyAddress, material: &Material) -> Self {
        let (region, key_id) = identity(address.region, address.key_id);
        Self {
            region,
            key_id,
            material_id: material.id.0.to_vec(),
            state: material.state.name().to_owned(),
            description: material.description.clone(),
            expiration_model: material.expiration_model.map(|model| model.name().to_owned()),
            valid_to: material.valid_to.map(to_millisecond),
            public_key: material.public_key.clone(),
        }
    }

    fn into_material(self, object: Option<ObjectId>) -> Result<Material, MetadataError> {
        let expiration_model = self.expiration_model.as_deref().map(|name| {
            ExpirationModel::parse(name).ok_or_else(|| MetadataError::broken_row("key_materials.expiration_model"))
        });
        Ok(Material {
            id: parse_material_id(&self.material_id)?,
            state: MaterialState::parse(&self.state).ok_or_else(|| MetadataError::broken_row("key_materials.state"))?,
            description: self.description,
            expiration_model: expiration_model.transpose()?,
            valid_to: self.valid_to,
            object,
            public_key: self.public_key,
        })
    }
}

/// Reads the 32 bytes of a material id.
pub(crate) fn parse_material_id(bytes: &[u8]) -> Result<KeyMaterialId, MetadataError> {
    bytes.try_into().map(KeyMaterialId).map_err(|_| MetadataError::broken_row("material_id"))
}

/// Joins a material to its object that is `present`.
#[diesel::dsl::auto_type(no_type_alias)]
fn present_object() -> _ {
    key_objects::region
        .eq(key_materials::region.nullable())
        .and(key_objects::key_id.eq(key_materials::key_id.nullable()))
        .and(key_objects::material_id.eq(key_materials::material_id.nullable()))
        .and(key_objects::state.eq("present"))
}
