//! Aliases: second names of keys. Every cached record of a key holds the names of its aliases, so whoever changes an alias
//! locks each key concerned first ([`Tx::lock_key`], two keys in the order of their ids) and counts its version up
//! ([`Tx::update_key`]). An alias that exists is locked before its keys ([`Tx::lock_alias`]), as it tells which they are.

use diesel::prelude::*;
use diesel::sql_types::Text;
use kms_core::clock::to_millisecond;
use kms_core::{AccountId, KeyAddress, KeyId, Region, Timestamp};

use crate::error::MetadataError;
use crate::keys::parse_address;
use crate::schema::aliases;
use crate::tx::Tx;

/// The class of advisory locks that stand for names of aliases: the ASCII codes of `alia`. Names whose hashes are the same
/// wait for one another, which does no harm.
const LOCKS: i32 = 0x616c_6961;

/// An alias, as its row says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Alias {
    /// The name with its prefix, such as `alias/x`, unique in account and region.
    pub name: String,
    /// The key that it leads to; account and region of the alias are those of the key.
    pub target: KeyAddress,
    /// When it was made, to the millisecond.
    pub created_at: Timestamp,
    /// When it was last pointed to a key.
    pub updated_at: Timestamp,
}

impl Tx<'_> {
    /// Finds an alias by its whole name (`alias/x`). No alias has U+0000 in it, which Postgres could not be asked for.
    ///
    /// # Errors
    /// Those of any statement.
    pub fn find_alias(
        &mut self,
        region: Region,
        account: AccountId,
        name: &str,
    ) -> Result<Option<Alias>, MetadataError> {
        if name.contains('\0') {
            return Ok(None);
        }
        let row = self.run(|connection| {
            aliases::table.find((region.as_str(), account.as_str(), name)).first::<Row>(connection).optional()
        })?;
        row.map(Row::into_alias).transpose()
    }

    /// Waits for everybody else who is changing the alias, and finds it. The lock lasts until the transaction ends; take it
    /// before those of keys. Only the final deletion of its key changes the alias without this lock, under the key's own.
    ///
    /// # Errors
    /// [`MetadataError::LockTimeout`] when the lock is not free in time; those of any statement.
    pub fn lock_alias(
        &mut self,
        region: Region,
        account: AccountId,
        name: &str,
    ) -> Result<Option<Alias>, MetadataError> {
        let identity = format!("{region} {account} {name}");
        self.run(|connection| {
            diesel::sql_query(format!("SELECT pg_advisory_xact_lock({LOCKS}, hashtext($1))"))
                .bind::<Text, _>(identity)
                .execute(connection)
        })?;
        self.find_alias(region, account, name)
    }

    /// Lists the aliases of a key in the order of their names: all of them, as a key has few.
    ///
    /// # Errors
    /// Those of any statement.
    pub fn aliases_of_key(&mut self, key: &KeyAddress) -> Result<Vec<Alias>, MetadataError> {
        let rows = self.run(|connection| of_key(key).order(aliases::name).load::<Row>(connection))?;
        rows.into_iter().map(Row::into_alias).collect()
    }

    /// Lists aliases of an account in a region, of one key or of all, at most `limit`, in the order of their names and
    /// after `after`.
    ///
    /// # Errors
    /// Those of any statement.
    pub fn list_aliases(
        &mut self,
        region: Region,
        account: AccountId,
        target: Option<KeyId>,
        after: Option<&str>,
        limit: i64,
    ) -> Result<Vec<Alias>, MetadataError> {
        let rows = self.run(|connection| {
            let mut listed = aliases::table
                .filter(aliases::region.eq(region.as_str()))
                .filter(aliases::account.eq(account.as_str()))
                .filter(aliases::name.gt(after.unwrap_or_default()))
                .into_boxed();
            if let Some(key_id) = target {
                listed = listed.filter(aliases::target_key_id.eq(key_id.to_string()));
            }
            listed.order(aliases::name).limit(limit).load::<Row>(connection)
        })?;
        rows.into_iter().map(Row::into_alias).collect()
    }

    /// Inserts an alias and says whether it is new: false when the account has an alias of this name in the region, which
    /// stays as it is. Waits for another transaction that is inserting the same name.
    ///
    /// # Errors
    /// [`MetadataError::Other`] naming the constraint that the alias breaks.
    pub fn insert_alias(&mut self, alias: &Alias) -> Result<bool, MetadataError> {
        let row = Row::of(alias);
        let inserted = self.run(|connection| {
            diesel::insert_into(aliases::table).values(&row).on_conflict_do_nothing().execute(connection)
        })?;
        Ok(inserted == 1)
    }

    /// Points an alias to another key of its account and region, provided that it still leads to `alias.target`.
    ///
    /// # Errors
    /// [`MetadataError::VersionChanged`] when another request changed or deleted the alias after it was read.
    pub fn update_alias(&mut self, alias: &Alias, target: KeyId, now: Timestamp) -> Result<(), MetadataError> {
        let set = (aliases::target_key_id.eq(target.to_string()), aliases::updated_at.eq(to_millisecond(now)));
        let changed = self.run(|connection| {
            diesel::update(of_key(&alias.target).filter(aliases::name.eq(&alias.name))).set(set).execute(connection)
        })?;
        if changed == 1 { Ok(()) } else { Err(MetadataError::VersionChanged) }
    }

    /// Deletes an alias, provided that it still leads to `alias.target`.
    ///
    /// # Errors
    /// [`MetadataError::VersionChanged`] as for [`Tx::update_alias`].
    pub fn delete_alias(&mut self, alias: &Alias) -> Result<(), MetadataError> {
        let deleted = self.run(|connection| {
            diesel::delete(of_key(&alias.target).filter(aliases::name.eq(&alias.name))).execute(connection)
        })?;
        if deleted == 1 { Ok(()) } else { Err(MetadataError::VersionChanged) }
    }

    /// Deletes the aliases of a key that goes away with them.
    pub(crate) fn delete_aliases_of(&mut self, key: &KeyAddress) -> Result<(), MetadataError> {
        self.run(|connection| diesel::delete(of_key(key)).execute(connection))?;
        Ok(())
    }
}

/// The row of an alias.
#[derive(Queryable, Insertable)]
#[diesel(table_name = aliases)]
struct Row {
    region: String,
    account: String,
    name: String,
    target_key_id: String,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl Row {
    fn of(alias: &Alias) -> Self {
        Self {
            region: alias.target.region.as_str().to_owned(),
            account: alias.target.account.as_str().to_owned(),
            name: alias.name.clone(),
            target_key_id: alias.target.key_id.to_string(),
            created_at: to_millisecond(alias.created_at),
            updated_at: to_millisecond(alias.updated_at),
        }
    }

    fn into_alias(self) -> Result<Alias, MetadataError> {
        Ok(Alias {
            target: parse_address(&self.region, &self.account, &self.target_key_id)?,
            name: self.name,
            created_at: self.created_at,
            updated_at: self.updated_at,
        })
    }
}

#[diesel::dsl::auto_type(no_type_alias)]
fn of_key(key: &KeyAddress) -> _ {
    let region: String = key.region.as_str().to_owned();
    let account: String = key.account.as_str().to_owned();
    let key_id: String = key.key_id.to_string();
    aliases::table
        .filter(aliases::region.eq(region))
        .filter(aliases::account.eq(account))
        .filter(aliases::target_key_id.eq(key_id))
}
