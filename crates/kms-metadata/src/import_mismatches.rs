//! How often a day wrong bytes were imported into a key (cryptography.md 2).

use diesel::prelude::*;
use diesel::query_dsl::methods;
use kms_core::KeyAddress;
use time::Date;

use crate::error::MetadataError;
use crate::keys::identity;
use crate::schema::import_mismatches;
use crate::tx::Tx;

impl Tx<'_> {
    /// Counts one more import of wrong bytes into the key on this day, before the bytes are looked at, so that requests at
    /// once cannot pass the limit together; `false` when `limit` is reached. Right bytes give it back.
    ///
    /// # Errors
    /// Those of any statement.
    pub fn reserve_import_mismatch(
        &mut self,
        address: &KeyAddress,
        day: Date,
        limit: i32,
    ) -> Result<bool, MetadataError> {
        let (region, key_id) = identity(address.region, address.key_id);
        let counted = self.run(|connection| {
            let counted_up = diesel::insert_into(import_mismatches::table)
                .values((
                    import_mismatches::region.eq(region),
                    import_mismatches::key_id.eq(key_id),
                    import_mismatches::day.eq(day),
                    import_mismatches::mismatches.eq(1),
                ))
                .on_conflict((import_mismatches::region, import_mismatches::key_id, import_mismatches::day))
                .do_update()
                .set(import_mismatches::mismatches.eq(import_mismatches::mismatches + 1));
            methods::FilterDsl::filter(counted_up, import_mismatches::mismatches.lt(limit)).execute(connection)
        })?;
        Ok(counted == 1)
    }

    /// Takes back what [`Tx::reserve_import_mismatch`] counted: the bytes were the right ones, or none at all.
    ///
    /// # Errors
    /// Those of any statement.
    pub fn give_back_import_mismatch(&mut self, address: &KeyAddress, day: Date) -> Result<(), MetadataError> {
        let (region, key_id) = identity(address.region, address.key_id);
        let row = || import_mismatches::table.find((&region, &key_id, day));
        self.run(|connection| {
            let counted =
                row().select(import_mismatches::mismatches).for_update().first::<i32>(connection).optional()?;
            match counted {
                None => Ok(0),
                Some(1) => diesel::delete(row()).execute(connection),
                Some(more) => diesel::update(row()).set(import_mismatches::mismatches.eq(more - 1)).execute(connection),
            }
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
