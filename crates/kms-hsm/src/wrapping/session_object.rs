//! Objects that live for one call.

use cryptoki::error::Result;
use cryptoki::mechanism::Mechanism;
use cryptoki::object::ObjectHandle;
use cryptoki::session::Session;

use crate::template::Template;

/// An object that is destroyed when dropped, whatever happens in between.
pub(crate) struct SessionObject<'a> {
    session: &'a Session,
    handle: ObjectHandle,
}

impl<'a> SessionObject<'a> {
    /// `C_CreateObject`.
    ///
    /// # Errors
    /// Its return code.
    pub(crate) fn create(session: &'a Session, template: &Template) -> Result<Self> {
        Ok(Self::adopt(session, session.create_object(template.attributes())?))
    }

    /// `C_UnwrapKey`.
    ///
    /// # Errors
    /// Its return code.
    pub(crate) fn unwrap(
        session: &'a Session,
        mechanism: &Mechanism<'_>,
        key: ObjectHandle,
        wrapped: &[u8],
        template: &Template,
    ) -> Result<Self> {
        Ok(Self::adopt(session, session.unwrap_key(mechanism, key, wrapped, template.attributes())?))
    }

    /// Takes over an object that was just made.
    pub(crate) fn adopt(session: &'a Session, handle: ObjectHandle) -> Self {
        Self { session, handle }
    }

    /// Its handle.
    pub(crate) fn handle(&self) -> ObjectHandle {
        self.handle
    }
}

impl Drop for SessionObject<'_> {
    fn drop(&mut self) {
        if let Err(error) = self.session.destroy_object(self.handle) {
            // It ends with its session at the latest.
            tracing::warn!(%error, "a session object was not destroyed at once");
        }
    }
}
