//! Loading the PKCS#11 library and finding the token in it by its label.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::error::{Error, RvError};
use cryptoki::mechanism::MechanismType;
use cryptoki::slot::{Slot, TokenInfo};

use crate::config::{OpenError, TokenConfig};
use crate::exit::skip_exit_handlers;

/// Loads the library and initialises it, once per process: a second token of the same library finds it initialised.
///
/// # Errors
/// [`OpenError::Module`].
pub(crate) fn initialise(config: &TokenConfig) -> Result<Pkcs11, OpenError> {
    let failed = |error: Error| OpenError::Module(describe(&error));
    let module = Pkcs11::new(&config.module).map_err(failed)?;
    // Never unloaded again, not even when opening fails further on: SoftHSM's exit handlers crash a process that has
    // unmapped it (hsm-facts 7).
    std::mem::forget(module.clone());
    match module.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)) {
        Ok(()) => {
            skip_exit_handlers();
            Ok(module)
        }
        Err(Error::Pkcs11(RvError::CryptokiAlreadyInitialized, _)) => Ok(module),
        Err(error) => Err(failed(error)),
    }
}

/// Whether this process opens the token in this slot of the library for the first time.
pub(crate) fn is_first_opening(library: &Path, slot: Slot) -> bool {
    static OPENED: Mutex<BTreeSet<(PathBuf, u64)>> = Mutex::new(BTreeSet::new());
    let mut opened = OPENED.lock().unwrap_or_else(PoisonError::into_inner);
    opened.insert((library.to_owned(), slot.id()))
}

/// What the library says of itself.
///
/// # Errors
/// [`OpenError::Module`].
pub(crate) fn description(module: &Pkcs11) -> Result<String, OpenError> {
    let info = module.get_library_info().map_err(|error| OpenError::Module(describe(&error)))?;
    let (version, cryptoki) = (info.library_version(), info.cryptoki_version());
    Ok(format!("{} {version}, PKCS#11 {cryptoki}", info.library_description()))
}

/// The one slot whose token has the label, and what the token says of itself.
///
/// # Errors
/// [`OpenError::TokenMissing`], [`OpenError::AmbiguousLabel`], [`OpenError::Module`].
pub(crate) fn slot_of(module: &Pkcs11, label: &str) -> Result<(Slot, TokenInfo), OpenError> {
    let slots = module.get_slots_with_token().map_err(|error| OpenError::Module(describe(&error)))?;
    // A slot that cannot tell about its token is not the one that is looked for.
    let mut found = slots
        .into_iter()
        .filter_map(|slot| module.get_token_info(slot).ok().map(|info| (slot, info)))
        .filter(|(_, info)| info.token_initialized() && info.label() == label);
    match (found.next(), found.next()) {
        (Some(token), None) => Ok(token),
        (Some(_), Some(_)) => Err(OpenError::AmbiguousLabel(label.to_owned())),
        (None, _) => Err(OpenError::TokenMissing(format!("no token has the label {label:?}"))),
    }
}

/// The sizes in bits of the RSA pairs that the token says it makes.
pub(crate) fn rsa_bits(module: &Pkcs11, slot: Slot, mechanisms: &[MechanismType]) -> Option<RangeInclusive<u64>> {
    let generation = MechanismType::RSA_PKCS_KEY_PAIR_GEN;
    let info = mechanisms.contains(&generation).then(|| module.get_mechanism_info(slot, generation).ok())??;
    Some(info.min_key_size() as u64..=info.max_key_size() as u64)
}

fn describe(error: &Error) -> String {
    match error {
        Error::Pkcs11(code, function) => format!("C_{function:?}: {code:?}"),
        other => other.to_string(),
    }
}
