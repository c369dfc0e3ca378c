//! An independent look at a token: how many objects it holds, counted by a process of its own with its own login. A
//! long-running process can be blind to objects (hsm-facts 0.5); a new one is not.

use cryptoki::object::ObjectClass;

use crate::config::{OpenError, TokenConfig};
use crate::error::unavailable;
use crate::quirks::softhsm::token_file::TokenFile;
use crate::session::Connector;
use crate::write_lock::WriteLock;
use crate::{module, search};

/// How many token objects there are, ours and others.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct TokenCensus {
    /// `CKO_SECRET_KEY`.
    pub secret_keys: usize,
    /// `CKO_PRIVATE_KEY`.
    pub private_keys: usize,
    /// `CKO_DATA`, the sentinel among them.
    pub data_objects: usize,
}

/// Counts the objects of the token: opens the module, logs in under the write lock, lists, ends. To be called in a process
/// that has opened no token.
///
/// # Errors
/// [`OpenError`].
pub fn independent_count(config: TokenConfig) -> Result<TokenCensus, OpenError> {
    let folder = config.softhsm_folder.as_deref();
    let lock = WriteLock::open(folder)?;
    let guard = lock.acquire()?;
    let token_file = folder.map(|folder| TokenFile::new(folder, &config.token_label));
    token_file.as_ref().map_or(Ok(()), TokenFile::check)?;
    let module = module::initialise(&config)?;
    let (slot, _) = module::slot_of(&module, &config.token_label)?;
    let connector = Connector::open(module, slot, config.pin, &lock, token_file, &guard)?;
    let count = |class| {
        connector
            .with_anchor(|session| search::by_class(session, &guard, class).map(|found| found.len()))
            .map_err(unavailable)
    };
    Ok(TokenCensus {
        secret_keys: count(ObjectClass::SECRET_KEY)?,
        private_keys: count(ObjectClass::PRIVATE_KEY)?,
        data_objects: count(ObjectClass::DATA)?,
    })
}
