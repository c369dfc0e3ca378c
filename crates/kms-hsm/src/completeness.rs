//! Whether this process sees every object that the token's storage holds.
//!
//! On SoftHSM 2.6.1 a process that uses an object in the moment when its folder is away loses that one object for good: once
//! the folder is back the sentinel is seen again, yet a search for the object finds none, and another process finds and
//! uses it. The same holds for `C_DestroyObject`. So "none" is believed only if there are no more object files than
//! objects. A process that is blind in this way says that the token is unknown until it ends.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use cryptoki::session::Session;
use kms_core::HsmError;

use crate::error::unavailable;
use crate::quirks::softhsm::token_file::TokenFile;
use crate::search;
use crate::token::Token;
use crate::write_lock::{SearchGuard, WriteGuard};

/// The pause before a second look: a program that does not take our lock may be making an object.
const SECOND_LOOK: Duration = Duration::from_millis(50);

/// What the process knows about its own sight.
pub(crate) struct Sight {
    /// Object files that no search shows even to a new process: torn by kills.
    hidden_at_start: usize,
    is_blind: AtomicBool,
}

impl Sight {
    /// Looks for the first time. In a process that has just initialised the library what is hidden is torn; in another,
    /// nothing may be hidden.
    ///
    /// # Errors
    /// [`HsmError::Unavailable`].
    pub(crate) fn begin(
        session: &Session,
        guard: &WriteGuard<'_>,
        token_file: Option<&TokenFile>,
        is_new_process: bool,
    ) -> Result<Self, HsmError> {
        let hidden_at_start = if is_new_process { count_hidden(session, guard, token_file)? } else { 0 };
        Ok(Self { hidden_at_start, is_blind: AtomicBool::new(false) })
    }

    /// Whether this process must not trust its searches any more.
    pub(crate) fn is_blind(&self) -> bool {
        self.is_blind.load(Ordering::Acquire)
    }
}

impl Token {
    /// To be asked before "none" is believed.
    ///
    /// # Errors
    /// [`HsmError::TokenUnknown`] if objects are hidden from this process, [`HsmError::Unavailable`].
    pub(crate) fn see_everything(&self, session: &Session, guard: &WriteGuard<'_>) -> Result<(), HsmError> {
        let token_file = self.connector.token_file();
        for _ in 0..2 {
            if count_hidden(session, guard, token_file)? <= self.sight.hidden_at_start {
                return Ok(());
            }
            std::thread::sleep(SECOND_LOOK);
        }
        self.sight.is_blind.store(true, Ordering::Release);
        tracing::error!("objects of the token are hidden from this process; it must be restarted");
        Err(HsmError::TokenUnknown)
    }
}

/// How many token objects lie in the token's storage that a search does not find; 0 where the storage is not known.
fn count_hidden(session: &Session, guard: &SearchGuard<'_>, token_file: Option<&TokenFile>) -> Result<usize, HsmError> {
    let Some(token_file) = token_file else { return Ok(0) };
    let found = search::all(session, guard).map_err(unavailable)?.len();
    token_file.count_hidden(found).map_err(|error| {
        tracing::warn!(%error, "the folder of the token cannot be read");
        HsmError::TokenUnknown
    })
}
