//! The sentinel: a data object that is always in the token. A search proves something only if the sentinel was seen before
//! and after it (object-protocol.md A8): a SoftHSM folder that is gone answers every search with success and nothing.

use std::sync::{Mutex, PoisonError};

use cryptoki::object::{Attribute, AttributeType, ObjectHandle};
use cryptoki::session::Session;
use kms_core::HsmError;
use kms_core::ids::ObjectId;
use uuid::Uuid;

use crate::error::unavailable;
use crate::search;
use crate::write_lock::SearchGuard;

/// How the sentinel was seen.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Sighting {
    /// By the handle known before, or by a search where reading does not count.
    Expected,
    /// Its handle had gone stale and a search found it again: the other handles are stale too.
    NewHandle,
}

/// The sentinel of this deployment once it is known.
pub(crate) struct Sentinel {
    id: ObjectId,
    deployment: Uuid,
    handle: Mutex<ObjectHandle>,
}

impl Sentinel {
    /// Finds the sentinel with this id.
    ///
    /// # Errors
    /// [`HsmError::TokenUnknown`] if it is not there, [`HsmError::ObjectMismatch`] if it is there twice,
    /// [`HsmError::Unavailable`].
    pub(crate) fn find(session: &Session, guard: &SearchGuard<'_>, id: ObjectId) -> Result<Self, HsmError> {
        let found = search::sentinels(session, guard, Some(id)).map_err(unavailable)?;
        match found[..] {
            [] => Err(HsmError::TokenUnknown),
            [handle] => {
                let deployment = deployment_behind(session, handle).ok_or(HsmError::TokenUnknown)?;
                Ok(Self { id, deployment, handle: Mutex::new(handle) })
            }
            _ => Err(HsmError::ObjectMismatch),
        }
    }

    /// Its `CKA_OBJECT_ID`.
    pub(crate) fn id(&self) -> ObjectId {
        self.id
    }

    /// The deployment that it names.
    pub(crate) fn deployment(&self) -> Uuid {
        self.deployment
    }

    /// Sees the sentinel now. `by_handle`: reading it by its handle looks at the token's storage as well as a search does
    /// and costs the same at any number of objects; else, or when the handle is stale, it is searched.
    ///
    /// # Errors
    /// [`HsmError::TokenUnknown`] if it is not there or names another deployment, [`HsmError::Unavailable`].
    pub(crate) fn see(
        &self,
        session: &Session,
        guard: &SearchGuard<'_>,
        by_handle: bool,
    ) -> Result<Sighting, HsmError> {
        let known = *self.handle.lock().unwrap_or_else(PoisonError::into_inner);
        if by_handle && deployment_behind(session, known) == Some(self.deployment) {
            return Ok(Sighting::Expected);
        }
        let again = Self::find(session, guard, self.id)?;
        if again.deployment != self.deployment {
            return Err(HsmError::TokenUnknown);
        }
        *self.handle.lock().unwrap_or_else(PoisonError::into_inner) =
            again.handle.into_inner().unwrap_or_else(PoisonError::into_inner);
        Ok(if by_handle { Sighting::NewHandle } else { Sighting::Expected })
    }
}

/// The deployment id in the value of a sentinel; none if the handle is stale or the value has another form.
pub(crate) fn deployment_behind(session: &Session, handle: ObjectHandle) -> Option<Uuid> {
    let attributes = session.get_attributes(handle, &[AttributeType::Value]).ok()?;
    attributes.into_iter().find_map(|attribute| match attribute {
        Attribute::Value(value) => Uuid::from_slice(&value).ok(),
        _ => None,
    })
}
