//! Halves of objects that a kill left in the token's storage.
//!
//! SoftHSM 2.6.1 makes an object in two steps, each a file on the disk at once: first as all flags stand by default, or for
//! `C_CopyObject` as its original is, the key included; then as the template says. Up to the second step `CKA_TOKEN` is
//! false. Nobody was told of such an object and no row is `present` for it, so nothing is lost with it. A process cannot
//! tell it from a session object of its own; one that has just initialised the library has no session object yet.

use cryptoki::session::Session;
use kms_core::HsmError;

use crate::error::unavailable;
use crate::search;
use crate::write_lock::WriteGuard;

/// Destroys all halves. To be called before the first session object is made, under the lock that every maker holds.
///
/// # Errors
/// [`HsmError::Unavailable`] if they cannot be listed. One that cannot be destroyed is left for the next start.
pub(crate) fn discard(session: &Session, guard: &WriteGuard<'_>) -> Result<(), HsmError> {
    let halves = search::session_objects(session, guard).map_err(unavailable)?;
    let destroyed = halves.iter().filter(|half| session.destroy_object(**half).is_ok()).count();
    if !halves.is_empty() {
        tracing::warn!(found = halves.len(), destroyed, "discarded halves of objects that a kill left in the token");
    }
    Ok(())
}
