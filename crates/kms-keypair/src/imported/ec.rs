//! EC private keys (RFC 5915) and Ed25519 seeds (RFC 8410).

use ecdsa::elliptic_curve::sec1::{FromSec1Point, ModulusSize, ToSec1Point};
use ecdsa::elliptic_curve::{AffinePoint, CurveArithmetic, FieldBytesSize, SecretKey};
use kms_core::key_spec::KeySpec;
use pkcs8::PrivateKeyInfoRef;
use pkcs8::der::Decode;
use pkcs8::der::asn1::{ObjectIdentifier, OctetStringRef};
use sec1::EcPrivateKey;
use zeroize::Zeroizing;

use super::{BadPrivateKey, ImportedPair, PrivateKeyParts};
use crate::curve::EcCurve;
use crate::public_key::PublicKey;

/// id-ecPublicKey, RFC 5480 2.1.1.
const EC_PUBLIC_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
/// id-Ed25519, RFC 8410 3.
const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");

pub(super) fn parse(curve: EcCurve, info: &PrivateKeyInfoRef<'_>) -> Result<ImportedPair, BadPrivateKey> {
    info.algorithm.assert_oids(EC_PUBLIC_KEY, curve.oid()).map_err(|_| BadPrivateKey)?;
    let key = EcPrivateKey::from_der(info.private_key.as_bytes()).map_err(|_| BadPrivateKey)?;
    if key.parameters.is_some_and(|inner| inner.named_curve() != Some(curve.oid())) {
        return Err(BadPrivateKey);
    }
    // RFC 5915 3: as many bytes as the order has, which for these four curves is the length of the field.
    if key.private_key.len() != curve.field_bytes() {
        return Err(BadPrivateKey);
    }
    let point = point(curve, key.private_key).ok_or(BadPrivateKey)?;
    if key.public_key.is_some_and(|inner| inner != point) {
        return Err(BadPrivateKey);
    }
    let public_key = PublicKey::from_raw(curve.key_spec(), &point).map_err(|_| BadPrivateKey)?;
    let scalar = Zeroizing::new(key.private_key.to_vec());
    Ok(ImportedPair { public_key, parts: PrivateKeyParts::Ec { curve, scalar } })
}

pub(super) fn parse_ed25519(info: &PrivateKeyInfoRef<'_>) -> Result<ImportedPair, BadPrivateKey> {
    if info.algorithm.oid != ED25519 || info.algorithm.parameters.is_some() {
        return Err(BadPrivateKey);
    }
    let inner = <&OctetStringRef>::from_der(info.private_key.as_bytes()).map_err(|_| BadPrivateKey)?;
    let seed = <&[u8; 32]>::try_from(inner.as_bytes()).map_err(|_| BadPrivateKey)?;
    let point = ed25519_dalek::SigningKey::from_bytes(seed).verifying_key().to_bytes();
    let public_key = PublicKey::from_raw(KeySpec::EccNistEdwards25519, &point).map_err(|_| BadPrivateKey)?;
    Ok(ImportedPair { public_key, parts: PrivateKeyParts::Ed25519 { seed: Zeroizing::new(seed.to_vec()) } })
}

/// The uncompressed point of a scalar; none unless it is in 1..n.
fn point(curve: EcCurve, scalar: &[u8]) -> Option<Vec<u8>> {
    match curve {
        EcCurve::P256 => point_of::<p256::NistP256>(scalar),
        EcCurve::P384 => point_of::<p384::NistP384>(scalar),
        EcCurve::P521 => point_of::<p521::NistP521>(scalar),
        EcCurve::Secp256k1 => point_of::<k256::Secp256k1>(scalar),
    }
}

/// In constant time; the library wipes its copy of the scalar.
fn point_of<C>(scalar: &[u8]) -> Option<Vec<u8>>
where
    C: CurveArithmetic,
    AffinePoint<C>: FromSec1Point<C> + ToSec1Point<C>,
    FieldBytesSize<C>: ModulusSize,
{
    let key = SecretKey::<C>::from_slice(scalar).ok()?;
    Some(key.public_key().to_sec1_point(false).as_bytes().to_vec())
}
