//! Halves of objects that a kill left in the token's storage.
//!
//! SoftHSM 2.6.1 makes an object in two steps, each a file on the disk at once: first as all flags stand by default, or for
//! `C_CopyObject` as its original is, the key included; then as the template says. Up to the second step `CKA_TOKEN` is
//! false or not there yet. Nobody was told of such an object and no row is `present` for it, so nothing is lost with it. A search cannot tell it
//! from a session object of this process, so it is destroyed only while there is none.

use std::sync::{PoisonError, RwLock, RwLockReadGuard, TryLockError};

use cryptoki::session::Session;
use kms_core::HsmError;

use crate::error::unavailable;
use crate::search;
use crate::token::Token;
use crate::write_lock::WriteGuard;

/// Held shared by everybody in this process who has session objects, alone by who destroys halves.
static SESSION_OBJECTS: RwLock<()> = RwLock::new(());

/// To be held as long as session objects of one's own are there, and taken before any lock of a token.
pub(crate) fn session_objects() -> RwLockReadGuard<'static, ()> {
    SESSION_OBJECTS.read().unwrap_or_else(PoisonError::into_inner)
}

impl Token {
    /// See [`kms_core::Hsm::discard_torn`].
    pub(crate) fn discard_halves(&self) -> Result<usize, HsmError> {
        if self.connector.token_file().is_none() {
            return Ok(0);
        }
        let session = self.ready_session()?;
        let _no_session_objects = match SESSION_OBJECTS.try_write() {
            Ok(guard) => guard,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return Ok(0),
        };
        discard(&session, &self.lock.acquire()?)
    }
}

/// Destroys all halves, and gives their number. To be called while this process has no session object, under the lock that
/// every maker holds.
///
/// # Errors
/// [`HsmError::Unavailable`] if they cannot be listed. One that cannot be destroyed is left for the next time.
pub(crate) fn discard(session: &Session, guard: &WriteGuard<'_>) -> Result<usize, HsmError> {
    let halves = search::session_objects(session, guard).map_err(unavailable)?;
    let destroyed = halves.iter().filter(|half| session.destroy_object(**half).is_ok()).count();
    if !halves.is_empty() {
        tracing::warn!(found = halves.len(), destroyed, "discarded halves of objects in the token");
    }
    Ok(destroyed)
}
