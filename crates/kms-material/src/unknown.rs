//! Destroying objects without a row, when an operator asks for it: `strongroom reconcile --destroy-unknown`.
//!
//! No object is destroyed unless its row is committed `destroying` (object-protocol.md A2), so an unknown one gets a row
//! first. From there on it is like any condemned object: whatever is killed, a node's reconciler finishes it.

use kms_core::hsm::{ObjectKind, TokenObject};
use kms_core::{KmsError, ObjectId};
use kms_metadata::{MetadataError, NewObject};

use crate::inspection::{Inspector, UnknownObject};

impl Inspector {
    /// Destroys the object of this id if no row knows it, and confirms that it is gone. `false` if it was left alone: it has
    /// a row by now, or it is a root key, without which no salt opens and which is never destroyed by this way.
    ///
    /// # Errors
    /// Any doubt (the sentinel is not seen, Postgres does not answer) is an error; nothing is destroyed before its row is
    /// committed, and what was condemned is destroyed by the next run of any node's reconciler.
    pub fn destroy_unknown(&self, object: &UnknownObject) -> Result<bool, KmsError> {
        if is_root(object) {
            return Ok(false);
        }
        self.hsm.check()?;
        if !self.condemn_unknown(object)? {
            return Ok(false);
        }
        fail::fail_point!("material.unknown.condemned", |_| Err(KmsError::timeout("failpoint")));
        self.hsm.destroy(object.id)?;
        self.metadata.write(|tx| tx.mark_destroyed(object.id))?;
        Ok(true)
    }

    /// Commits a row `destroying`, through `creating` because every row begins so; `false` if the id has a row already.
    fn condemn_unknown(&self, object: &UnknownObject) -> Result<bool, KmsError> {
        let row = NewObject {
            id: object.id,
            kind: kind_of(object),
            label: object.label.clone(),
            key: None,
            token: self.store.token.clone(),
            claimed_by: "reconcile --destroy-unknown".to_owned(),
        };
        let inserted = self.metadata.write(|tx| {
            tx.insert_object(&row)?;
            tx.condemn(row.id)
        });
        match inserted {
            Ok(condemned) => Ok(condemned),
            Err(MetadataError::AlreadyExists(_)) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}

/// The label of an object's role; the id in it does not matter.
fn internal_label(role: &str) -> String {
    TokenObject::internal(ObjectId::random(), role).label
}

fn is_root(object: &UnknownObject) -> bool {
    object.label == internal_label("root")
}

fn kind_of(object: &UnknownObject) -> ObjectKind {
    if object.label == internal_label("wrapping") { ObjectKind::Wrapping } else { ObjectKind::Key }
}
