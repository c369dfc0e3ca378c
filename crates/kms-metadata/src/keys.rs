//! Keys: find, lock, insert, change, delete.

use diesel::prelude::*;
use kms_core::clock::to_millisecond;
use kms_core::key_spec::{KeySpec, KeyUsage, Origin};
use kms_core::{AccountId, KeyAddress, KeyFacts, KeyId, Region, Timestamp};

use crate::error::MetadataError;
use crate::schema::{key_materials, keys, tags};
use crate::tx::Tx;

/// A key with its materials, as one snapshot saw them.
#[derive(Clone, PartialEq, Debug)]
pub struct KeyRow {
    /// What state, metadata and use are computed from.
    pub facts: KeyFacts,
    /// When its final deletion began; from then on nothing brings the key back.
    pub purge_started_at: Option<Timestamp>,
}

/// The outcome of [`Tx::try_lock_key`].
#[expect(clippy::large_enum_variant, reason = "it lives for one call and is never kept in numbers")]
#[derive(Clone, PartialEq, Debug)]
pub enum TryLock {
    /// The lock is ours.
    Locked(KeyRow),
    /// Another transaction holds it; perhaps a creator at work.
    Busy,
    /// There is no such key.
    Missing,
}

/// What [`Tx::update_key`] sets; what is none stays.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct KeyChange {
    /// The new description.
    pub description: Option<String>,
    /// The new position of the switch.
    pub enabled: Option<bool>,
    /// `Some(None)` cancels the deletion.
    pub deletion_date: Option<Option<Timestamp>>,
    /// Begins the final deletion.
    pub purge_started_at: Option<Timestamp>,
    /// Whether an import, delete, expiry or purge happened: `material_version` grows by one.
    pub material_changed: bool,
}

impl Tx<'_> {
    /// Reads a key with its materials, in their order of association.
    ///
    /// # Errors
    /// Those of any statement: [`MetadataError::Unavailable`], [`MetadataError::Other`].
    pub fn find_key(&mut self, region: Region, key_id: KeyId) -> Result<Option<KeyRow>, MetadataError> {
        let row = self.run(|connection| by_id(region, key_id).first::<Row>(connection).optional())?;
        row.map(|row| self.load_materials(row)).transpose()
    }

    /// Any key at all, of any account and region.
    ///
    /// # Errors
    /// Those of any statement.
    pub fn any_key(&mut self) -> Result<Option<KeyFacts>, MetadataError> {
        let row = self.run(|connection| keys::table.first::<Row>(connection).optional())?;
        Ok(row.map(|row| self.load_materials(row)).transpose()?.map(|row| row.facts))
    }

    /// Waits for the lock of a key's row and reads the key under it. The lock is the claim of whoever makes or destroys
    /// objects of the key (object-protocol.md A3).
    ///
    /// # Errors
    /// [`MetadataError::LockTimeout`] after 5 s; those of any statement.
    pub fn lock_key(&mut self, region: Region, key_id: KeyId) -> Result<Option<KeyRow>, MetadataError> {
        let row =
            self.run(|connection| by_id(region, key_id).for_no_key_update().first::<Row>(connection).optional())?;
        row.map(|row| self.load_materials(row)).transpose()
    }

    /// As [`Tx::lock_key`], but never waits.
    ///
    /// # Errors
    /// Those of any statement.
    pub fn try_lock_key(&mut self, region: Region, key_id: KeyId) -> Result<TryLock, MetadataError> {
        let row = self.run(|connection| {
            by_id(region, key_id).for_no_key_update().skip_locked().first::<Row>(connection).optional()
        })?;
        if let Some(row) = row {
            return self.load_materials(row).map(TryLock::Locked);
        }
        let exists = self.run(|connection| {
            diesel::select(diesel::dsl::exists(keys::table.find(identity(region, key_id)))).get_result(connection)
        })?;
        Ok(if exists { TryLock::Busy } else { TryLock::Missing })
    }

    /// Inserts a key with its materials and tags.
    ///
    /// # Errors
    /// [`MetadataError::AlreadyExists`]; [`MetadataError::Other`] naming the constraint that the facts break.
    pub fn insert_key(&mut self, facts: &KeyFacts, tags: &[(String, String)]) -> Result<(), MetadataError> {
        let row = Row::of(facts);
        self.run(|connection| diesel::insert_into(keys::table).values(&row).execute(connection))?;
        for material in &facts.materials {
            self.put_material(&facts.address, material)?;
        }
        self.put_tags(&facts.address, tags)?;
        self.note_change(facts.address);
        Ok(())
    }

    /// Changes a key, provided that it is still at `facts.version`; the version grows by one.
    ///
    /// # Errors
    /// [`MetadataError::VersionChanged`] when another request changed or deleted the key after it was read.
    pub fn update_key(&mut self, facts: &KeyFacts, change: &KeyChange) -> Result<(), MetadataError> {
        let set = Changeset {
            version: facts.version + 1,
            description: change.description.as_deref(),
            enabled: change.enabled,
            deletion_date: change.deletion_date.map(|date| date.map(to_millisecond)),
            purge_started_at: change.purge_started_at.map(to_millisecond),
        };
        let material_step = i64::from(change.material_changed);
        let changed = self.run(|connection| {
            diesel::update(at_version(facts))
                .set((set, keys::material_version.eq(keys::material_version + material_step)))
                .execute(connection)
        })?;
        if changed != 1 {
            return Err(MetadataError::VersionChanged);
        }
        self.note_change(facts.address);
        Ok(())
    }

    /// Deletes a key with its aliases, policy, tags and materials, provided that it is still at `facts.version`. The rows of its destroyed
    /// objects stay as tombstones.
    ///
    /// # Errors
    /// [`MetadataError::VersionChanged`] as for [`Tx::update_key`]; [`MetadataError::Other`] while an object of the key is
    /// not destroyed, and then nothing is deleted.
    pub fn delete_key(&mut self, facts: &KeyFacts) -> Result<(), MetadataError> {
        let KeyAddress { region, key_id, .. } = facts.address;
        let (region_text, key_text) = identity(region, key_id);
        let left = self.run(|connection| at_version(facts).count().get_result::<i64>(connection))?;
        if left != 1 {
            return Err(MetadataError::VersionChanged);
        }
        if !self.objects_of_key(region, key_id)?.is_empty() {
            return Err(MetadataError::Other("an object of the key is not destroyed".to_owned()));
        }
        self.delete_aliases_of(&facts.address)?;
        self.delete_policy_of(&facts.address)?;
        self.run(|connection| {
            let of_key = tags::region.eq(&region_text).and(tags::key_id.eq(&key_text));
            diesel::delete(tags::table.filter(of_key)).execute(connection)?;
            let of_key = key_materials::region.eq(&region_text).and(key_materials::key_id.eq(&key_text));
            diesel::delete(key_materials::table.filter(of_key)).execute(connection)?;
            diesel::delete(at_version(facts)).execute(connection)
        })?;
        self.note_change(facts.address);
        Ok(())
    }

    /// Lists ids of an account's keys in a region, at most `limit`, in the order of their texts and after `after`.
    ///
    /// # Errors
    /// Those of any statement.
    pub fn list_keys(
        &mut self,
        region: Region,
        account: AccountId,
        after: Option<KeyId>,
        limit: i64,
    ) -> Result<Vec<KeyId>, MetadataError> {
        let after = after.map(|key_id| key_id.to_string()).unwrap_or_default();
        let ids = self.run(|connection| {
            keys::table
                .filter(keys::region.eq(region.as_str()))
                .filter(keys::account.eq(account.as_str()))
                .filter(keys::key_id.gt(after))
                .order(keys::key_id)
                .limit(limit)
                .select(keys::key_id)
                .load::<String>(connection)
        })?;
        ids.iter().map(|text| parse_key_id(text)).collect()
    }

    /// Lists keys of a token whose deletion date has come, the longest due first.
    ///
    /// # Errors
    /// Those of any statement.
    pub fn due_deletions(&mut self, token: &str, now: Timestamp, limit: i64) -> Result<Vec<KeyAddress>, MetadataError> {
        let due = self.run(|connection| {
            keys::table
                .filter(keys::token.eq(token))
                .filter(keys::deletion_date.le(now))
                .order(keys::deletion_date)
                .limit(limit)
                .select((keys::region, keys::account, keys::key_id))
                .load::<(String, String, String)>(connection)
        })?;
        due.iter().map(|(region, account, key_id)| parse_address(region, account, key_id)).collect()
    }

    fn load_materials(&mut self, row: Row) -> Result<KeyRow, MetadataError> {
        let purge_started_at = row.purge_started_at;
        let mut facts = row.into_facts()?;
        facts.materials = self.materials_of(&facts.address)?;
        Ok(KeyRow { facts, purge_started_at })
    }
}

/// The row of a key.
#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = keys)]
struct Row {
    region: String,
    key_id: String,
    account: String,
    version: i64,
    material_version: i64,
    description: String,
    spec: String,
    usage: String,
    origin: String,
    enabled: bool,
    created_at: Timestamp,
    deletion_date: Option<Timestamp>,
    purge_started_at: Option<Timestamp>,
    sealed_salt: Vec<u8>,
    token: String,
}

#[derive(AsChangeset)]
#[diesel(table_name = keys)]
struct Changeset<'a> {
    version: i64,
    description: Option<&'a str>,
    enabled: Option<bool>,
    deletion_date: Option<Option<Timestamp>>,
    purge_started_at: Option<Timestamp>,
}

impl Row {
    fn of(facts: &KeyFacts) -> Self {
        Self {
            region: facts.address.region.as_str().to_owned(),
            key_id: facts.address.key_id.to_string(),
            account: facts.address.account.as_str().to_owned(),
            version: facts.version,
            material_version: facts.material_version,
            description: facts.description.clone(),
            spec: facts.spec.name().to_owned(),
            usage: facts.usage.name().to_owned(),
            origin: facts.origin.name().to_owned(),
            enabled: facts.enabled,
            created_at: to_millisecond(facts.created_at),
            deletion_date: facts.deletion_date.map(to_millisecond),
            purge_started_at: None,
            sealed_salt: facts.sealed_salt.clone(),
            token: facts.token.clone(),
        }
    }

    fn into_facts(self) -> Result<KeyFacts, MetadataError> {
        Ok(KeyFacts {
            address: parse_address(&self.region, &self.account, &self.key_id)?,
            version: self.version,
            material_version: self.material_version,
            description: self.description,
            spec: KeySpec::parse(&self.spec).ok_or_else(|| MetadataError::broken_row("keys.spec"))?,
            usage: KeyUsage::parse(&self.usage).ok_or_else(|| MetadataError::broken_row("keys.usage"))?,
            origin: Origin::parse(&self.origin).ok_or_else(|| MetadataError::broken_row("keys.origin"))?,
            enabled: self.enabled,
            created_at: self.created_at,
            deletion_date: self.deletion_date,
            token: self.token,
            sealed_salt: self.sealed_salt,
            materials: Vec::new(),
        })
    }
}

/// The primary key of a key's row.
pub(crate) fn identity(region: Region, key_id: KeyId) -> (String, String) {
    (region.as_str().to_owned(), key_id.to_string())
}

/// Reads the address of a key out of its three columns.
pub(crate) fn parse_address(region: &str, account: &str, key_id: &str) -> Result<KeyAddress, MetadataError> {
    Ok(KeyAddress {
        region: Region::parse(region).ok_or_else(|| MetadataError::broken_row("region"))?,
        account: AccountId::parse(account).ok_or_else(|| MetadataError::broken_row("account"))?,
        key_id: parse_key_id(key_id)?,
    })
}

fn parse_key_id(text: &str) -> Result<KeyId, MetadataError> {
    KeyId::parse(text).ok_or_else(|| MetadataError::broken_row("key_id"))
}

#[diesel::dsl::auto_type(no_type_alias)]
fn by_id(region: Region, key_id: KeyId) -> _ {
    let identity: (String, String) = identity(region, key_id);
    keys::table.find(identity)
}

#[diesel::dsl::auto_type(no_type_alias)]
fn at_version(facts: &KeyFacts) -> _ {
    let identity: (String, String) = identity(facts.address.region, facts.address.key_id);
    let version: i64 = facts.version;
    keys::table.find(identity).filter(keys::version.eq(version))
}
