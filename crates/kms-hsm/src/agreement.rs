//! ECDH by the token: the secret is a session object that is read once and destroyed in the same call.

use cryptoki::error::{Error, Result};
use cryptoki::mechanism::Mechanism;
use cryptoki::mechanism::elliptic_curve::{EcKdf, Ecdh1DeriveParams};
use cryptoki::object::{Attribute, AttributeType, ObjectClass, ObjectHandle};
use cryptoki::session::Session;
use kms_core::HsmError;
use kms_core::hsm::TokenObject;
use kms_core::key_spec::KeySpec;
use kms_core::secret::SecretBytes;

use crate::curve::{Curve, curve_of};
use crate::error::refuses_wrapped_bytes;
use crate::outside;
use crate::template;
use crate::token::Token;
use crate::torn;
use crate::wrapping::session_object::SessionObject;

impl Token {
    /// See [`kms_core::Hsm::derive_shared_secret`].
    pub(crate) fn agree_with(
        &self,
        object: &TokenObject,
        spec: KeySpec,
        peer: &[u8],
    ) -> std::result::Result<SecretBytes, HsmError> {
        const BAD_POINT: HsmError = HsmError::BadInput("a point that is not on the curve of the key");
        let curve = curve_of(spec).filter(|_| self.capabilities.agreements.contains(&spec));
        let curve = curve.ok_or(HsmError::Unsupported("key agreement with this key spec"))?;
        // The token checks the point too; that is not left to it alone (cryptography.md 7).
        if !outside::is_on_curve(spec, peer) {
            return Err(BAD_POINT);
        }
        let _session_objects = torn::session_objects();
        self.with_object(object, ObjectClass::PRIVATE_KEY, |session, handle| {
            match agree(session, handle, curve, peer) {
                Err(error) if refuses_wrapped_bytes(&error) => Err(self.refused(session, (object, handle), BAD_POINT)),
                other => Ok(other?),
            }
        })
    }
}

/// The x coordinate of the product. `C_DeriveKey`, `C_GetAttributeValue`, `C_DestroyObject`.
///
/// # Errors
/// The return code of the call that failed; [`Error::InvalidValue`] if the secret has another length than the curve's.
pub(crate) fn agree(session: &Session, key: ObjectHandle, curve: &Curve, peer: &[u8]) -> Result<SecretBytes> {
    let mechanism = Mechanism::Ecdh1Derive(Ecdh1DeriveParams::new(EcKdf::null(), peer));
    let template = template::shared_secret(curve.coordinate_bytes());
    let secret = SessionObject::adopt(session, session.derive_key(&mechanism, key, template.attributes())?);
    let attributes = session.get_attributes(secret.handle(), &[AttributeType::Value])?;
    let value = attributes.into_iter().find_map(|attribute| match attribute {
        Attribute::Value(value) => Some(SecretBytes::new(value)),
        _ => None,
    });
    value.filter(|value| value.len() == curve.coordinate_bytes()).ok_or(Error::InvalidValue)
}
