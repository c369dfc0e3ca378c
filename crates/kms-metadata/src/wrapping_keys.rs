//! Wrapping key pairs: the pool of unbound ones, and those bound to one key and one import token (cryptography.md 3).

use std::collections::HashMap;

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Binary, Text, Timestamptz};
use kms_core::clock::to_millisecond;
use kms_core::key_spec::WrappingKeySpec;
use kms_core::wrapping::WrappingAlgorithm;
use kms_core::{AccountId, KeyAddress, ObjectId, Timestamp};
use uuid::Uuid;

use crate::error::MetadataError;
use crate::keys::parse_address;
use crate::object_row::ObjectState;
use crate::schema::{key_objects, wrapping_keys};
use crate::tx::Tx;

/// The advisory locks of accounts: ASCII `kmw` over the 40 bits of the account's number.
const ACCOUNT_LOCKS: i64 = i64::from_be_bytes(*b"kmw\0\0\0\0\0");

/// A wrapping key pair; its private half is the token object `object_id`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WrappingKey {
    /// `CKA_ID` of the private half.
    pub object_id: ObjectId,
    /// `CKA_LABEL` of the private half.
    pub label: String,
    /// Its size.
    pub spec: WrappingKeySpec,
    /// The one algorithm it unwraps with.
    pub algorithm: WrappingAlgorithm,
    /// The public half, DER SubjectPublicKeyInfo.
    pub public_key: Vec<u8>,
    /// The key that it imports for; none while it is in the pool.
    pub key: Option<KeyAddress>,
    /// When its import token expires.
    pub expires_at: Option<Timestamp>,
    /// How many imports were tried with it.
    pub attempts: i32,
}

/// Binds one pair of the pool. The inner query locks the pair that it takes and passes over those that others are taking.
const TAKE: &str = "UPDATE wrapping_keys SET account = $3, region = $4, key_id = $5, token_sha256 = $6, expires_at = $7 \
    WHERE object_id = ( \
        SELECT w.object_id FROM wrapping_keys w JOIN key_objects o ON o.object_id = w.object_id \
        WHERE w.account IS NULL AND w.spec = $1 AND w.algorithm = $2 AND o.state = 'present' AND o.token = $8 \
        ORDER BY w.created_at LIMIT 1 FOR UPDATE OF w SKIP LOCKED)";

impl Tx<'_> {
    /// Inserts a pair into the pool, in the transaction that makes its object `present`.
    ///
    /// # Errors
    /// [`MetadataError::AlreadyExists`]; [`MetadataError::Other`] when there is no row of the object.
    pub fn insert_wrapping_key(
        &mut self,
        object_id: ObjectId,
        spec: WrappingKeySpec,
        algorithm: WrappingAlgorithm,
        public_key: &[u8],
    ) -> Result<(), MetadataError> {
        let row = (
            wrapping_keys::object_id.eq(object_id.0),
            wrapping_keys::spec.eq(spec.name()),
            wrapping_keys::algorithm.eq(algorithm.name()),
            wrapping_keys::public_key.eq(public_key),
        );
        self.run(|connection| diesel::insert_into(wrapping_keys::table).values(row).execute(connection))?;
        Ok(())
    }

    /// Takes the oldest pair of a token's pool and binds it to a key and an import token, of which the SHA-256 is kept. None
    /// when the pool has no such pair.
    ///
    /// # Errors
    /// [`MetadataError::AlreadyExists`] for a token that is in use; those of any statement.
    pub fn take_wrapping_key(
        &mut self,
        token: &str,
        spec: WrappingKeySpec,
        algorithm: WrappingAlgorithm,
        address: &KeyAddress,
        token_sha256: &[u8; 32],
        expires_at: Timestamp,
    ) -> Result<Option<WrappingKey>, MetadataError> {
        let taken = self.run(|connection| {
            diesel::sql_query(TAKE)
                .bind::<Text, _>(spec.name())
                .bind::<Text, _>(algorithm.name())
                .bind::<Text, _>(address.account.as_str())
                .bind::<Text, _>(address.region.as_str())
                .bind::<Text, _>(address.key_id.to_string())
                .bind::<Binary, _>(&token_sha256[..])
                .bind::<Timestamptz, _>(to_millisecond(expires_at))
                .bind::<Text, _>(token)
                .execute(connection)
        })?;
        if taken == 0 { Ok(None) } else { self.find_wrapping_key(token_sha256) }
    }

    /// Finds the pair of an import token by the token's SHA-256, expired ones too until they are forgotten.
    ///
    /// # Errors
    /// Those of any statement.
    pub fn find_wrapping_key(&mut self, token_sha256: &[u8; 32]) -> Result<Option<WrappingKey>, MetadataError> {
        let row = self.run(|connection| {
            wrapping_keys::table
                .inner_join(key_objects::table)
                .filter(wrapping_keys::token_sha256.eq(&token_sha256[..]))
                .select((Row::as_select(), key_objects::label))
                .first::<(Row, String)>(connection)
                .optional()
        })?;
        row.map(|(row, label)| row.into_wrapping_key(label)).transpose()
    }

    /// Counts one more attempt, before it is made, unless the pair has had `limit` already. Returns the count; none when
    /// the limit is reached or there is no such pair.
    ///
    /// # Errors
    /// Those of any statement.
    pub fn reserve_attempt(&mut self, object_id: ObjectId, limit: i32) -> Result<Option<i32>, MetadataError> {
        self.run(|connection| {
            diesel::update(wrapping_keys::table.find(object_id.0))
                .filter(wrapping_keys::attempts.lt(limit))
                .set(wrapping_keys::attempts.eq(wrapping_keys::attempts + 1))
                .returning(wrapping_keys::attempts)
                .get_result(connection)
                .optional()
        })
    }

    /// How many pairs of each kind are unbound and present in a token; kinds without any are missing.
    ///
    /// # Errors
    /// Those of any statement.
    pub fn pool_depth(
        &mut self,
        token: &str,
    ) -> Result<HashMap<(WrappingKeySpec, WrappingAlgorithm), i64>, MetadataError> {
        let rows = self.run(|connection| {
            wrapping_keys::table
                .inner_join(key_objects::table)
                .filter(wrapping_keys::account.is_null())
                .filter(key_objects::token.eq(token))
                .filter(key_objects::state.eq(ObjectState::Present.name()))
                .group_by((wrapping_keys::spec, wrapping_keys::algorithm))
                .select((wrapping_keys::spec, wrapping_keys::algorithm, diesel::dsl::count_star()))
                .load::<(String, String, i64)>(connection)
        })?;
        rows.iter().map(|(spec, algorithm, count)| Ok((parse_form(spec, algorithm)?, *count))).collect()
    }

    /// How many pairs of an account are bound, not expired and not condemned. Until this transaction ends no other one
    /// counts the pairs of this account, so that requests at once cannot pass a limit together.
    ///
    /// # Errors
    /// Those of any statement.
    pub fn live_wrapping_keys(&mut self, account: AccountId, now: Timestamp) -> Result<i64, MetadataError> {
        let lock = ACCOUNT_LOCKS + account.as_str().parse::<i64>().unwrap_or_default();
        self.run(|connection| {
            diesel::sql_query("SELECT pg_advisory_xact_lock($1)").bind::<BigInt, _>(lock).execute(connection)?;
            wrapping_keys::table
                .inner_join(key_objects::table)
                .filter(wrapping_keys::account.eq(account.as_str()))
                .filter(wrapping_keys::expires_at.gt(now))
                .filter(key_objects::state.eq_any([ObjectState::Creating.name(), ObjectState::Present.name()]))
                .count()
                .get_result(connection)
        })
    }

    /// Lists pairs of a token that have expired or have no attempts left, and whose object is not yet condemned.
    ///
    /// # Errors
    /// Those of any statement.
    pub fn spent_wrapping_keys(
        &mut self,
        token: &str,
        now: Timestamp,
        attempts_limit: i32,
        limit: i64,
    ) -> Result<Vec<ObjectId>, MetadataError> {
        let ids = self.run(|connection| {
            wrapping_keys::table
                .inner_join(key_objects::table)
                .filter(key_objects::token.eq(token))
                .filter(wrapping_keys::expires_at.le(now).or(wrapping_keys::attempts.nullable().ge(attempts_limit)))
                .filter(key_objects::state.eq_any([ObjectState::Creating.name(), ObjectState::Present.name()]))
                .order((wrapping_keys::expires_at, wrapping_keys::object_id))
                .limit(limit)
                .select(wrapping_keys::object_id)
                .load::<Uuid>(connection)
        })?;
        Ok(ids.into_iter().map(ObjectId).collect())
    }

    /// Deletes rows that expired before a moment and whose object is destroyed; from then on their import tokens are
    /// invalid instead of expired. Returns how many.
    ///
    /// # Errors
    /// Those of any statement.
    pub fn forget_wrapping_keys(&mut self, before: Timestamp) -> Result<usize, MetadataError> {
        let is_destroyed = key_objects::table
            .filter(key_objects::object_id.eq(wrapping_keys::object_id))
            .filter(key_objects::state.eq(ObjectState::Destroyed.name()));
        self.run(|connection| {
            diesel::delete(wrapping_keys::table)
                .filter(wrapping_keys::expires_at.lt(before))
                .filter(diesel::dsl::exists(is_destroyed))
                .execute(connection)
        })
    }
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = wrapping_keys)]
struct Row {
    object_id: Uuid,
    spec: String,
    algorithm: String,
    public_key: Vec<u8>,
    account: Option<String>,
    region: Option<String>,
    key_id: Option<String>,
    expires_at: Option<Timestamp>,
    attempts: i32,
}

impl Row {
    fn into_wrapping_key(self, label: String) -> Result<WrappingKey, MetadataError> {
        let (spec, algorithm) = parse_form(&self.spec, &self.algorithm)?;
        let key = match (&self.region, &self.account, &self.key_id) {
            (Some(region), Some(account), Some(key_id)) => Some(parse_address(region, account, key_id)?),
            _ => None,
        };
        Ok(WrappingKey {
            object_id: ObjectId(self.object_id),
            label,
            spec,
            algorithm,
            public_key: self.public_key,
            key,
            expires_at: self.expires_at,
            attempts: self.attempts,
        })
    }
}

fn parse_form(spec: &str, algorithm: &str) -> Result<(WrappingKeySpec, WrappingAlgorithm), MetadataError> {
    let spec = WrappingKeySpec::parse(spec).ok_or_else(|| MetadataError::broken_row("wrapping_keys.spec"))?;
    let algorithm =
        WrappingAlgorithm::parse(algorithm).ok_or_else(|| MetadataError::broken_row("wrapping_keys.algorithm"))?;
    Ok((spec, algorithm))
}
