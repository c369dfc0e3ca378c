//! Making RSA pairs for `GetParametersForImport`.

use cryptoki::mechanism::{Mechanism, MechanismType};
use cryptoki::object::ObjectClass;
use kms_core::HsmError;
use kms_core::hsm::{Claim, TokenObject, WrappedMaterial};
use kms_core::kdf::hmac_sha256;
use kms_core::key_spec::WrappingKeySpec;
use kms_core::material_id::fingerprint_input;
use kms_core::wrapping::WrappingAlgorithm;
use rsa::PublicKey;
use sha1::Sha1;
use sha2::Sha256;

use super::public_key;
use super::session_object::SessionObject;
use crate::capabilities::RsaUnwrap;
use crate::error::unavailable;
use crate::mechanism::{OaepHash, scheme_of};
use crate::session::Connection;
use crate::template::{self, Usage};
use crate::token::Token;
use crate::torn;

/// What a new pair must unwrap; it is no secret.
const PROOF: [u8; 32] = [0x5a; 32];

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
        let public = if self.quirks.rsa_pairs_by_copy {
            self.generate_then_copy(&session, object, bits, path, claim)?
        } else {
            self.generate_in_place(&session, object, bits, path, claim)?
        };
        drop(session);
        self.prove_pair(object, spec, algorithm, &public)?;
        public_key::to_der(&public)
    }

    /// Uses the pair once, found anew in the token: on a full disk SoftHSM answers `CKR_OK` to `C_CopyObject` and leaves
    /// an object file with nothing in it.
    fn prove_pair(
        &self,
        object: &TokenObject,
        spec: WrappingKeySpec,
        algorithm: WrappingAlgorithm,
        public: &PublicKey,
    ) -> Result<(), HsmError> {
        let broken = |why: String| HsmError::Unavailable(format!("a new wrapping pair: {why}"));
        let scheme = scheme_of(algorithm).ok_or(HsmError::Unsupported("this wrapping algorithm"))?;
        // What KWP adds needs nothing of the pair.
        let (algorithm, encrypted) = match scheme.hash {
            OaepHash::Sha1 => (WrappingAlgorithm::RsaesOaepSha1, public.oaep_encrypt::<Sha1>(&PROOF)),
            OaepHash::Sha256 => (WrappingAlgorithm::RsaesOaepSha256, public.oaep_encrypt::<Sha256>(&PROOF)),
        };
        let encrypted = encrypted.map_err(|error| broken(error.to_string()))?;
        self.handles.forget(object.id);
        let wrapped = WrappedMaterial { pair: object, spec, algorithm, encrypted: &encrypted };
        match self.probe(&wrapped, &fingerprint_input()) {
            Ok(mac) if *mac.expose() == hmac_sha256(&PROOF, &[&fingerprint_input()]) => Ok(()),
            Ok(_) => Err(broken("it unwraps something else".to_owned())),
            Err(HsmError::TokenUnknown) => Err(HsmError::TokenUnknown),
            Err(error) => Err(broken(error.to_string())),
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
    ) -> Result<PublicKey, HsmError> {
        let (usage, mechanism) = powers(path);
        let _session_objects = torn::session_objects();
        let pair = session.generate_key_pair(
            &Mechanism::RsaPkcsKeyPairGen,
            &template::public_rsa(bits),
            &template::private_rsa(object, usage, mechanism, false),
        );
        let (public, private) = pair.map_err(unavailable)?;
        let public = SessionObject::adopt(session, public);
        let private = SessionObject::adopt(session, private);
        let key = public_key::read(session, public.handle())?;
        self.make_object(session, object, ObjectClass::PRIVATE_KEY, claim, |session| {
            session.copy_object(private.handle(), &template::copied_rsa())
        })?;
        Ok(key)
    }

    /// Where a copy would lose attributes: straight into the token, under the lock.
    fn generate_in_place(
        &self,
        session: &Connection,
        object: &TokenObject,
        bits: u64,
        path: RsaUnwrap,
        claim: Claim<'_>,
    ) -> Result<PublicKey, HsmError> {
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
        public_key::read(session, public.handle())
    }
}

fn powers(path: RsaUnwrap) -> (Usage, MechanismType) {
    match path {
        RsaUnwrap::InToken => (Usage::Unwrap, MechanismType::RSA_PKCS_OAEP),
        RsaUnwrap::RawDecryption => (Usage::Decrypt, MechanismType::RSA_X_509),
    }
}
