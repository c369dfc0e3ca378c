//! RSAES_OAEP decryption: by the token where it knows the hash, else raw RSA and the padding removed here.

use cryptoki::error::Result;
use cryptoki::mechanism::Mechanism;
use cryptoki::object::{ObjectClass, ObjectHandle};
use cryptoki::session::Session;
use kms_core::HsmError;
use kms_core::algorithm::EncryptionAlgorithm;
use kms_core::hsm::TokenObject;
use kms_core::secret::SecretBytes;
use zeroize::Zeroizing;

use crate::capabilities::RsaUnwrap;
use crate::error::refuses_wrapped_bytes;
use crate::mechanism::OaepHash;
use crate::token::Token;
use crate::wrapping::oaep;

impl Token {
    /// See [`kms_core::Hsm::decrypt`].
    pub(crate) fn decrypt_with(
        &self,
        object: &TokenObject,
        algorithm: EncryptionAlgorithm,
        ciphertext: &[u8],
    ) -> std::result::Result<SecretBytes, HsmError> {
        const UNSUPPORTED: HsmError = HsmError::Unsupported("this encryption algorithm");
        let hash = OaepHash::of(algorithm).ok_or(UNSUPPORTED)?;
        let path = self.capabilities.oaep(hash).ok_or(UNSUPPORTED)?;
        self.with_object(object, ObjectClass::PRIVATE_KEY, |session, handle| {
            match decrypt(session, handle, hash, path, ciphertext)? {
                Some(plaintext) => Ok(plaintext),
                None => Err(self.refused(session, (object, handle), HsmError::BadCiphertext)),
            }
        })
    }
}

/// The plaintext, or nothing for a ciphertext that is none. `C_DecryptInit`, `C_Decrypt`.
///
/// # Errors
/// Return codes that speak of the token and not of the ciphertext.
pub(crate) fn decrypt(
    session: &Session,
    key: ObjectHandle,
    hash: OaepHash,
    path: RsaUnwrap,
    ciphertext: &[u8],
) -> Result<Option<SecretBytes>> {
    let mechanism = match path {
        RsaUnwrap::InToken => hash.mechanism(),
        RsaUnwrap::RawDecryption => Mechanism::RsaX509,
    };
    let decrypted = match session.decrypt(&mechanism, key, ciphertext) {
        Ok(decrypted) => Zeroizing::new(decrypted),
        Err(error) if refuses_wrapped_bytes(&error) => return Ok(None),
        Err(error) => return Err(error),
    };
    match path {
        RsaUnwrap::InToken => Ok(Some(SecretBytes::new(decrypted.to_vec()))),
        RsaUnwrap::RawDecryption => {
            let Some(mut encoded) = oaep::left_pad(&decrypted, ciphertext.len()) else { return Ok(None) };
            Ok(oaep::decode_message(hash, &mut encoded).map(SecretBytes::new))
        }
    }
}
