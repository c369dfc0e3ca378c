//! Rows of token objects: the durable intent behind each. States only go forward (object-protocol.md A1); a trigger in the
//! database holds that too.

use std::collections::HashMap;

use diesel::dsl::now;
use diesel::prelude::*;
use diesel::sql_types::Timestamptz;
use kms_core::{KeyAddress, KeyId, KeyMaterialId, ObjectId, Region, Timestamp};
use uuid::Uuid;

use crate::error::MetadataError;
use crate::keys::{identity, parse_address};
use crate::object_row::{NewObject, ObjectRow, ObjectState, Row, kind_name, parse_state};
use crate::schema::key_objects;
use crate::tx::Tx;

impl Tx<'_> {
    /// Inserts the row of an object about to be made, in state `creating`.
    ///
    /// # Errors
    /// [`MetadataError::AlreadyExists`] when the id was ever used, or the material has an object in the making.
    pub fn insert_object(&mut self, object: &NewObject) -> Result<(), MetadataError> {
        let key = object.key.as_ref();
        let row = (
            key_objects::object_id.eq(object.id.0),
            key_objects::kind.eq(kind_name(object.kind)),
            key_objects::label.eq(&object.label),
            key_objects::region.eq(key.map(|(address, _)| address.region.as_str().to_owned())),
            key_objects::account.eq(key.map(|(address, _)| address.account.as_str().to_owned())),
            key_objects::key_id.eq(key.map(|(address, _)| address.key_id.to_string())),
            key_objects::material_id.eq(key.map(|(_, material)| material.0.to_vec())),
            key_objects::token.eq(&object.token),
            key_objects::state.eq(ObjectState::Creating.name()),
            key_objects::claimed_by.eq(&object.claimed_by),
        );
        self.run(|connection| diesel::insert_into(key_objects::table).values(row).execute(connection))?;
        Ok(())
    }

    /// Reads the row of an object, tombstones too.
    ///
    /// # Errors
    /// Those of any statement.
    pub fn find_object(&mut self, id: ObjectId) -> Result<Option<ObjectRow>, MetadataError> {
        let row = self.run(|connection| key_objects::table.find(id.0).first::<Row>(connection).optional())?;
        row.map(Row::into_object).transpose()
    }

    /// Waits for the lock of an object's row: the claim for objects that belong to no key.
    ///
    /// # Errors
    /// [`MetadataError::LockTimeout`] after 5 s; those of any statement.
    pub fn lock_object(&mut self, id: ObjectId) -> Result<Option<ObjectRow>, MetadataError> {
        let row =
            self.run(|connection| key_objects::table.find(id.0).for_update().first::<Row>(connection).optional())?;
        row.map(Row::into_object).transpose()
    }

    /// As [`Tx::lock_object`], but never waits: none when another transaction holds the lock, or there is no such row.
    ///
    /// # Errors
    /// Those of any statement.
    pub fn try_lock_object(&mut self, id: ObjectId) -> Result<Option<ObjectRow>, MetadataError> {
        let row = self.run(|connection| {
            key_objects::table.find(id.0).for_update().skip_locked().first::<Row>(connection).optional()
        })?;
        row.map(Row::into_object).transpose()
    }

    /// Lists the objects of a key that are not destroyed, oldest first.
    ///
    /// # Errors
    /// Those of any statement.
    pub fn objects_of_key(&mut self, region: Region, key_id: KeyId) -> Result<Vec<ObjectRow>, MetadataError> {
        let (region, key_id) = identity(region, key_id);
        self.list(|connection| {
            key_objects::table
                .filter(key_objects::region.eq(region))
                .filter(key_objects::key_id.eq(key_id))
                .filter(key_objects::state.ne(ObjectState::Destroyed.name()))
                .order((key_objects::created_at, key_objects::object_id))
                .load(connection)
        })
    }

    /// `creating` → `present`. False when the row was in another state, and then nothing changed.
    ///
    /// # Errors
    /// [`MetadataError::AlreadyExists`] when the material has a present object; those of any statement.
    pub fn mark_present(&mut self, id: ObjectId) -> Result<bool, MetadataError> {
        self.advance(id, &[ObjectState::Creating], ObjectState::Present)
    }

    /// `creating` or `present` → `destroying`. False when the row was in another state, and then nothing changed.
    ///
    /// # Errors
    /// Those of any statement.
    pub fn condemn(&mut self, id: ObjectId) -> Result<bool, MetadataError> {
        self.advance(id, &[ObjectState::Creating, ObjectState::Present], ObjectState::Destroying)
    }

    /// `creating` → `destroying`: gives up an unfinished attempt and leaves a finished one alone. False when the row was in
    /// another state.
    ///
    /// # Errors
    /// Those of any statement.
    pub fn condemn_creating(&mut self, id: ObjectId) -> Result<bool, MetadataError> {
        self.advance(id, &[ObjectState::Creating], ObjectState::Destroying)
    }

    /// Names the key and material of an object that was announced before they were known: generated material.
    ///
    /// # Errors
    /// [`MetadataError::NotFound`] unless the row is `creating` and belongs to no key yet.
    pub fn bind_object(
        &mut self,
        id: ObjectId,
        address: &KeyAddress,
        material: &KeyMaterialId,
    ) -> Result<(), MetadataError> {
        let (region, key_id) = identity(address.region, address.key_id);
        let is_free = key_objects::state.eq(ObjectState::Creating.name()).and(key_objects::key_id.is_null());
        let names = (
            key_objects::region.eq(region),
            key_objects::account.eq(address.account.as_str()),
            key_objects::key_id.eq(key_id),
            key_objects::material_id.eq(&material.0[..]),
        );
        let update = diesel::update(key_objects::table.find(id.0)).filter(is_free).set(names);
        let bound = self.run(|connection| update.execute(connection))?;
        if bound == 1 { Ok(()) } else { Err(MetadataError::NotFound) }
    }

    /// `creating` or `present` → `destroying` for every object of a key, or of one material of it (object-protocol.md D1).
    /// Returns all that are now `destroying`, those of earlier calls too.
    ///
    /// # Errors
    /// Those of any statement.
    pub fn condemn_of_key(
        &mut self,
        address: &KeyAddress,
        material: Option<&KeyMaterialId>,
    ) -> Result<Vec<ObjectId>, MetadataError> {
        let (region, key_id) = identity(address.region, address.key_id);
        let of_key = key_objects::region.eq(region).and(key_objects::key_id.eq(key_id));
        let live = key_objects::state.eq_any([ObjectState::Creating.name(), ObjectState::Present.name()]);
        let mut condemned = diesel::update(key_objects::table)
            .filter(of_key.clone().and(live))
            .set(key_objects::state.eq(ObjectState::Destroying.name()))
            .into_boxed();
        let mut all = key_objects::table
            .filter(of_key.and(key_objects::state.eq(ObjectState::Destroying.name())))
            .order((key_objects::created_at, key_objects::object_id))
            .select(key_objects::object_id)
            .into_boxed();
        if let Some(material) = material {
            condemned = condemned.filter(key_objects::material_id.eq(&material.0[..]));
            all = all.filter(key_objects::material_id.eq(&material.0[..]));
        }
        self.run(|connection| condemned.execute(connection))?;
        let ids = self.run(|connection| all.load::<Uuid>(connection))?;
        self.note_change(*address);
        Ok(ids.into_iter().map(ObjectId).collect())
    }

    /// `destroying` → `destroyed`. False when the row was in another state, and then nothing changed.
    ///
    /// # Errors
    /// Those of any statement.
    pub fn mark_destroyed(&mut self, id: ObjectId) -> Result<bool, MetadataError> {
        let changed = self.run(|connection| {
            diesel::update(key_objects::table.find(id.0))
                .filter(key_objects::state.eq(ObjectState::Destroying.name()))
                .set((
                    key_objects::state.eq(ObjectState::Destroyed.name()),
                    key_objects::destroyed_at.eq(now.into_sql::<Timestamptz>().nullable()),
                ))
                .execute(connection)
        })?;
        Ok(changed == 1)
    }

    /// Lists objects of a token that have been `creating` since before a moment of the database's clock, oldest first.
    ///
    /// # Errors
    /// Those of any statement.
    pub fn stale_creating(
        &mut self,
        token: &str,
        before: Timestamp,
        limit: i64,
    ) -> Result<Vec<ObjectRow>, MetadataError> {
        self.list(|connection| {
            key_objects::table
                .filter(key_objects::token.eq(token))
                .filter(key_objects::state.eq(ObjectState::Creating.name()))
                .filter(key_objects::created_at.lt(before))
                .order(key_objects::created_at)
                .limit(limit)
                .load(connection)
        })
    }

    /// Lists objects of a token that are `destroying`, oldest first.
    ///
    /// # Errors
    /// Those of any statement.
    pub fn destroying(&mut self, token: &str, limit: i64) -> Result<Vec<ObjectRow>, MetadataError> {
        self.list(|connection| {
            key_objects::table
                .filter(key_objects::token.eq(token))
                .filter(key_objects::state.eq(ObjectState::Destroying.name()))
                .order(key_objects::created_at)
                .limit(limit)
                .load(connection)
        })
    }

    /// Lists the objects that must be in a token.
    ///
    /// # Errors
    /// Those of any statement.
    pub fn present_of_token(&mut self, token: &str) -> Result<Vec<ObjectRow>, MetadataError> {
        self.list(|connection| {
            key_objects::table
                .filter(key_objects::token.eq(token))
                .filter(key_objects::state.eq(ObjectState::Present.name()))
                .order(key_objects::created_at)
                .load(connection)
        })
    }

    /// The states of objects found in a token; an id without a row is missing from the answer.
    ///
    /// # Errors
    /// Those of any statement.
    pub fn object_states(&mut self, ids: &[ObjectId]) -> Result<HashMap<ObjectId, ObjectState>, MetadataError> {
        let ids: Vec<Uuid> = ids.iter().map(|id| id.0).collect();
        let rows = self.run(|connection| {
            key_objects::table
                .filter(key_objects::object_id.eq_any(ids))
                .select((key_objects::object_id, key_objects::state))
                .load::<(Uuid, String)>(connection)
        })?;
        rows.into_iter().map(|(id, state)| Ok((ObjectId(id), parse_state(&state)?))).collect()
    }

    fn advance(&mut self, id: ObjectId, from: &[ObjectState], to: ObjectState) -> Result<bool, MetadataError> {
        type Key = (Option<String>, Option<String>, Option<String>);
        let key = self.run(|connection| {
            diesel::update(key_objects::table.find(id.0))
                .filter(key_objects::state.eq_any(from.iter().map(|state| state.name())))
                .set(key_objects::state.eq(to.name()))
                .returning((key_objects::region, key_objects::account, key_objects::key_id))
                .get_result::<Key>(connection)
                .optional()
        })?;
        if let Some((Some(region), Some(account), Some(key_id))) = &key {
            self.note_change(parse_address(region, account, key_id)?);
        }
        Ok(key.is_some())
    }

    fn list(
        &mut self,
        statement: impl FnOnce(&mut PgConnection) -> QueryResult<Vec<Row>>,
    ) -> Result<Vec<ObjectRow>, MetadataError> {
        self.run(statement)?.into_iter().map(Row::into_object).collect()
    }
}
