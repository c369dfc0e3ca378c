//! Sessions: logged in once, pooled, replaced when lost. One job has one session, because a session is not shared.

use std::cell::Cell;
use std::ops::Deref;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use cryptoki::context::Pkcs11;
use cryptoki::error::{Error, RvError};
use cryptoki::session::{Session, SessionState, UserType};
use cryptoki::slot::Slot;
use cryptoki::types::RawAuthPin;
use kms_core::HsmError;
use kms_core::secret::SecretBytes;
use r2d2::{ManageConnection, Pool, PooledConnection};

use crate::config::OpenError;
use crate::error::unavailable;
use crate::quirks::softhsm::token_file::TokenFile;
use crate::write_lock::{WriteGuard, WriteLock};

/// How long a thread waits for a session.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// A session checked out of the pool; it goes back when dropped, unless it was found broken.
pub(crate) type Checkout = PooledConnection<Connector>;

/// Makes sessions and logs in.
#[derive(Clone)]
pub(crate) struct Connector(Arc<Inner>);

struct Inner {
    module: Pkcs11,
    slot: Slot,
    pin: SecretBytes,
    lock: WriteLock,
    token_file: Option<TokenFile>,
    /// Counts logins: after each, private handles have changed.
    logins: AtomicU64,
    /// Stays open, because handles die with the last session of the slot (hsm-facts 0.6).
    anchor: Mutex<Session>,
}

/// One open session and whether it must not be used again.
pub(crate) struct Connection {
    session: Session,
    broken: Cell<bool>,
}

impl Connection {
    /// Marks the session: it is closed instead of going back to the pool.
    pub(crate) fn retire(&self) {
        self.broken.set(true);
    }
}

impl Deref for Connection {
    type Target = Session;

    fn deref(&self) -> &Session {
        &self.session
    }
}

impl Connector {
    /// Opens the anchor session, logs in, and lets the copy of `token.object` follow what the login wrote; the caller holds
    /// the write lock.
    ///
    /// # Errors
    /// [`OpenError::PinRefused`], [`OpenError::Hsm`], [`OpenError::File`].
    pub(crate) fn open(
        module: Pkcs11,
        slot: Slot,
        pin: SecretBytes,
        lock: &WriteLock,
        token_file: Option<TokenFile>,
        _guard: &WriteGuard<'_>,
    ) -> Result<Self, OpenError> {
        let anchor = module.open_rw_session(slot).map_err(unavailable)?;
        log_in(&anchor, &pin)?;
        token_file.as_ref().map_or(Ok(()), TokenFile::renew_unproved)?;
        Ok(Self(Arc::new(Inner {
            module,
            slot,
            pin,
            lock: lock.clone(),
            token_file,
            logins: AtomicU64::new(0),
            anchor: Mutex::new(anchor),
        })))
    }

    /// A pool of `sessions` sessions. Checking a session out costs no call on the token.
    ///
    /// # Errors
    /// [`OpenError::Hsm`] if they cannot be opened.
    pub(crate) fn pool(&self, sessions: u32) -> Result<Pool<Self>, OpenError> {
        Pool::builder()
            .max_size(sessions.max(1))
            .test_on_check_out(false)
            .idle_timeout(None)
            .max_lifetime(None)
            .connection_timeout(LONGEST_WAIT)
            .build(self.clone())
            .map_err(|error| OpenError::Hsm(pool_error(&error)))
    }

    /// Counts logins; a cached handle is good for the login it was found in.
    pub(crate) fn logins(&self) -> u64 {
        self.0.logins.load(Ordering::Acquire)
    }

    /// The guard of `token.object`, of a SoftHSM token.
    pub(crate) fn token_file(&self) -> Option<&TokenFile> {
        self.0.token_file.as_ref()
    }

    /// Makes every cached handle stale.
    pub(crate) fn forget_handles(&self) {
        self.0.logins.fetch_add(1, Ordering::AcqRel);
    }

    /// Runs something on the anchor session.
    pub(crate) fn with_anchor<T>(&self, run: impl FnOnce(&Session) -> T) -> T {
        run(&self.0.anchor.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Logs in again if the session is not logged in. Not to be called while holding the write lock.
    ///
    /// # Errors
    /// [`HsmError::Unavailable`], also when the session itself is gone.
    pub(crate) fn revive(&self, session: &Session) -> Result<(), HsmError> {
        if is_logged_in(session)? {
            return Ok(());
        }
        let _guard = self.0.lock.acquire()?;
        if is_logged_in(session)? {
            return Ok(());
        }
        self.keep_anchor()?;
        log_in(session, &self.0.pin).map_err(into_hsm)?;
        self.forget_handles();
        tracing::warn!("logged in to the token again");
        self.0.token_file.as_ref().map_or(Ok(()), TokenFile::renew_unproved).map_err(into_hsm)
    }

    fn keep_anchor(&self) -> Result<(), HsmError> {
        let mut anchor = self.0.anchor.lock().unwrap_or_else(PoisonError::into_inner);
        if anchor.get_session_info().is_err() {
            *anchor = self.0.module.open_rw_session(self.0.slot).map_err(unavailable)?;
        }
        Ok(())
    }
}

impl ManageConnection for Connector {
    type Connection = Connection;
    type Error = HsmError;

    fn connect(&self) -> Result<Connection, HsmError> {
        let session = self.0.module.open_rw_session(self.0.slot).map_err(unavailable)?;
        self.revive(&session)?;
        Ok(Connection { session, broken: Cell::new(false) })
    }

    fn is_valid(&self, connection: &mut Connection) -> Result<(), HsmError> {
        self.revive(connection)
    }

    fn has_broken(&self, connection: &mut Connection) -> bool {
        connection.broken.get()
    }
}

/// The error of a pool that has no session to give.
pub(crate) fn pool_error(error: &r2d2::Error) -> HsmError {
    HsmError::Unavailable(format!("no session: {error}"))
}

fn is_logged_in(session: &Session) -> Result<bool, HsmError> {
    let info = session.get_session_info().map_err(unavailable)?;
    Ok(matches!(info.session_state(), SessionState::RwUser))
}

fn log_in(session: &Session, pin: &SecretBytes) -> Result<(), OpenError> {
    // The box wipes its copy of the PIN when dropped.
    let pin = RawAuthPin::new(Box::new(pin.expose().to_vec()));
    match session.login_with_raw(UserType::User, &pin) {
        Ok(()) | Err(Error::Pkcs11(RvError::UserAlreadyLoggedIn, _)) => Ok(()),
        Err(Error::Pkcs11(RvError::PinIncorrect | RvError::PinInvalid | RvError::PinLenRange, _)) => {
            Err(OpenError::PinRefused)
        }
        Err(error) => Err(OpenError::Hsm(unavailable(error))),
    }
}

pub(crate) fn into_hsm(error: OpenError) -> HsmError {
    match error {
        OpenError::Hsm(error) => error,
        other => HsmError::Unavailable(other.to_string()),
    }
}
