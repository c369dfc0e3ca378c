//! How often a day wrong bytes were imported into a key (cryptography.md 2).

use diesel::prelude::*;
use kms_core::KeyAddress;
use time::Date;

use crate::error::MetadataError;
use crate::keys::identity;
use crate::schema::import_mismatches;
use crate::tx::Tx;

impl Tx<'_> {
    /// How many imports into the key failed on this day because the bytes were other ones.
    ///
    /// # Errors
    /// Those of any statement.
    pub fn import_mismatches(&mut self, address: &KeyAddress, day: Date) -> Result<i32, MetadataError> {
        let (region, key_id) = identity(address.region, address.key_id);
        let row = import_mismatches::table.find((region, key_id, day)).select(import_mismatches::mismatches);
        Ok(self.run(|connection| row.first(connection).optional())?.unwrap_or(0))
    }

    /// Counts one more of them.
    ///
    /// # Errors
    /// Those of any statement.
    pub fn count_import_mismatch(&mut self, address: &KeyAddress, day: Date) -> Result<(), MetadataError> {
        let (region, key_id) = identity(address.region, address.key_id);
        self.run(|connection| {
            diesel::insert_into(import_mismatches::table)
                .values((
                    import_mismatches::region.eq(region),
                    import_mismatches::key_id.eq(key_id),
                    import_mismatches::day.eq(day),
                    import_mismatches::mismatches.eq(1),
                ))
                .on_conflict((import_mismatches::region, import_mismatches::key_id, import_mismatches::day))
                .do_update()
                .set(import_mismatches::mismatches.eq(import_mismatches::mismatches + 1))
                .execute(connection)
        })?;
        Ok(())
    }

    /// Forgets the counts of days before this one; returns how many rows.
    ///
    /// # Errors
    /// Those of any statement.
    pub fn forget_import_mismatches(&mut self, before: Date) -> Result<usize, MetadataError> {
        let old = import_mismatches::table.filter(import_mismatches::day.lt(before));
        self.run(|connection| diesel::delete(old).execute(connection))
    }
}
