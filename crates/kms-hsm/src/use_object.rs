//! Using an object by its cached handle; looking it up again, once, when the handle or the session has gone.

use std::sync::PoisonError;

use cryptoki::context::Function;
use cryptoki::error::{Error, RvError};
use cryptoki::object::{ObjectClass, ObjectHandle};
use cryptoki::session::Session;
use kms_core::HsmError;
use kms_core::hsm::TokenObject;
use kms_core::ids::ObjectId;

use crate::error::{Fault, UseError, fault_of, may_leave_operation, unavailable};
use crate::handle_cache::Cached;
use crate::list::describe_each;
use crate::search;
use crate::session::{Checkout, Connection};
use crate::token::Token;
use crate::write_lock::SearchGuard;

impl Token {
    /// Runs `run` with the handle of the object. A stale handle or a lost session leads to a second and last try with a
    /// handle found anew; nothing that this is used for has an effect that a second try would double.
    ///
    /// # Errors
    /// [`HsmError::ObjectMissing`], [`HsmError::ObjectMismatch`], [`HsmError::TokenUnknown`], [`HsmError::Unavailable`],
    /// and what `run` says is final.
    pub(crate) fn with_object<T>(
        &self,
        object: &TokenObject,
        class: ObjectClass,
        mut run: impl FnMut(&Connection, ObjectHandle) -> Result<T, UseError>,
    ) -> Result<T, HsmError> {
        if let Some(handle) = self.handles.find(object, class, self.connector.logins())? {
            let session = self.session()?;
            if self.still_names(&session, handle, object) {
                match run(&session, handle) {
                    Ok(done) => return Ok(done),
                    Err(error) => self.judge(&session, error)?,
                }
            }
            self.handles.forget(object.id);
        }
        let session = self.ready_session()?;
        let handle = self.locate(&session, object, class)?;
        run(&session, handle).map_err(|error| match error {
            UseError::Final(error) => error,
            UseError::Call(error) => {
                session.retire();
                unavailable(error)
            }
        })
    }

    /// Finds the object and remembers its handle.
    fn locate(&self, session: &Checkout, object: &TokenObject, class: ObjectClass) -> Result<ObjectHandle, HsmError> {
        let guard = self.lock.acquire_for_search()?;
        self.scan_after_login(session, &guard)?;
        if let Some(handle) = self.handles.find(object, class, self.connector.logins())? {
            return Ok(handle);
        }
        match self.search_between_sightings(session, &guard, object)? {
            Some(cached) => {
                self.handles.insert(object.id, cached);
                self.handles.find(object, class, self.connector.logins())?.ok_or(HsmError::ObjectMissing)
            }
            None => {
                drop(guard);
                Err(self.missing(session, object)?)
            }
        }
    }

    /// Nothing was found: it is really missing only if a search under the write lock, by a process from which nothing is
    /// hidden, finds nothing either.
    fn missing(&self, session: &Session, object: &TokenObject) -> Result<HsmError, HsmError> {
        let guard = self.lock.acquire()?;
        if self.search_between_sightings(session, &guard, object)?.is_some() {
            return Err(HsmError::Unavailable("C_FindObjects: the object appears only now".to_owned()));
        }
        self.see_everything(session, &guard)?;
        Ok(HsmError::ObjectMissing)
    }

    /// One search, of which "none" counts because the sentinel was seen on both sides of it.
    fn search_between_sightings(
        &self,
        session: &Session,
        guard: &SearchGuard<'_>,
        object: &TokenObject,
    ) -> Result<Option<Cached>, HsmError> {
        self.see_sentinel(session, guard)?;
        let login = self.connector.logins();
        let found = search::by_id(session, guard, object.id).map_err(unavailable)?;
        let cached = match found[..] {
            [] => None,
            [handle] => {
                let described = search::describe(session, handle, self.quirks.vague_stale_handles);
                described.map_err(unavailable)?.and_then(|description| {
                    let class = description.class?;
                    Some(Cached { handle, class, label: description.label.into(), login })
                })
            }
            _ => return Err(HsmError::ObjectMismatch),
        };
        self.see_sentinel(session, guard)?;
        Ok(cached)
    }

    /// After each login all handles are new; one scan finds them all, where a search each would cost a scan each.
    pub(crate) fn scan_after_login(&self, session: &Session, guard: &SearchGuard<'_>) -> Result<(), HsmError> {
        let mut scanned = self.scanned.lock().unwrap_or_else(PoisonError::into_inner);
        self.see_sentinel(session, guard)?;
        let login = self.connector.logins();
        if *scanned == Some(login) {
            return Ok(());
        }
        let found = search::all(session, guard).map_err(unavailable)?;
        let descriptions = describe_each(session, found).described;
        self.see_sentinel(session, guard)?;
        let mut seen = std::collections::HashSet::new();
        for description in descriptions {
            let (Some(id), Some(class)) = (description.id, description.class) else { continue };
            if seen.insert(id) {
                let label = description.label.into();
                self.handles.insert(id, Cached { handle: description.handle, class, label, login });
            } else {
                // Two objects of one id: left to the search, which refuses them.
                self.handles.forget(id);
            }
        }
        *scanned = Some(login);
        Ok(())
    }

    /// Whether a second try is worth it; if not, the error.
    fn judge(&self, session: &Connection, error: UseError) -> Result<(), HsmError> {
        let error = match error {
            UseError::Final(error) => return Err(error),
            UseError::Call(error) => error,
        };
        match fault_of(&error, self.quirks.vague_stale_handles) {
            Fault::StaleHandle => Ok(()),
            Fault::SessionLost => {
                session.retire();
                Ok(())
            }
            Fault::Other => {
                if may_leave_operation(&error) {
                    session.retire();
                }
                Err(unavailable(error))
            }
        }
    }

    /// On a token that gives a handle to a second object, whether it still names the first (object-protocol.md S7).
    fn still_names(&self, session: &Session, handle: ObjectHandle, object: &TokenObject) -> bool {
        !self.quirks.reuses_handles || self.names(session, handle, object.id).unwrap_or(false)
    }

    /// Whether a handle names the object of this id now. `C_GetAttributeValue`.
    ///
    /// # Errors
    /// [`HsmError::Unavailable`].
    pub(crate) fn names(&self, session: &Session, handle: ObjectHandle, id: ObjectId) -> Result<bool, HsmError> {
        let found = search::id_behind(session, handle, self.quirks.vague_stale_handles).map_err(unavailable)?;
        Ok(found.as_deref() == Some(id.as_bytes()))
    }

    /// What it means that the token refused a client's bytes: the refusal, unless the token itself is away, for which SoftHSM
    /// has the same code; or a stale handle, where the token has one code for that too.
    pub(crate) fn refused(
        &self,
        session: &Connection,
        (object, handle): (&TokenObject, ObjectHandle),
        refusal: HsmError,
    ) -> UseError {
        if self.quirks.vague_stale_handles && !self.names(session, handle, object.id).unwrap_or(false) {
            return UseError::Call(Error::Pkcs11(RvError::ObjectHandleInvalid, Function::GetAttributeValue));
        }
        session.retire();
        let seen = self.lock.acquire_for_search().and_then(|guard| self.see_sentinel(session, &guard));
        UseError::Final(seen.err().unwrap_or(refusal))
    }
}
