//! The exact DER SubjectPublicKeyInfo of each key spec. One encoder; the reader takes what the encoder would write and
//! nothing else, so that a key has one encoding and one fingerprint. Source: key-specs.md 5, RFC 5280, 8017, 5480, 8410.

use kms_core::key_spec::KeySpec;

const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const OCTET_STRING: u8 = 0x04;

/// rsaEncryption, NULL.
const RSA: &[u8] = &[0x30, 13, 6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1, 5, 0];
/// id-ecPublicKey with secp256r1, secp384r1, secp521r1, secp256k1.
const P256: &[u8] = &[0x30, 19, 6, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1, 6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7];
const P384: &[u8] = &[0x30, 16, 6, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1, 6, 5, 0x2b, 0x81, 4, 0, 34];
const P521: &[u8] = &[0x30, 16, 6, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1, 6, 5, 0x2b, 0x81, 4, 0, 35];
const SECP256K1: &[u8] = &[0x30, 16, 6, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1, 6, 5, 0x2b, 0x81, 4, 0, 10];
/// id-Ed25519, no parameters.
const ED25519: &[u8] = &[0x30, 5, 6, 3, 0x2b, 0x65, 0x70];
/// id-ml-dsa-44, -65, -87: 2.16.840.1.101.3.4.3.17 to 19.
const ML_DSA_44: &[u8] = &[0x30, 11, 6, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 3, 17];
const ML_DSA_65: &[u8] = &[0x30, 11, 6, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 3, 18];
const ML_DSA_87: &[u8] = &[0x30, 11, 6, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 3, 19];
/// id-alg-ml-kem-512, -768, -1024: 2.16.840.1.101.3.4.4.1 to 3.
const ML_KEM_512: &[u8] = &[0x30, 11, 6, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 4, 1];
const ML_KEM_768: &[u8] = &[0x30, 11, 6, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 4, 2];
const ML_KEM_1024: &[u8] = &[0x30, 11, 6, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 4, 3];

/// The AlgorithmIdentifier of a spec and the length in bytes of its raw public key: modulus, uncompressed point, or the
/// bytes of RFC 8032, FIPS 203 and FIPS 204. None where there is no public key, and for SM2, which is not served.
pub(crate) const fn form(spec: KeySpec) -> Option<(&'static [u8], usize)> {
    Some(match spec {
        KeySpec::Rsa2048 => (RSA, 256),
        KeySpec::Rsa3072 => (RSA, 384),
        KeySpec::Rsa4096 => (RSA, 512),
        KeySpec::EccNistP256 => (P256, 65),
        KeySpec::EccNistP384 => (P384, 97),
        KeySpec::EccNistP521 => (P521, 133),
        KeySpec::EccSecgP256K1 => (SECP256K1, 65),
        KeySpec::EccNistEdwards25519 => (ED25519, 32),
        KeySpec::MlDsa44 => (ML_DSA_44, 1312),
        KeySpec::MlDsa65 => (ML_DSA_65, 1952),
        KeySpec::MlDsa87 => (ML_DSA_87, 2592),
        KeySpec::MlKem512 => (ML_KEM_512, 800),
        KeySpec::MlKem768 => (ML_KEM_768, 1184),
        KeySpec::MlKem1024 => (ML_KEM_1024, 1568),
        KeySpec::SymmetricDefault
        | KeySpec::Hmac224
        | KeySpec::Hmac256
        | KeySpec::Hmac384
        | KeySpec::Hmac512
        | KeySpec::Sm2 => return None,
    })
}

/// The SubjectPublicKeyInfo of a raw public key; none if `raw` has not the length of the spec.
pub(crate) fn encode(spec: KeySpec, raw: &[u8]) -> Option<Vec<u8>> {
    let (algorithm, raw_bytes) = form(spec)?;
    if raw.len() != raw_bytes {
        return None;
    }
    Some(tlv(SEQUENCE, &[algorithm, &tlv(BIT_STRING, &[&[0], &subject_public_key(algorithm, raw)])]))
}

/// What stands in the BIT STRING of a spec's raw key; none if the spec has no public key.
pub(crate) fn bits(spec: KeySpec, raw: &[u8]) -> Option<Vec<u8>> {
    form(spec).map(|(algorithm, _)| subject_public_key(algorithm, raw))
}

/// RSAPublicKey (RFC 8017 A.1.1), or the raw key. The highest bit of a modulus is set, so that
/// a zero byte stands before it.
fn subject_public_key(algorithm: &[u8], raw: &[u8]) -> Vec<u8> {
    if algorithm != RSA {
        return raw.to_vec();
    }
    tlv(SEQUENCE, &[&tlv(INTEGER, &[&[0], raw]), &EXPONENT])
}

/// The raw public key in the one encoding of the spec; none for any other bytes.
pub(crate) fn decode(spec: KeySpec, spki: &[u8]) -> Option<&[u8]> {
    let (algorithm, raw_bytes) = form(spec)?;
    let tail = if algorithm == RSA { EXPONENT.len() } else { 0 };
    let end = spki.len().checked_sub(tail)?;
    let raw = &spki[end.checked_sub(raw_bytes)?..end];
    (encode(spec, raw)? == spki).then_some(raw)
}

/// A raw point out of a `CKA_EC_POINT`, which PKCS#11 wraps in an OCTET STRING and some tokens do not.
pub(crate) fn unwrap_point(raw_bytes: usize, attribute: &[u8]) -> Option<&[u8]> {
    if attribute.len() == raw_bytes {
        return Some(attribute);
    }
    let raw = &attribute[attribute.len().checked_sub(raw_bytes)?..];
    (tlv(OCTET_STRING, &[raw]) == attribute).then_some(raw)
}

/// 65537 as an INTEGER: the only exponent (key-specs.md 1).
const EXPONENT: [u8; 5] = [INTEGER, 3, 1, 0, 1];

/// Tag, shortest length, contents.
pub(crate) fn tlv(tag: u8, contents: &[&[u8]]) -> Vec<u8> {
    let content = contents.concat();
    let length = content.len().to_be_bytes();
    let significant = &length[length.iter().take_while(|byte| **byte == 0).count()..];
    let mut encoded = vec![tag];
    match content.len() {
        0..=0x7f => encoded.push(content.len() as u8),
        _ => {
            encoded.push(0x80 | significant.len() as u8);
            encoded.extend_from_slice(significant);
        }
    }
    encoded.extend_from_slice(&content);
    encoded
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// key-specs.md 5.
    const SIZES: [(KeySpec, usize); 14] = [
        (KeySpec::Rsa2048, 294),
        (KeySpec::Rsa3072, 422),
        (KeySpec::Rsa4096, 550),
        (KeySpec::EccNistP256, 91),
        (KeySpec::EccNistP384, 120),
        (KeySpec::EccNistP521, 158),
        (KeySpec::EccSecgP256K1, 88),
        (KeySpec::EccNistEdwards25519, 44),
        (KeySpec::MlDsa44, 1334),
        (KeySpec::MlDsa65, 1974),
        (KeySpec::MlDsa87, 2614),
        (KeySpec::MlKem512, 822),
        (KeySpec::MlKem768, 1206),
        (KeySpec::MlKem1024, 1590),
    ];

    #[test]
    fn every_spec_with_a_public_key_has_the_published_length_and_reads_back() {
        for (spec, bytes) in SIZES {
            let raw = vec![0xa5; form(spec).unwrap().1];
            let spki = encode(spec, &raw).unwrap();
            assert_eq!(spki.len(), bytes, "{spec}");
            assert_eq!(decode(spec, &spki), Some(raw.as_slice()), "{spec}");
        }
        let served = KeySpec::ALL.iter().filter(|spec| form(**spec).is_some()).count();
        assert_eq!(served, SIZES.len());
    }

    #[test]
    fn no_bit_outside_the_raw_key_may_differ_and_nothing_may_follow() {
        for (spec, bytes) in SIZES {
            let raw = vec![0xa5; form(spec).unwrap().1];
            let spki = encode(spec, &raw).unwrap();
            let tail = if form(spec).unwrap().0 == RSA { EXPONENT.len() } else { 0 };
            for at in (0..bytes - raw.len() - tail).chain(bytes - tail..bytes) {
                for bit in 0..8 {
                    let mut other = spki.clone();
                    other[at] ^= 1 << bit;
                    assert_eq!(decode(spec, &other), None, "{spec} byte {at} bit {bit}");
                }
            }
            assert_eq!(decode(spec, &[spki.as_slice(), &[0]].concat()), None, "{spec}");
            assert_eq!(decode(spec, &spki[..bytes - 1]), None, "{spec}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..700), at in 0..20usize) {
            let spec = KeySpec::ALL[at];
            if let Some(raw) = decode(spec, &bytes) {
                prop_assert_eq!(encode(spec, raw), Some(bytes.clone()));
            }
            for raw_bytes in [32, 65, 97, 133] {
                if let Some(raw) = unwrap_point(raw_bytes, &bytes) {
                    prop_assert_eq!(raw.len(), raw_bytes);
                }
            }
        }
    }
}
