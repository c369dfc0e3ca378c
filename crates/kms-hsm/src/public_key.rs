//! Public halves: read from the token, given to clients as DER SubjectPublicKeyInfo.

use cryptoki::object::{Attribute, AttributeType, ObjectHandle};
use cryptoki::session::Session;
use kms_core::HsmError;
use kms_core::key_spec::KeySpec;
use rsa::pkcs8::EncodePublicKey;
use rsa::{BoxedUint, PublicKey};

use crate::curve::Curve;
use crate::error::unavailable;

/// What kind of numbers a public key has.
#[derive(Clone, Copy)]
pub(crate) enum Family {
    Rsa,
    Curve(&'static Curve),
    Lattice(KeySpec),
}

/// Reads the public half of a pair.
///
/// # Errors
/// [`HsmError::Unavailable`] if the token gives no usable one.
pub(crate) fn read(session: &Session, key: ObjectHandle, family: Family) -> Result<Vec<u8>, HsmError> {
    match family {
        Family::Rsa => to_der(&read_rsa(session, key)?),
        Family::Curve(curve) => {
            let attributes = session.get_attributes(key, &[AttributeType::EcPoint]).map_err(unavailable)?;
            let point = attributes.iter().find_map(|attribute| match attribute {
                Attribute::EcPoint(point) => curve.point_in(point),
                _ => None,
            });
            let point =
                point.ok_or_else(|| HsmError::Unavailable("C_GetAttributeValue: no usable point".to_owned()))?;
            Ok(curve.to_der(point))
        }
        Family::Lattice(spec) => {
            let attributes = session.get_attributes(key, &[AttributeType::Value]).map_err(unavailable)?;
            let public = attributes.iter().find_map(|attribute| match attribute {
                Attribute::Value(raw) => kms_keypair::PublicKey::from_raw(spec, raw).ok(),
                _ => None,
            });
            let unusable = || HsmError::Unavailable("C_GetAttributeValue: no usable public key".to_owned());
            Ok(public.ok_or_else(unusable)?.spki().to_vec())
        }
    }
}

/// Reads modulus and public exponent of an RSA key, public or private.
///
/// # Errors
/// [`HsmError::Unavailable`] if the token gives none or they are no RSA key.
pub(crate) fn read_rsa(session: &Session, key: ObjectHandle) -> Result<PublicKey, HsmError> {
    let attributes =
        session.get_attributes(key, &[AttributeType::Modulus, AttributeType::PublicExponent]).map_err(unavailable)?;
    let (mut modulus, mut exponent) = (None, None);
    for attribute in attributes {
        match attribute {
            Attribute::Modulus(bytes) => modulus = Some(BoxedUint::from_be_slice_vartime(&bytes)),
            Attribute::PublicExponent(bytes) => exponent = Some(BoxedUint::from_be_slice_vartime(&bytes)),
            _ => {}
        }
    }
    modulus
        .zip(exponent)
        .and_then(|(modulus, exponent)| PublicKey::new(modulus, exponent).ok())
        .ok_or_else(|| HsmError::Unavailable("C_GetAttributeValue: no usable RSA public key".to_owned()))
}

/// DER SubjectPublicKeyInfo.
///
/// # Errors
/// [`HsmError::Unavailable`] if it cannot be encoded.
pub(crate) fn to_der(key: &PublicKey) -> Result<Vec<u8>, HsmError> {
    let document = key.to_public_key_der();
    Ok(document.map_err(|error| HsmError::Unavailable(format!("the RSA public key: {error}")))?.into_vec())
}
