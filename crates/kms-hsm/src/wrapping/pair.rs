//! Making RSA pairs for `GetParametersForImport`.

use cryptoki::mechanism::MechanismType;
use kms_core::HsmError;
use kms_core::hsm::{Claim, Identity, KeyKind, TokenObject, WrappedMaterial};
use kms_core::kdf::hmac_sha256;
use kms_core::key_spec::WrappingKeySpec;
use kms_core::material_id::fingerprint_input;
use kms_core::wrapping::WrappingAlgorithm;
use rsa::PublicKey;
use rsa::pkcs8::DecodePublicKey;
use sha1::Sha1;
use sha2::Sha256;

use crate::capabilities::RsaUnwrap;
use crate::key_form::Powers;
use crate::mechanism::{OaepHash, scheme_of};
use crate::pair::Plan;
use crate::template::Usage;
use crate::token::Token;

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
        let powers = powers(path);
        let der = self.make_pair(&Plan::rsa(object, &powers, bits, self.quirks.rsa_pairs_by_copy), claim)?;
        let public = PublicKey::from_public_key_der(&der)
            .map_err(|error| HsmError::Unavailable(format!("the public half of a new wrapping pair: {error}")))?;
        self.prove_wrapping_pair(object, spec, algorithm, &public)?;
        Ok(der)
    }

    /// Uses the pair once, found anew in the token: on a full disk SoftHSM answers `CKR_OK` to `C_CopyObject` and leaves
    /// an object file with nothing in it.
    fn prove_wrapping_pair(
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
        match self.probe(&wrapped, KeyKind::SYMMETRIC) {
            Ok(Identity::Mac(mac)) if mac.expose() == hmac_sha256(&PROOF, &[&fingerprint_input()]) => Ok(()),
            Ok(_) => Err(broken("it unwraps something else".to_owned())),
            Err(HsmError::TokenUnknown) => Err(HsmError::TokenUnknown),
            Err(error) => Err(broken(error.to_string())),
        }
    }
}

fn powers(path: RsaUnwrap) -> Powers {
    match path {
        RsaUnwrap::InToken => Powers { usage: Usage::Unwrap, allowed: vec![MechanismType::RSA_PKCS_OAEP] },
        RsaUnwrap::RawDecryption => Powers { usage: Usage::Decrypt, allowed: vec![MechanismType::RSA_X_509] },
    }
}
