//! Tags of keys.

use diesel::prelude::*;
use diesel::upsert::excluded;
use kms_core::{KeyAddress, KeyId, Region};

use crate::error::MetadataError;
use crate::keys::identity;
use crate::schema::tags;
use crate::tx::Tx;

impl Tx<'_> {
    /// Lists the tags of a key in the order of their keys.
    ///
    /// # Errors
    /// Those of any statement.
    pub fn list_tags(&mut self, region: Region, key_id: KeyId) -> Result<Vec<(String, String)>, MetadataError> {
        let (region, key_id) = identity(region, key_id);
        self.run(|connection| {
            tags::table
                .filter(tags::region.eq(region))
                .filter(tags::key_id.eq(key_id))
                .order(tags::tag_key)
                .select((tags::tag_key, tags::tag_value))
                .load(connection)
        })
    }

    /// Puts tags on a key; one that it has gets the new value.
    ///
    /// # Errors
    /// [`MetadataError::Other`] naming the constraint that a tag breaks, or when a tag key is given twice.
    pub fn put_tags(&mut self, key: &KeyAddress, tags: &[(String, String)]) -> Result<(), MetadataError> {
        if tags.is_empty() {
            return Ok(());
        }
        let (region, key_id) = identity(key.region, key.key_id);
        let rows: Vec<_> = tags
            .iter()
            .map(|(key, value)| {
                (tags::region.eq(&region), tags::key_id.eq(&key_id), tags::tag_key.eq(key), tags::tag_value.eq(value))
            })
            .collect();
        self.run(|connection| {
            diesel::insert_into(tags::table)
                .values(&rows)
                .on_conflict((tags::region, tags::key_id, tags::tag_key))
                .do_update()
                .set(tags::tag_value.eq(excluded(tags::tag_value)))
                .execute(connection)
        })?;
        Ok(())
    }

    /// Takes tags off a key; those that it does not have are passed over.
    ///
    /// # Errors
    /// Those of any statement.
    pub fn delete_tags(&mut self, key: &KeyAddress, tag_keys: &[&str]) -> Result<(), MetadataError> {
        let (region, key_id) = identity(key.region, key.key_id);
        let of_key = tags::region.eq(region).and(tags::key_id.eq(key_id));
        let named = tags::table.filter(of_key).filter(tags::tag_key.eq_any(tag_keys));
        self.run(|connection| diesel::delete(named).execute(connection))?;
        Ok(())
    }
}
