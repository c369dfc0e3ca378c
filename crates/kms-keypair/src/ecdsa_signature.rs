//! ECDSA signatures as tokens give them (`r || s`, PKCS#11 2.3.1) and as KMS gives them (DER, RFC 3279 2.2.3).

use ecdsa::Signature;

use crate::BadEcdsaSignature;
use crate::curve::EcCurve;

/// The DER of `r || s`, two numbers of the curve's field length each. A high `s` stays one (key-specs.md 3).
///
/// # Errors
/// [`BadEcdsaSignature`] for another length, and for an `r` or `s` of zero or not below the order of the curve.
pub fn ecdsa_to_der(curve: EcCurve, raw: &[u8]) -> Result<Vec<u8>, BadEcdsaSignature> {
    let der = match curve {
        EcCurve::P256 => {
            Signature::<p256::NistP256>::from_slice(raw).map(|signature| signature.to_der().as_bytes().into())
        }
        EcCurve::P384 => {
            Signature::<p384::NistP384>::from_slice(raw).map(|signature| signature.to_der().as_bytes().into())
        }
        EcCurve::P521 => {
            Signature::<p521::NistP521>::from_slice(raw).map(|signature| signature.to_der().as_bytes().into())
        }
        EcCurve::Secp256k1 => {
            Signature::<k256::Secp256k1>::from_slice(raw).map(|signature| signature.to_der().as_bytes().into())
        }
    };
    der.map_err(|_| BadEcdsaSignature)
}

/// `r || s` of a DER signature. Strict: one encoding, nothing after it.
///
/// # Errors
/// [`BadEcdsaSignature`], as [`ecdsa_to_der`], and for what is not DER.
pub fn ecdsa_from_der(curve: EcCurve, der: &[u8]) -> Result<Vec<u8>, BadEcdsaSignature> {
    let raw = match curve {
        EcCurve::P256 => Signature::<p256::NistP256>::from_der(der).map(|signature| signature.to_bytes().to_vec()),
        EcCurve::P384 => Signature::<p384::NistP384>::from_der(der).map(|signature| signature.to_bytes().to_vec()),
        EcCurve::P521 => Signature::<p521::NistP521>::from_der(der).map(|signature| signature.to_bytes().to_vec()),
        EcCurve::Secp256k1 => {
            Signature::<k256::Secp256k1>::from_der(der).map(|signature| signature.to_bytes().to_vec())
        }
    };
    raw.map_err(|_| BadEcdsaSignature)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_longest_signatures_are_as_long_as_the_table_says() {
        for (curve, longest) in
            [(EcCurve::P256, 72), (EcCurve::Secp256k1, 72), (EcCurve::P384, 104), (EcCurve::P521, 139)]
        {
            let mut number = vec![0xff; curve.field_bytes()];
            number[0] = if curve == EcCurve::P521 { 0x01 } else { 0xff };
            number[1..20].fill(0x7f);
            if curve != EcCurve::P521 {
                number[0] = 0x80;
            }
            let raw = [number.as_slice(), &number].concat();
            assert_eq!(ecdsa_to_der(curve, &raw).unwrap().len(), longest, "{curve:?}");
        }
    }

    #[test]
    fn zero_the_order_and_other_lengths_are_refused() {
        for curve in EcCurve::ALL {
            let bytes = curve.field_bytes();
            let one = [vec![0; bytes - 1], vec![1]].concat();
            assert!(ecdsa_to_der(curve, &[one.clone(), one.clone()].concat()).is_ok());
            for bad in [vec![0; bytes], vec![0xff; bytes]] {
                assert!(ecdsa_to_der(curve, &[one.clone(), bad.clone()].concat()).is_err(), "{curve:?}");
                assert!(ecdsa_to_der(curve, &[bad, one.clone()].concat()).is_err(), "{curve:?}");
            }
            assert!(ecdsa_to_der(curve, &one).is_err());
            assert!(ecdsa_to_der(curve, &[one.clone(), one, vec![0]].concat()).is_err());
        }
    }

    proptest! {
        #[test]
        fn what_has_a_der_form_comes_back_from_it(bytes in proptest::collection::vec(any::<u8>(), 132), at in 0..4usize) {
            let curve = EcCurve::ALL[at];
            let mut raw = bytes[..2 * curve.field_bytes()].to_vec();
            if curve == EcCurve::P521 {
                raw[0] &= 1;
                raw[66] &= 1;
            }
            if let Ok(der) = ecdsa_to_der(curve, &raw) {
                prop_assert_eq!(ecdsa_from_der(curve, &der), Ok(raw));
                prop_assert!(ecdsa_from_der(curve, &[der.as_slice(), &[0]].concat()).is_err());
                prop_assert!(ecdsa_from_der(curve, &der[..der.len() - 1]).is_err());
            }
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..150), at in 0..4usize) {
            let curve = EcCurve::ALL[at];
            if let Ok(raw) = ecdsa_from_der(curve, &bytes) {
                prop_assert_eq!(ecdsa_to_der(curve, &raw), Ok(bytes));
            }
        }
    }
}
