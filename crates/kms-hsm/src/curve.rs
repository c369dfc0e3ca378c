//! The elliptic curves that keys of KMS have, as PKCS#11 and DER name them. Source: key-specs.md 5.

use cryptoki::mechanism::eddsa::{EddsaParams, EddsaSignatureScheme};
use cryptoki::mechanism::{Mechanism, MechanismType};
use cryptoki::object::KeyType;
use kms_core::key_spec::KeySpec;

/// A curve.
pub(crate) struct Curve {
    /// `CKA_EC_PARAMS`: the DER of its object identifier.
    pub(crate) params: &'static [u8],
    /// What stands before the point in a SubjectPublicKeyInfo.
    spki_prefix: &'static [u8],
    /// Length of a public point: uncompressed, `04 || x || y`, or the 32 bytes of Ed25519.
    point_bytes: usize,
    /// Whether it is Ed25519.
    is_edwards: bool,
}

const P256: Curve = Curve {
    params: &[0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07],
    spki_prefix: &[
        0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48,
        0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
    ],
    point_bytes: 65,
    is_edwards: false,
};
const P384: Curve = Curve {
    params: &[0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22],
    spki_prefix: &[
        0x30, 0x76, 0x30, 0x10, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x05, 0x2b, 0x81, 0x04,
        0x00, 0x22, 0x03, 0x62, 0x00,
    ],
    point_bytes: 97,
    is_edwards: false,
};
const P521: Curve = Curve {
    params: &[0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x23],
    spki_prefix: &[
        0x30, 0x81, 0x9b, 0x30, 0x10, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x05, 0x2b, 0x81,
        0x04, 0x00, 0x23, 0x03, 0x81, 0x86, 0x00,
    ],
    point_bytes: 133,
    is_edwards: false,
};
const SECP256K1: Curve = Curve {
    params: &[0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x0a],
    spki_prefix: &[
        0x30, 0x56, 0x30, 0x10, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x05, 0x2b, 0x81, 0x04,
        0x00, 0x0a, 0x03, 0x42, 0x00,
    ],
    point_bytes: 65,
    is_edwards: false,
};
const ED25519: Curve = Curve {
    params: &[0x06, 0x03, 0x2b, 0x65, 0x70],
    spki_prefix: &[0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00],
    point_bytes: 32,
    is_edwards: true,
};

/// The curve of a spec, if it has one.
pub(crate) fn curve_of(spec: KeySpec) -> Option<&'static Curve> {
    match spec {
        KeySpec::EccNistP256 => Some(&P256),
        KeySpec::EccNistP384 => Some(&P384),
        KeySpec::EccNistP521 => Some(&P521),
        KeySpec::EccSecgP256K1 => Some(&SECP256K1),
        KeySpec::EccNistEdwards25519 => Some(&ED25519),
        _ => None,
    }
}

impl Curve {
    /// `CKA_KEY_TYPE`.
    pub(crate) fn key_type(&self) -> KeyType {
        if self.is_edwards { KeyType::EC_EDWARDS } else { KeyType::EC }
    }

    /// The mechanism that makes pairs.
    pub(crate) fn generation(&self) -> Mechanism<'static> {
        if self.is_edwards { Mechanism::EccEdwardsKeyPairGen } else { Mechanism::EccKeyPairGen }
    }

    /// The mechanism that signs a digest, or a message with Ed25519.
    pub(crate) fn signature(&self) -> Mechanism<'static> {
        if self.is_edwards {
            Mechanism::Eddsa(EddsaParams::new(EddsaSignatureScheme::Ed25519))
        } else {
            Mechanism::Ecdsa
        }
    }

    /// The type of [`Curve::signature`].
    pub(crate) fn signature_type(&self) -> MechanismType {
        self.signature().mechanism_type()
    }

    /// Length of a coordinate: what ECDH gives.
    pub(crate) fn coordinate_bytes(&self) -> usize {
        self.point_bytes / 2
    }

    /// The point in `CKA_EC_POINT`: a DER OCTET STRING as PKCS#11 has it, or the bare point as some tokens do with Ed25519
    /// (hsm-facts 1). Nothing for any other length.
    pub(crate) fn point_in<'p>(&self, attribute: &'p [u8]) -> Option<&'p [u8]> {
        if attribute.len() == self.point_bytes {
            return Some(attribute);
        }
        let point = attribute.get(attribute.len().checked_sub(self.point_bytes)?..)?;
        let header: &[u8] = if self.point_bytes < 128 {
            &[0x04, self.point_bytes as u8]
        } else {
            &[0x04, 0x81, self.point_bytes as u8]
        };
        (attribute.len() == header.len() + self.point_bytes && attribute.starts_with(header)).then_some(point)
    }

    /// DER SubjectPublicKeyInfo of a point.
    pub(crate) fn to_der(&self, point: &[u8]) -> Vec<u8> {
        [self.spki_prefix, point].concat()
    }

    /// The point in a DER SubjectPublicKeyInfo of this curve.
    pub(crate) fn point_of<'d>(&self, der: &'d [u8]) -> Option<&'d [u8]> {
        der.strip_prefix(self.spki_prefix).filter(|point| point.len() == self.point_bytes)
    }

    /// Whether these bytes have the form of an uncompressed point.
    pub(crate) fn is_uncompressed(&self, point: &[u8]) -> bool {
        !self.is_edwards && point.len() == self.point_bytes && point[0] == 0x04
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn public_keys_have_the_published_lengths() {
        let lengths = KeySpec::ALL.iter().filter_map(|spec| curve_of(*spec)).map(|curve| {
            let der = curve.to_der(&vec![4; curve.point_bytes]);
            assert_eq!(curve.point_of(&der).unwrap().len(), curve.point_bytes);
            assert_eq!(curve.point_of(&der[1..]), None);
            assert!(der.windows(curve.params.len()).any(|part| part == curve.params));
            der.len()
        });
        assert_eq!(lengths.collect::<Vec<_>>(), [91, 120, 158, 88, 44]);
    }

    #[test]
    fn a_point_is_taken_with_its_header_and_without() {
        for spec in [KeySpec::EccNistP256, KeySpec::EccNistP521, KeySpec::EccNistEdwards25519] {
            let curve = curve_of(spec).unwrap();
            let point = vec![4; curve.point_bytes];
            let header = if spec == KeySpec::EccNistP521 { vec![4, 0x81, 133] } else { vec![4, point.len() as u8] };
            let string = [header, point.clone()].concat();
            assert_eq!(curve.point_in(&point), Some(&point[..]));
            assert_eq!(curve.point_in(&string), Some(&point[..]));
            assert!(curve.point_in(&[&[0x30], &string[1..]].concat()).is_none());
            assert_eq!(curve.point_in(&[]), None);
        }
    }
}
