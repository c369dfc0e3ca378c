//! Making RSA pairs for `GetParametersForImport`.

use cryptoki::mechanism::{Mechanism, MechanismType};
use cryptoki::object::ObjectClass;
use kms_core::HsmError;
use kms_core::hsm::{Claim, TokenObject};
use kms_core::key_spec::WrappingKeySpec;
use kms_core::wrapping::WrappingAlgorithm;

use super::public_key;
use super::session_object::SessionObject;
use crate::capabilities::RsaUnwrap;
use crate::error::unavailable;
use crate::session::Connection;
use crate::template::{self, Usage};
use crate::token::Token;

impl Token {
    /// See [`kms_core::Hsm::generate_wrapping_pair`]. One pair serves one way of unwrapping (cryptography.md 3.4).
    pub(crate) fn make_wrapping_pair(
        &self,
        object: &TokenObject,
        spec: WrappingKeySpec,
        algorithm: WrappingAlgorithm,
        claim: Claim<'_>,
    ) -> Result<Vec<u8>, HsmError> {
        let path = self.capabilities.unwrap_path(algorithm).ok_or(HsmError::Unsupported("this wrapping algorithm"))?;
        let bits = match spec {
            WrappingKeySpec::Rsa2048 => 2048,
            WrappingKeySpec::Rsa3072 => 3072,
            WrappingKeySpec::Rsa4096 => 4096,
            WrappingKeySpec::Sm2 => return Err(HsmError::Unsupported("SM2 wrapping keys")),
        };
        let session = self.ready_session()?;
        if self.quirks.rsa_pairs_by_copy {
            self.generate_then_copy(&session, object, bits, path, claim)
        } else {
            self.generate_in_place(&session, object, bits, path, claim)
        }
    }

    /// Session objects outside the lock, then the private half copied in under it.
    fn generate_then_copy(
        &self,
        session: &Connection,
        object: &TokenObject,
        bits: u64,
        path: RsaUnwrap,
        claim: Claim<'_>,
    ) -> Result<Vec<u8>, HsmError> {
        let (usage, mechanism) = powers(path);
        let pair = session.generate_key_pair(
            &Mechanism::RsaPkcsKeyPairGen,
            &template::public_rsa(bits),
            &template::private_rsa(object, usage, mechanism, false),
        );
        let (public, private) = pair.map_err(unavailable)?;
        let public = SessionObject::adopt(session, public);
        let private = SessionObject::adopt(session, private);
        let der = public_key::to_der(&public_key::read(session, public.handle())?)?;
        self.make_object(session, object, ObjectClass::PRIVATE_KEY, claim, |session| {
            session.copy_object(private.handle(), &template::copied_rsa())
        })?;
        Ok(der)
    }

    /// Where a copy would lose attributes: straight into the token, under the lock.
    fn generate_in_place(
        &self,
        session: &Connection,
        object: &TokenObject,
        bits: u64,
        path: RsaUnwrap,
        claim: Claim<'_>,
    ) -> Result<Vec<u8>, HsmError> {
        let (usage, mechanism) = powers(path);
        let mut public = None;
        self.make_object(session, object, ObjectClass::PRIVATE_KEY, claim, |session| {
            let (public_handle, private) = session.generate_key_pair(
                &Mechanism::RsaPkcsKeyPairGen,
                &template::public_rsa(bits),
                &template::private_rsa(object, usage, mechanism, true),
            )?;
            public = Some(public_handle);
            Ok(private)
        })?;
        let public = public.ok_or_else(|| HsmError::Unavailable("C_GenerateKeyPair: no public half".to_owned()))?;
        let public = SessionObject::adopt(session, public);
        public_key::to_der(&public_key::read(session, public.handle())?)
    }
}

fn powers(path: RsaUnwrap) -> (Usage, MechanismType) {
    match path {
        RsaUnwrap::InToken => (Usage::Unwrap, MechanismType::RSA_PKCS_OAEP),
        RsaUnwrap::RawDecryption => (Usage::Decrypt, MechanismType::RSA_X_509),
    }
}
