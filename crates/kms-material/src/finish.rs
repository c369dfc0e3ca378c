//! F1-F3: destroys the object of a condemned row and makes the row a tombstone. Idempotent, any number of nodes at once.

use kms_core::{KeyAddress, KmsError, ObjectId};
use kms_metadata::ObjectState;

use crate::Keeper;

impl Keeper {
    /// Destroys the object whose row is committed `destroying` and confirms that it is gone, then commits `destroyed`.
    ///
    /// # Errors
    /// Any doubt (the token is unknown, Postgres does not answer) is an error and leaves the row `destroying`.
    pub(crate) fn finish(&self, key: Option<&KeyAddress>, id: ObjectId) -> Result<(), KmsError> {
        fail::fail_point!("material.finish.before_destroy");
        self.hsm.destroy(id)?;
        fail::fail_point!("material.finish.before_destroyed");
        self.metadata.write(|tx| {
            if let Some(address) = key {
                tx.lock_key(address.region, address.key_id)?;
            }
            tx.mark_destroyed(id)?;
            Ok(())
        })
    }

    /// The result of an attempt, unless it failed and its row says that it succeeded after all (I7).
    ///
    /// # Errors
    /// That of the attempt.
    pub(crate) fn settled(
        &self,
        attempt: Result<(), KmsError>,
        key: Option<&KeyAddress>,
        id: ObjectId,
    ) -> Result<(), KmsError> {
        attempt.or_else(|error| match self.settle(key, id) {
            Ok(true) => Ok(()),
            Ok(false) | Err(_) => Err(error),
        })
    }

    /// I6 and I7: settles the row of an attempt that failed or whose outcome is not known. `true` if its object is
    /// `present` after all; otherwise the row is condemned and its object destroyed.
    ///
    /// # Errors
    /// Postgres or the token does not answer: the reconciler will decide.
    fn settle(&self, key: Option<&KeyAddress>, id: ObjectId) -> Result<bool, KmsError> {
        let state = self.metadata.write(|tx| {
            match key {
                Some(address) => drop(tx.lock_key(address.region, address.key_id)?),
                None => drop(tx.lock_object(id)?),
            }
            tx.condemn_creating(id)?;
            Ok::<_, KmsError>(tx.find_object(id)?.map(|row| row.state))
        })?;
        match state {
            Some(ObjectState::Present) => Ok(true),
            Some(ObjectState::Destroying) => self.finish(key, id).map(|()| false),
            Some(ObjectState::Creating | ObjectState::Destroyed) | None => Ok(false),
        }
    }
}
