//! ML-KEM by the token: the secret is a session object that is read once and destroyed in the same call.

use cryptoki::error::{Error, Result};
use cryptoki::mechanism::Mechanism;
use cryptoki::object::{Attribute, AttributeType, ObjectClass, ObjectHandle};
use cryptoki::session::Session;
use kms_core::HsmError;
use kms_core::hsm::TokenObject;
use kms_core::key_spec::KeySpec;
use kms_core::secret::SecretBytes;
use kms_keypair::kem_sizes;

use crate::template;
use crate::token::Token;
use crate::torn;
use crate::wrapping::session_object::SessionObject;

/// Length of every shared secret of ML-KEM (FIPS 203, table 3).
const SECRET_BYTES: usize = 32;

impl Token {
    /// See [`kms_core::Hsm::decapsulate`].
    pub(crate) fn decapsulate_with(
        &self,
        object: &TokenObject,
        spec: KeySpec,
        ciphertext: &[u8],
    ) -> std::result::Result<SecretBytes, HsmError> {
        let sizes = kem_sizes(spec).filter(|_| self.capabilities.decapsulations.contains(&spec));
        let sizes = sizes.ok_or(HsmError::Unsupported("decapsulation with this key spec"))?;
        if ciphertext.len() != sizes.ciphertext {
            return Err(HsmError::BadCiphertext);
        }
        let _session_objects = torn::session_objects();
        self.with_object(object, ObjectClass::PRIVATE_KEY, |session, handle| {
            Ok(decapsulate(session, handle, ciphertext)?)
        })
    }
}

/// The shared secret. `C_DecapsulateKey`, `C_GetAttributeValue`, `C_DestroyObject`.
///
/// # Errors
/// The return code of the call that failed; [`Error::InvalidValue`] if the secret is not 32 bytes long.
pub(crate) fn decapsulate(session: &Session, key: ObjectHandle, ciphertext: &[u8]) -> Result<SecretBytes> {
    let template = template::exposed_secret();
    let secret = session.decapsulate_key(&Mechanism::MlKem, key, template.attributes(), ciphertext)?;
    let secret = SessionObject::adopt(session, secret);
    let attributes = session.get_attributes(secret.handle(), &[AttributeType::Value])?;
    let value = attributes.into_iter().find_map(|attribute| match attribute {
        Attribute::Value(value) => Some(SecretBytes::new(value)),
        _ => None,
    });
    value.filter(|value| value.len() == SECRET_BYTES).ok_or(Error::InvalidValue)
}
