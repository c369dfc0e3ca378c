//! Which token is ours: the deployment id and the objects that every token must show (object-protocol.md 4, start).

use diesel::prelude::*;
use kms_core::ObjectId;
use uuid::Uuid;

use crate::error::MetadataError;
use crate::schema::token_stores;
use crate::tx::Tx;

/// The advisory lock of first starts: the ASCII codes of `kms-open`.
const LOCK: i64 = 0x6b6d_732d_6f70_656e;

/// What a token must hold to be the one this database belongs to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TokenStore {
    /// The name of the token in the configuration.
    pub token: String,
    /// The id that database and token share; the value of the sentinel object.
    pub deployment_id: Uuid,
    /// The sentinel object.
    pub sentinel: ObjectId,
    /// The root key of the deployment, in the one token that holds it.
    pub root: Option<ObjectId>,
    /// Whether both objects have been seen in the token: from then on a token without them is refused, never filled anew.
    pub established: bool,
}

impl Tx<'_> {
    /// Locks out every other node that opens a token, until this transaction ends.
    ///
    /// # Errors
    /// [`MetadataError::LockTimeout`] when another node holds the lock for longer than a statement may wait.
    pub fn lock_token_stores(&mut self) -> Result<(), MetadataError> {
        self.run(|connection| diesel::sql_query(format!("SELECT pg_advisory_xact_lock({LOCK})")).execute(connection))?;
        Ok(())
    }

    /// Reads what a token must hold.
    ///
    /// # Errors
    /// Those of any statement.
    pub fn find_token_store(&mut self, token: &str) -> Result<Option<TokenStore>, MetadataError> {
        let row = self.run(|connection| token_stores::table.find(token).first::<Row>(connection).optional())?;
        Ok(row.map(into_store))
    }

    /// What every token of the deployment must hold, that with the root key first. None before the first start.
    ///
    /// # Errors
    /// Those of any statement.
    pub fn token_stores(&mut self) -> Result<Vec<TokenStore>, MetadataError> {
        let order = (token_stores::root_id.is_null(), token_stores::token);
        let rows = self.run(|connection| token_stores::table.order(order).load::<Row>(connection))?;
        Ok(rows.into_iter().map(into_store).collect())
    }

    /// Inserts what a new token will hold.
    ///
    /// # Errors
    /// [`MetadataError::AlreadyExists`] when the token is known already.
    pub fn insert_token_store(&mut self, store: &TokenStore) -> Result<(), MetadataError> {
        let row = (
            token_stores::token.eq(&store.token),
            token_stores::deployment_id.eq(store.deployment_id),
            token_stores::sentinel_id.eq(store.sentinel.0),
            token_stores::root_id.eq(store.root.map(|root| root.0)),
            token_stores::established.eq(store.established),
        );
        self.run(|connection| diesel::insert_into(token_stores::table).values(row).execute(connection))?;
        Ok(())
    }

    /// Names the objects of the token that takes the place of a lost one.
    ///
    /// # Errors
    /// [`MetadataError::NotFound`] for a token that is not known.
    pub fn replace_token_objects(&mut self, store: &TokenStore) -> Result<(), MetadataError> {
        let names =
            (token_stores::sentinel_id.eq(store.sentinel.0), token_stores::root_id.eq(store.root.map(|root| root.0)));
        let update = diesel::update(token_stores::table.find(&store.token)).set(names);
        let changed = self.run(|connection| update.execute(connection))?;
        if changed == 1 { Ok(()) } else { Err(MetadataError::NotFound) }
    }

    /// Notes that the token holds its objects.
    ///
    /// # Errors
    /// [`MetadataError::NotFound`] for a token that is not known.
    pub fn establish_token_store(&mut self, token: &str) -> Result<(), MetadataError> {
        let changed = self.run(|connection| {
            diesel::update(token_stores::table.find(token)).set(token_stores::established.eq(true)).execute(connection)
        })?;
        if changed == 1 { Ok(()) } else { Err(MetadataError::NotFound) }
    }
}

fn into_store((token, deployment_id, sentinel, root, established): Row) -> TokenStore {
    TokenStore { token, deployment_id, sentinel: ObjectId(sentinel), root: root.map(ObjectId), established }
}

type Row = (String, Uuid, Uuid, Option<Uuid>, bool);
