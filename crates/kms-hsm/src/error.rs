//! Return codes of PKCS#11 sorted by what the caller can do about them.

use cryptoki::context::Function;
use cryptoki::error::{Error, RvError};
use kms_core::HsmError;

/// Why the use of an object failed.
pub(crate) enum UseError {
    /// A call on the token failed; a stale handle or a lost session among the causes is worth a second try.
    Call(Error),
    /// Anything that a second try does not mend.
    Final(HsmError),
}

impl From<Error> for UseError {
    fn from(error: Error) -> Self {
        Self::Call(error)
    }
}

impl From<HsmError> for UseError {
    fn from(error: HsmError) -> Self {
        Self::Final(error)
    }
}

/// What a failed call on an object means for its handle and its session.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Fault {
    /// The handle no longer names an object: look it up again.
    StaleHandle,
    /// The session is gone or logged out: take another, logged in again.
    SessionLost,
    /// Anything else.
    Other,
}

/// Sorts an error of a call that used an object handle. `vague_stale_handles`: the token answers with a general error
/// where PKCS#11 has a code for a stale handle (hsm-facts 2, Kryoptic).
pub(crate) fn fault_of(error: &Error, vague_stale_handles: bool) -> Fault {
    let Error::Pkcs11(code, _) = error else { return Fault::Other };
    match code {
        RvError::ObjectHandleInvalid
        | RvError::KeyHandleInvalid
        | RvError::UnwrappingKeyHandleInvalid
        | RvError::WrappingKeyHandleInvalid => Fault::StaleHandle,
        RvError::SessionHandleInvalid
        | RvError::SessionClosed
        | RvError::UserNotLoggedIn
        | RvError::DeviceRemoved
        | RvError::TokenNotPresent => Fault::SessionLost,
        RvError::GeneralError | RvError::FunctionFailed | RvError::DeviceError if vague_stale_handles => {
            Fault::StaleHandle
        }
        _ => Fault::Other,
    }
}

/// Whether `C_UnwrapKey` or `C_Decrypt` refused the wrapped bytes. SoftHSM says GeneralError, the same as for a fault of
/// its own, so the caller looks for the sentinel afterwards (hsm-facts 1 and 6).
pub(crate) fn refuses_wrapped_bytes(error: &Error) -> bool {
    use RvError::{
        DataInvalid, DataLenRange, DeviceError, EncryptedDataInvalid, EncryptedDataLenRange, FunctionFailed,
        GeneralError, KeySizeRange, TemplateInconsistent, WrappedKeyInvalid, WrappedKeyLenRange,
    };
    matches!(
        error,
        Error::Pkcs11(
            DataInvalid
                | DataLenRange
                | DeviceError
                | EncryptedDataInvalid
                | EncryptedDataLenRange
                | FunctionFailed
                | GeneralError
                | KeySizeRange
                | TemplateInconsistent
                | WrappedKeyInvalid
                | WrappedKeyLenRange,
            _
        )
    )
}

/// Whether the failed call may have left an operation open in its session: only the calls that begin one, or need none,
/// surely leave none.
pub(crate) fn may_leave_operation(error: &Error) -> bool {
    let Error::Pkcs11(_, function) = error else { return true };
    !matches!(
        function,
        Function::SignInit
            | Function::DecryptInit
            | Function::EncryptInit
            | Function::UnwrapKey
            | Function::CreateObject
            | Function::GetAttributeValue
    )
}

/// The error of last resort: names the C function and its return code, never a value.
pub(crate) fn unavailable(error: Error) -> HsmError {
    HsmError::Unavailable(match error {
        Error::Pkcs11(code, function) => format!("C_{function:?}: {code:?}"),
        other => other.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_message_names_function_and_code() {
        let error = Error::Pkcs11(RvError::DeviceError, Function::SignInit);
        assert_eq!(unavailable(error).to_string(), "the token failed: C_SignInit: DeviceError");
    }

    #[test]
    fn a_general_error_is_a_stale_handle_only_where_the_token_is_vague() {
        let error = Error::Pkcs11(RvError::GeneralError, Function::SignInit);
        assert_eq!(fault_of(&error, true), Fault::StaleHandle);
        assert_eq!(fault_of(&error, false), Fault::Other);
    }
}
