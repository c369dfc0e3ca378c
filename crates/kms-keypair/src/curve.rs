//! The four curves with ECDSA.

use kms_core::key_spec::KeySpec;

/// A curve of ECDSA and ECDH keys (key-specs.md 1).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum EcCurve {
    /// secp256r1.
    P256,
    /// secp384r1.
    P384,
    /// secp521r1.
    P521,
    /// secp256k1.
    Secp256k1,
}

impl EcCurve {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::P256, Self::P384, Self::P521, Self::Secp256k1];

    /// The curve of the keys of `spec`; none for Ed25519, which is another scheme, and for what is no curve.
    pub const fn of(spec: KeySpec) -> Option<Self> {
        match spec {
            KeySpec::EccNistP256 => Some(Self::P256),
            KeySpec::EccNistP384 => Some(Self::P384),
            KeySpec::EccNistP521 => Some(Self::P521),
            KeySpec::EccSecgP256K1 => Some(Self::Secp256k1),
            _ => None,
        }
    }

    /// The spec of the keys of this curve.
    pub const fn key_spec(self) -> KeySpec {
        match self {
            Self::P256 => KeySpec::EccNistP256,
            Self::P384 => KeySpec::EccNistP384,
            Self::P521 => KeySpec::EccNistP521,
            Self::Secp256k1 => KeySpec::EccSecgP256K1,
        }
    }

    /// Bytes of a coordinate, of a scalar and of an ECDH secret: 32, 48 or 66.
    pub const fn field_bytes(self) -> usize {
        match self {
            Self::P256 | Self::Secp256k1 => 32,
            Self::P384 => 48,
            Self::P521 => 66,
        }
    }

    /// Bytes of an uncompressed point, `04 || x || y`.
    pub const fn point_bytes(self) -> usize {
        1 + 2 * self.field_bytes()
    }

    /// The object identifier of the named curve (RFC 5480 2.1.1.1, SEC 2 A.2).
    pub(crate) const fn oid(self) -> der::asn1::ObjectIdentifier {
        use der::asn1::ObjectIdentifier;
        match self {
            Self::P256 => ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7"),
            Self::P384 => ObjectIdentifier::new_unwrap("1.3.132.0.34"),
            Self::P521 => ObjectIdentifier::new_unwrap("1.3.132.0.35"),
            Self::Secp256k1 => ObjectIdentifier::new_unwrap("1.3.132.0.10"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_curve_is_that_of_its_spec_and_no_other_spec_has_one() {
        for curve in EcCurve::ALL {
            assert_eq!(EcCurve::of(curve.key_spec()), Some(curve));
        }
        assert_eq!(KeySpec::ALL.iter().filter(|spec| EcCurve::of(**spec).is_some()).count(), 4);
    }
}
