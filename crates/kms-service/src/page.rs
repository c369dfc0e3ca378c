//! Pages of lists: limits and markers. A marker is sealed, bound to account, region and operation.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use kms_core::sealing::Sealer;
use kms_core::{KmsError, Operation};

use crate::caller::Caller;

/// Seals the place where the next page begins.
///
/// # Errors
/// `KMSInternalException` without random bytes.
pub(crate) fn marker(sealer: &Sealer, caller: &Caller, operation: Operation, cursor: &str) -> Result<String, KmsError> {
    let sealed = sealer.seal(&binding(caller, operation), cursor.as_bytes()).map_err(KmsError::internal)?;
    Ok(BASE64.encode(&sealed))
}

/// Opens a marker of this list.
///
/// # Errors
/// `InvalidMarkerException` for anything that this list did not give to this account; AWS's text is not recorded.
pub(crate) fn cursor(
    sealer: &Sealer,
    caller: &Caller,
    operation: Operation,
    marker: Option<&str>,
) -> Result<Option<String>, KmsError> {
    let Some(marker) = marker else { return Ok(None) };
    let open = || {
        let sealed = BASE64.decode(marker).ok()?;
        let opened = sealer.open(&binding(caller, operation), &sealed).ok()?;
        String::from_utf8(opened.expose().to_vec()).ok()
    };
    open().map(Some).ok_or_else(|| KmsError::InvalidMarker("The marker is not valid for this list.".to_owned()))
}

fn binding(caller: &Caller, operation: Operation) -> Vec<u8> {
    format!("{}\0{}\0{operation}", caller.account, caller.region).into_bytes()
}
