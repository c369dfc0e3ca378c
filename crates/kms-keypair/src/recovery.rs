//! The public point of a private EC key that only signs: how an imported key without `CKA_EC_POINT` gives its public key.
//! Source: cryptography.md 2, SEC 1 4.1.6.

use ecdsa::elliptic_curve::point::DecompressPoint;
use ecdsa::elliptic_curve::sec1::{FromSec1Point, ModulusSize, ToSec1Point};
use ecdsa::elliptic_curve::{AffinePoint, CurveArithmetic, FieldBytesSize};
use ecdsa::{EcdsaCurve, RecoveryId, Signature, SignatureSize, VerifyingKey};

use crate::curve::EcCurve;
use crate::public_key::PublicKey;

/// A digest, and the signature `r || s` over it that the token gave.
pub type DigestAndSignature<'a> = (&'a [u8], &'a [u8]);

/// The one public key under which both signatures verify. Two different digests must be signed: a single signature has two
/// candidates, or four where `r` is small.
///
/// None if no key or more than one fits, or if a signature does not verify under what was found: then the token did not sign
/// with ECDSA over this curve, and the key is not to be used.
pub fn ecdsa_recover_point(
    curve: EcCurve,
    first: DigestAndSignature<'_>,
    second: DigestAndSignature<'_>,
) -> Option<PublicKey> {
    let others = recovery_candidates(curve, second);
    let mut points = recovery_candidates(curve, first).into_iter().filter(|point| others.contains(point));
    let point = points.next().filter(|_| first.0 != second.0)?;
    if points.any(|other| other != point) {
        return None;
    }
    PublicKey::from_raw(curve.key_spec(), &point).ok()
}

/// Every uncompressed point under which the signature over the digest verifies: up to four, none for a bad signature.
pub fn recovery_candidates(curve: EcCurve, signed: DigestAndSignature<'_>) -> Vec<Vec<u8>> {
    match curve {
        EcCurve::P256 => candidates::<p256::NistP256>(signed),
        EcCurve::P384 => candidates::<p384::NistP384>(signed),
        EcCurve::P521 => candidates::<p521::NistP521>(signed),
        EcCurve::Secp256k1 => candidates::<k256::Secp256k1>(signed),
    }
}

fn candidates<C>((digest, signature): DigestAndSignature<'_>) -> Vec<Vec<u8>>
where
    C: EcdsaCurve + CurveArithmetic,
    AffinePoint<C>: DecompressPoint<C> + FromSec1Point<C> + ToSec1Point<C>,
    FieldBytesSize<C>: ModulusSize,
    SignatureSize<C>: ecdsa::elliptic_curve::array::ArraySize,
{
    let Ok(signature) = Signature::<C>::from_slice(signature) else { return Vec::new() };
    (0..=RecoveryId::MAX)
        .filter_map(RecoveryId::from_byte)
        .filter_map(|id| VerifyingKey::<C>::recover_from_prehash(digest, &signature, id).ok())
        .map(|key| key.to_sec1_point(false).as_bytes().to_vec())
        .collect()
}
