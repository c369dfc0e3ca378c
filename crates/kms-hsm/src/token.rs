//! The token as one value: opened once, shared by all threads.

use std::sync::{Mutex, OnceLock};

use cryptoki::session::Session;
use kms_core::HsmError;
use r2d2::Pool;

use crate::capabilities::Capabilities;
use crate::completeness::Sight;
use crate::config::{OpenError, TokenConfig};
use crate::error::unavailable;
use crate::handle_cache::HandleCache;
use crate::module;
use crate::quirks::softhsm::token_file::TokenFile;
use crate::quirks::{self, Quirks};
use crate::raw::RawCalls;
use crate::self_test;
use crate::sentinel::{Sentinel, Sighting};
use crate::session::{Checkout, Connector, pool_error};
use crate::torn;
use crate::write_lock::{SearchGuard, WriteLock};

/// A PKCS#11 token, logged in. Implements [`kms_core::Hsm`].
pub struct Token {
    pub(crate) connector: Connector,
    pub(crate) pool: Pool<Connector>,
    pub(crate) lock: WriteLock,
    pub(crate) raw: RawCalls,
    pub(crate) quirks: Quirks,
    pub(crate) capabilities: Capabilities,
    pub(crate) handles: HandleCache,
    /// The login of the last full scan; held while one runs, so that only one does.
    pub(crate) scanned: Mutex<Option<u64>>,
    pub(crate) sentinel: OnceLock<Sentinel>,
    pub(crate) sight: Sight,
    identity: TokenIdentity,
}

/// What a token is opened for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Manner {
    /// A node's work.
    Serve,
    /// A look.
    Look,
}

/// What the token says of itself (`CK_TOKEN_INFO`).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TokenIdentity {
    /// `manufacturerID`.
    pub manufacturer: String,
    /// `model`.
    pub model: String,
    /// `serialNumber`.
    pub serial: String,
    /// `label`.
    pub label: String,
    /// What the library says of itself (`CK_INFO`): description, its version, the version of PKCS#11.
    pub library: String,
    /// The name of the set of peculiarities that was chosen for it.
    pub quirks: &'static str,
}

impl Token {
    /// Restores a torn `token.object`, loads the module, finds the token by its label, logs in, tests the token and opens
    /// its sessions. Takes about 150 ms on SoftHSM, most of it for one RSA pair of the self-test.
    ///
    /// # Errors
    /// [`OpenError`], each with its cause.
    pub fn open(config: TokenConfig) -> Result<Self, OpenError> {
        Self::open_as(config, Manner::Serve)
    }

    /// Opens the token for a command that only looks, beside nodes that serve: nothing torn is restored or cleared away,
    /// and the self-test makes session objects only. SoftHSM itself writes `token.object` at each login, so the verified
    /// copy beside the folder follows as ever.
    ///
    /// # Errors
    /// [`OpenError`]; [`OpenError::NotRestored`] where a start would restore the file.
    pub fn open_to_look(config: TokenConfig) -> Result<Self, OpenError> {
        Self::open_as(config, Manner::Look)
    }

    fn open_as(config: TokenConfig, manner: Manner) -> Result<Self, OpenError> {
        let folder = config.softhsm_folder.as_deref();
        let lock = WriteLock::open(folder)?;
        let guard = lock.acquire()?;
        let mut token_file = folder.map(|folder| TokenFile::new(folder, &config.token_label));
        if let Some(file) = &mut token_file {
            match manner {
                Manner::Serve => file.check()?,
                Manner::Look => file.refuse_torn()?,
            }
            // The copy is renewed before the first login too: that login may be the one that a kill tears.
            file.renew_unproved()?;
            file.see()?;
        }
        let module = module::initialise(&config)?;
        let (slot, info) = module::slot_of(&module, &config.token_label)?;
        let is_first = module::is_first_opening(&config.module, slot);
        if let (Some(file), false) = (&mut token_file, is_first) {
            file.forget_seen();
        }
        let raw = RawCalls::load(&config.module).map_err(unavailable)?;
        let mut quirks = quirks::of(info.manufacturer_id(), info.model());
        quirks.tries_token_handles &= manner == Manner::Serve;
        let mechanisms = module.get_mechanism_list(slot).map_err(unavailable)?;
        let rsa_bits = module::rsa_bits(&module, slot, &mechanisms);
        let library = module::description(&module)?;
        let connector = Connector::open(module, slot, config.pin, &lock, token_file, &guard)?;
        if manner == Manner::Serve && is_first && connector.token_file().is_some() {
            connector.with_anchor(|session| torn::discard(session, &guard))?;
        }
        let capabilities = connector
            .with_anchor(|session| self_test::run(session, &raw, &mechanisms, rsa_bits, &mut quirks, &guard))?;
        let sight = connector.with_anchor(|session| Sight::begin(session, &guard, connector.token_file(), is_first))?;
        drop(guard);
        let pool = connector.pool(config.sessions)?;
        let identity = TokenIdentity {
            manufacturer: info.manufacturer_id().to_owned(),
            model: info.model().to_owned(),
            serial: info.serial_number().to_owned(),
            label: config.token_label,
            library,
            quirks: quirks.name,
        };
        let (handles, scanned, sentinel) = (HandleCache::default(), Mutex::new(None), OnceLock::new());
        Ok(Self { connector, pool, lock, raw, quirks, capabilities, handles, scanned, sentinel, sight, identity })
    }

    /// What the token can do, found by trying it.
    pub fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    /// What the token says of itself.
    pub fn identity(&self) -> &TokenIdentity {
        &self.identity
    }

    /// A session as it comes from the pool, without any call on the token.
    pub(crate) fn session(&self) -> Result<Checkout, HsmError> {
        self.pool.get().map_err(|error| pool_error(&error))
    }

    /// A session that answers and is logged in. Not to be called while holding the write lock.
    pub(crate) fn ready_session(&self) -> Result<Checkout, HsmError> {
        // After a loss every pooled session may be dead; each try takes one of them out of the pool.
        for _ in 0..=self.pool.max_size() {
            let session = self.session()?;
            if session.get_session_info().is_ok() {
                self.connector.revive(&session)?;
                return Ok(session);
            }
            session.retire();
        }
        Err(HsmError::Unavailable("every session is lost".to_owned()))
    }

    /// Sees the sentinel now.
    ///
    /// # Errors
    /// [`HsmError::TokenUnknown`] also before [`Token::attach`], and for good once objects were found to be hidden from
    /// this process.
    pub(crate) fn see_sentinel(&self, session: &Session, guard: &SearchGuard<'_>) -> Result<(), HsmError> {
        if self.sight.is_blind() {
            return Err(HsmError::TokenUnknown);
        }
        let sentinel = self.sentinel.get().ok_or(HsmError::TokenUnknown)?;
        if sentinel.see(session, guard, self.quirks.reading_refreshes)? == Sighting::NewHandle {
            self.connector.forget_handles();
        }
        Ok(())
    }
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Token").field("identity", &self.identity).finish_non_exhaustive()
    }
}
