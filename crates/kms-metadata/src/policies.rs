//! Policies of keys, as they were given.

use diesel::prelude::*;
use kms_core::KeyAddress;

use crate::error::MetadataError;
use crate::keys::identity;
use crate::schema::policies;
use crate::tx::Tx;

/// The name of the one policy that a key has.
const DEFAULT: &str = "default";

impl Tx<'_> {
    /// Finds the policy that was given with a key; none means the default one.
    ///
    /// # Errors
    /// Those of any statement.
    pub fn find_policy(&mut self, key: &KeyAddress) -> Result<Option<String>, MetadataError> {
        let (region, key_id) = identity(key.region, key.key_id);
        self.run(|connection| {
            policies::table.find((region, key_id, DEFAULT)).select(policies::document).first(connection).optional()
        })
    }

    /// Keeps the policy that is given with a new key.
    ///
    /// # Errors
    /// [`MetadataError::AlreadyExists`]; [`MetadataError::Other`] naming the constraint that the policy breaks.
    pub fn insert_policy(&mut self, key: &KeyAddress, document: &str) -> Result<(), MetadataError> {
        let (region, key_id) = identity(key.region, key.key_id);
        let row = (
            policies::region.eq(region),
            policies::key_id.eq(key_id),
            policies::name.eq(DEFAULT),
            policies::document.eq(document),
        );
        self.run(|connection| diesel::insert_into(policies::table).values(row).execute(connection))?;
        Ok(())
    }

    /// Deletes the policy of a key that goes away with it.
    pub(crate) fn delete_policy_of(&mut self, key: &KeyAddress) -> Result<(), MetadataError> {
        let (region, key_id) = identity(key.region, key.key_id);
        self.run(|connection| diesel::delete(policies::table.find((region, key_id, DEFAULT))).execute(connection))?;
        Ok(())
    }
}
