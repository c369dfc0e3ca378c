//! Two PKCS#11 calls without cryptoki between: `C_SignInit` and `C_Sign` into a buffer of the caller. cryptoki asks for the
//! length first, copies its table of functions for each call and allocates the answer; this is the hot path.

use std::path::Path;
use std::ptr;

use cryptoki::context::Function;
use cryptoki::error::{Error, Result, Rv};
use cryptoki::object::ObjectHandle;
use cryptoki::session::Session;
use cryptoki_sys::{CK_C_Sign, CK_C_SignInit, CK_MECHANISM, CK_ULONG, CKM_SHA256_HMAC};

/// The two functions of a loaded module.
pub(crate) struct RawSign {
    sign_init: CK_C_SignInit,
    sign: CK_C_Sign,
    /// Keeps the library mapped as long as the functions may be called.
    _module: cryptoki_sys::Pkcs11,
}

impl RawSign {
    /// Finds the functions in a module that cryptoki has loaded from the same path: the loader hands out one instance.
    ///
    /// # Errors
    /// [`Error::LibraryLoading`], or the error of `C_GetFunctionList`.
    #[expect(unsafe_code, reason = "cryptoki has no signing into a buffer; each block has its proof")]
    pub(crate) fn load(path: &Path) -> Result<Self> {
        // SAFETY: loading runs the initialisers of the library. They have run already: cryptoki loaded the same path
        // before, and the loader only counts one more user.
        let module = unsafe { cryptoki_sys::Pkcs11::new(path) }.map_err(Error::LibraryLoading)?;
        if module.C_GetFunctionList.is_err() {
            return Err(Error::MissingSymbol("C_GetFunctionList"));
        }
        let mut list = ptr::null_mut();
        // SAFETY: the symbol exists (checked above, the wrapper panics otherwise) and has the type that PKCS#11 gives it;
        // the argument is a valid place for one pointer.
        let code = unsafe { module.C_GetFunctionList(&raw mut list) };
        Rv::from(code).into_result(Function::GetFunctionList)?;
        // SAFETY: after CKR_OK the pointer is null or names a table that lives as long as the library is mapped; null
        // is sorted out by `as_ref`, and only two fields are copied while `module` is alive.
        let table = unsafe { list.as_ref() }.ok_or(Error::NullFunctionPointer)?;
        Ok(Self { sign_init: table.C_SignInit, sign: table.C_Sign, _module: module })
    }

    /// HMAC-SHA-256 of `data` under `key`: `C_SignInit`, then `C_Sign` into `out`.
    ///
    /// # Errors
    /// The return code of the call that failed; a MAC of another length than 32 bytes is [`Error::InvalidValue`].
    #[expect(unsafe_code, reason = "cryptoki has no signing into a buffer; each block has its proof")]
    pub(crate) fn hmac_sha256(
        &self,
        session: &Session,
        key: ObjectHandle,
        data: &[u8],
        out: &mut [u8; 32],
    ) -> Result<()> {
        let sign_init = self.sign_init.ok_or(Error::NullFunctionPointer)?;
        let sign = self.sign.ok_or(Error::NullFunctionPointer)?;
        let length = CK_ULONG::try_from(data.len())?;
        let mut mechanism = CK_MECHANISM { mechanism: CKM_SHA256_HMAC, pParameter: ptr::null_mut(), ulParameterLen: 0 };
        // SAFETY: the function comes from the table of the module that opened the session, which `self` keeps mapped;
        // the mechanism is a valid struct that outlives the call and has no parameter. Handles are plain numbers that the
        // module checks. `&Session` is not Sync, so no other thread uses the session meanwhile.
        let code = unsafe { sign_init(session.handle(), &raw mut mechanism, key.handle()) };
        Rv::from(code).into_result(Function::SignInit)?;
        let mut written: CK_ULONG = 32;
        // SAFETY: as above. The input is readable for `length` bytes and PKCS#11 makes it input only, so the cast to a
        // mutable pointer is never written through; `out` is writable for the 32 bytes that `written` states.
        let code =
            unsafe { sign(session.handle(), data.as_ptr().cast_mut(), length, out.as_mut_ptr(), &raw mut written) };
        Rv::from(code).into_result(Function::Sign)?;
        if written == 32 { Ok(()) } else { Err(Error::InvalidValue) }
    }
}
