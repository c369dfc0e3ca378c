//! Tags of keys.

use diesel::prelude::*;
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

    pub(crate) fn insert_tags(&mut self, address: &KeyAddress, tags: &[(String, String)]) -> Result<(), MetadataError> {
        if tags.is_empty() {
            return Ok(());
        }
        let (region, key_id) = identity(address.region, address.key_id);
        let rows: Vec<_> = tags
            .iter()
            .map(|(key, value)| {
                (tags::region.eq(&region), tags::key_id.eq(&key_id), tags::tag_key.eq(key), tags::tag_value.eq(value))
            })
            .collect();
        self.run(|connection| diesel::insert_into(tags::table).values(&rows).execute(connection))?;
        Ok(())
    }
}
