//! PKCS#11 calls without cryptoki between. `C_SignInit` and `C_Sign` into a buffer of the caller: cryptoki asks for the length
//! first, copies its table of functions for each call and allocates the answer; this is the hot path. `C_WrapKey` and
//! `C_UnwrapKey` by KWP: cryptoki has no name for `CKM_AES_KEY_WRAP_KWP`.

use std::path::Path;
use std::ptr;

use cryptoki::context::Function;
use cryptoki::error::{Error, Result, Rv};
use cryptoki::object::ObjectHandle;
use cryptoki::session::Session;
use cryptoki_sys::{
    CK_ATTRIBUTE, CK_C_Sign, CK_C_SignInit, CK_C_UnwrapKey, CK_C_WrapKey, CK_MECHANISM, CK_MECHANISM_TYPE, CK_ULONG,
    CKM_SHA256_HMAC,
};

use crate::mechanism::Kwp;
use crate::template::Template;

/// The functions of a loaded module that are called here.
pub(crate) struct RawCalls {
    sign_init: CK_C_SignInit,
    sign: CK_C_Sign,
    wrap_key: CK_C_WrapKey,
    unwrap_key: CK_C_UnwrapKey,
    /// Keeps the library mapped as long as the functions may be called.
    _module: cryptoki_sys::Pkcs11,
}

impl RawCalls {
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
        // is sorted out by `as_ref`, and only four fields are copied while `module` is alive.
        let table = unsafe { list.as_ref() }.ok_or(Error::NullFunctionPointer)?;
        let (sign_init, sign) = (table.C_SignInit, table.C_Sign);
        let (wrap_key, unwrap_key) = (table.C_WrapKey, table.C_UnwrapKey);
        Ok(Self { sign_init, sign, wrap_key, unwrap_key, _module: module })
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
        let mut mechanism = bare(CKM_SHA256_HMAC);
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

    /// Wraps an object by KWP and gives the wrapping: `C_WrapKey`.
    ///
    /// # Errors
    /// Its return code; [`Error::InvalidValue`] for a wrapping longer than any private key's.
    #[expect(unsafe_code, reason = "cryptoki cannot name the mechanism; each block has its proof")]
    pub(crate) fn wrap_by_kwp(
        &self,
        session: &Session,
        kwp: Kwp,
        kek: ObjectHandle,
        object: ObjectHandle,
    ) -> Result<Vec<u8>> {
        const LONGEST: usize = 8192;
        let wrap_key = self.wrap_key.ok_or(Error::NullFunctionPointer)?;
        let mut mechanism = bare(kwp.number());
        let mut wrapped = vec![0; LONGEST];
        let mut written = CK_ULONG::try_from(LONGEST)?;
        // SAFETY: the function comes from the table of the module that opened the session, which `self` keeps mapped;
        // the mechanism is a valid struct that outlives the call and has no parameter; handles are plain numbers that the
        // module checks; `wrapped` is writable for the bytes that `written` states. `&Session` is not Sync, so no other
        // thread uses the session meanwhile.
        let code = unsafe {
            wrap_key(
                session.handle(),
                &raw mut mechanism,
                kek.handle(),
                object.handle(),
                wrapped.as_mut_ptr(),
                &raw mut written,
            )
        };
        Rv::from(code).into_result(Function::WrapKey)?;
        let written = usize::try_from(written)?;
        if written > LONGEST {
            return Err(Error::InvalidValue);
        }
        wrapped.truncate(written);
        Ok(wrapped)
    }

    /// Makes an object of what was wrapped by KWP: `C_UnwrapKey`.
    ///
    /// # Errors
    /// Its return code.
    #[expect(unsafe_code, reason = "cryptoki cannot name the mechanism; each block has its proof")]
    pub(crate) fn unwrap_by_kwp(
        &self,
        session: &Session,
        kwp: Kwp,
        kek: ObjectHandle,
        wrapped: &[u8],
        template: &Template,
    ) -> Result<ObjectHandle> {
        let unwrap_key = self.unwrap_key.ok_or(Error::NullFunctionPointer)?;
        let mut mechanism = bare(kwp.number());
        let mut attributes: Vec<CK_ATTRIBUTE> = template.attributes().iter().map(CK_ATTRIBUTE::from).collect();
        let (bytes, count) = (CK_ULONG::try_from(wrapped.len())?, CK_ULONG::try_from(attributes.len())?);
        let mut handle = 0;
        // SAFETY: function, mechanism, handles and session as above. `wrapped` is readable for `bytes` bytes and PKCS#11
        // makes it input only, so the cast to a mutable pointer is never written through. `attributes` holds `count`
        // structs whose pointers lead into `template`, which is borrowed until after the call and which PKCS#11 makes
        // input only. `handle` is a valid place for one number.
        let code = unsafe {
            unwrap_key(
                session.handle(),
                &raw mut mechanism,
                kek.handle(),
                wrapped.as_ptr().cast_mut(),
                bytes,
                attributes.as_mut_ptr(),
                count,
                &raw mut handle,
            )
        };
        Rv::from(code).into_result(Function::UnwrapKey)?;
        // SAFETY: the module has just given this number as the handle of a new object.
        Ok(unsafe { ObjectHandle::new_from_raw(handle) })
    }
}

/// A mechanism without a parameter.
fn bare(mechanism: CK_MECHANISM_TYPE) -> CK_MECHANISM {
    CK_MECHANISM { mechanism, pParameter: ptr::null_mut(), ulParameterLen: 0 }
}
