//! Destroying an object and proving that it is gone (object-protocol.md F1 and F2).

use cryptoki::object::ObjectHandle;
use cryptoki::session::Session;
use kms_core::HsmError;
use kms_core::ids::ObjectId;

use crate::error::unavailable;
use crate::search;
use crate::token::Token;
use crate::write_lock::WriteGuard;

impl Token {
    /// See [`kms_core::Hsm::destroy`].
    ///
    /// # Errors
    /// Also [`HsmError::Unsupported`] for the sentinel, without which nothing could be proved any more.
    pub(crate) fn destroy_object(&self, id: ObjectId) -> Result<(), HsmError> {
        if self.sentinel.get().is_some_and(|sentinel| sentinel.id() == id) {
            return Err(HsmError::Unsupported("destroying the sentinel"));
        }
        let session = self.ready_session()?;
        let guard = self.lock.acquire()?;
        // First of all, so that no thread of this process takes up the handle again.
        let last_handle = self.handles.forget(id);
        self.see_sentinel(&session, &guard)?;
        let handles = self.handles_of(&session, &guard, id, last_handle)?;
        fail::fail_point!("hsm.before_destroy");
        for handle in &handles {
            // The return code proves nothing: SoftHSM drops the handle before the file is gone, and says
            // OBJECT_HANDLE_INVALID when the folder is away. The searches below prove.
            let _unproved = session.destroy_object(*handle);
        }
        fail::fail_point!("hsm.after_destroy");
        self.prove_absence(&session, &guard, id, &handles)
    }

    /// The sentinel, a search that finds none, handles that name nothing, no hidden objects, the sentinel again.
    fn prove_absence(
        &self,
        session: &Session,
        guard: &WriteGuard<'_>,
        id: ObjectId,
        handles: &[ObjectHandle],
    ) -> Result<(), HsmError> {
        self.see_sentinel(session, guard)?;
        if !search::by_id_anywhere(session, guard, id).map_err(unavailable)?.is_empty() {
            return Err(HsmError::Unavailable("C_DestroyObject: the object is still found".to_owned()));
        }
        for handle in handles {
            if self.names(session, *handle, id)? {
                return Err(HsmError::Unavailable("C_DestroyObject: the handle still works".to_owned()));
            }
        }
        self.see_everything(session, guard)?;
        // A claim of another thread cannot have cached it anew: its handle would have had to be found.
        self.handles.forget(id);
        self.see_sentinel(session, guard)
    }

    /// Every handle that names an object of this id: those that a search finds, and the last known one, which SoftHSM may
    /// still honour when its search misses the object (hsm-facts 0.5).
    fn handles_of(
        &self,
        session: &Session,
        guard: &WriteGuard<'_>,
        id: ObjectId,
        last: Option<ObjectHandle>,
    ) -> Result<Vec<ObjectHandle>, HsmError> {
        let mut handles = search::by_id_anywhere(session, guard, id).map_err(unavailable)?;
        if let Some(last) = last
            && !handles.contains(&last)
            && self.names(session, last, id)?
        {
            handles.push(last);
        }
        Ok(handles)
    }
}
