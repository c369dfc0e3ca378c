//! Signatures and MACs by the token.

use cryptoki::error::Result;
use cryptoki::mechanism::eddsa::{EddsaParams, EddsaSignatureScheme};
use cryptoki::mechanism::rsa::{PkcsMgfType, PkcsPssParams};
use cryptoki::mechanism::{Mechanism, MechanismType};
use cryptoki::object::{ObjectClass, ObjectHandle};
use cryptoki::session::Session;
use der::Encode;
use der::asn1::UintRef;
use kms_core::HsmError;
use kms_core::algorithm::{MacAlgorithm, SigningAlgorithm};
use kms_core::hsm::TokenObject;
use kms_core::secret::SecretBytes;

use crate::lattice::ml_dsa;
use crate::token::Token;

/// What stands before the digest in a DigestInfo (RFC 8017 9.2, note 1).
const SHA256_INFO: [u8; 19] = info(0x31, 0x01, 0x20);
const SHA384_INFO: [u8; 19] = info(0x41, 0x02, 0x30);
const SHA512_INFO: [u8; 19] = info(0x51, 0x03, 0x40);

impl Token {
    /// See [`kms_core::Hsm::hmac`].
    pub(crate) fn hmac_with(
        &self,
        object: &TokenObject,
        algorithm: MacAlgorithm,
        message: &[u8],
    ) -> std::result::Result<SecretBytes, HsmError> {
        self.with_object(object, ObjectClass::SECRET_KEY, |session, handle| {
            Ok(hmac(session, handle, algorithm, message)?)
        })
    }

    /// See [`kms_core::Hsm::sign`].
    pub(crate) fn sign_with(
        &self,
        object: &TokenObject,
        algorithm: SigningAlgorithm,
        input: &[u8],
    ) -> std::result::Result<Vec<u8>, HsmError> {
        if !self.capabilities.signs(algorithm) {
            return Err(HsmError::Unsupported("this signing algorithm"));
        }
        if algorithm.digest_bytes().is_some_and(|length| length != input.len()) {
            return Err(HsmError::BadInput("a digest of another length than the algorithm's"));
        }
        let signature = self.with_object(object, ObjectClass::PRIVATE_KEY, |session, handle| {
            Ok(sign(session, handle, algorithm, input)?)
        })?;
        if is_ecdsa(algorithm) { to_der(&signature) } else { Ok(signature) }
    }
}

/// The HMAC of a message. `C_SignInit`, `C_Sign`.
///
/// # Errors
/// The return code of the call that failed.
pub(crate) fn hmac(
    session: &Session,
    key: ObjectHandle,
    algorithm: MacAlgorithm,
    message: &[u8],
) -> Result<SecretBytes> {
    let mechanism = match algorithm {
        MacAlgorithm::HmacSha224 => Mechanism::Sha224Hmac,
        MacAlgorithm::HmacSha256 => Mechanism::Sha256Hmac,
        MacAlgorithm::HmacSha384 => Mechanism::Sha384Hmac,
        MacAlgorithm::HmacSha512 => Mechanism::Sha512Hmac,
    };
    session.sign(&mechanism, key, message).map(SecretBytes::new)
}

/// The signature as the token gives it: that of ECDSA is `r || s`. `C_SignInit`, `C_Sign`.
///
/// # Errors
/// The return code of the call that failed; [`cryptoki::error::Error::NotSupported`] for algorithms of no token here.
pub(crate) fn sign(session: &Session, key: ObjectHandle, algorithm: SigningAlgorithm, input: &[u8]) -> Result<Vec<u8>> {
    use SigningAlgorithm as A;
    let pkcs1 = |info: &[u8]| session.sign(&Mechanism::RsaPkcs, key, &[info, input].concat());
    let mechanism = match algorithm {
        A::RsassaPkcs1V15Sha256 => return pkcs1(&SHA256_INFO),
        A::RsassaPkcs1V15Sha384 => return pkcs1(&SHA384_INFO),
        A::RsassaPkcs1V15Sha512 => return pkcs1(&SHA512_INFO),
        A::RsassaPssSha256 => pss(MechanismType::SHA256, PkcsMgfType::MGF1_SHA256, 32),
        A::RsassaPssSha384 => pss(MechanismType::SHA384, PkcsMgfType::MGF1_SHA384, 48),
        A::RsassaPssSha512 => pss(MechanismType::SHA512, PkcsMgfType::MGF1_SHA512, 64),
        A::EcdsaSha256 | A::EcdsaSha384 | A::EcdsaSha512 => Mechanism::Ecdsa,
        A::Ed25519Sha512 => Mechanism::Eddsa(EddsaParams::new(EddsaSignatureScheme::Ed25519)),
        A::Ed25519PhSha512 => Mechanism::Eddsa(EddsaParams::new(EddsaSignatureScheme::Ed25519ph(&[]))),
        A::MlDsaShake256 => ml_dsa(),
        A::Sm2Dsa => return Err(cryptoki::error::Error::NotSupported),
    };
    session.sign(&mechanism, key, input)
}

/// Whether the token gives `r || s` where KMS gives DER.
pub(crate) const fn is_ecdsa(algorithm: SigningAlgorithm) -> bool {
    use SigningAlgorithm::{EcdsaSha256, EcdsaSha384, EcdsaSha512};
    matches!(algorithm, EcdsaSha256 | EcdsaSha384 | EcdsaSha512)
}

/// `SEQUENCE { r INTEGER, s INTEGER }` of `r || s` (RFC 3279 2.2.3).
fn to_der(signature: &[u8]) -> std::result::Result<Vec<u8>, HsmError> {
    let (r, s) = signature.split_at(signature.len() / 2);
    let encode = || [UintRef::new(r)?, UintRef::new(s)?].to_der();
    let encoded = if r.len() == s.len() && !r.is_empty() { encode().ok() } else { None };
    encoded.ok_or_else(|| HsmError::Unavailable("C_Sign: an ECDSA signature of a strange form".to_owned()))
}

/// PSS with a salt as long as the hash (key-specs.md 3).
fn pss(hash: MechanismType, mask: PkcsMgfType, salt_bytes: u64) -> Mechanism<'static> {
    Mechanism::RsaPkcsPss(PkcsPssParams { hash_alg: hash, mgf: mask, s_len: salt_bytes.into() })
}

const fn info(length: u8, hash: u8, digest_bytes: u8) -> [u8; 19] {
    [
        0x30,
        length,
        0x30,
        0x0d,
        0x06,
        0x09,
        0x60,
        0x86,
        0x48,
        0x01,
        0x65,
        0x03,
        0x04,
        0x02,
        hash,
        0x05,
        0x00,
        0x04,
        digest_bytes,
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_of_curves_are_der_with_numbers_that_stay_positive() {
        assert_eq!(to_der(&[0, 1, 0x80, 2]).unwrap(), [0x30, 8, 2, 1, 1, 2, 3, 0, 0x80, 2]);
        let long = to_der(&[0xff; 132]).unwrap();
        assert_eq!((&long[..3], long.len()), (&[0x30, 0x81, 138][..], 141));
        to_der(&[]).unwrap_err();
        to_der(&[1, 2, 3]).unwrap_err();
    }
}
