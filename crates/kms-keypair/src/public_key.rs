//! A public key, parsed and checked once.

use std::fmt;
use std::sync::OnceLock;

use aws_lc_rs::kem::EncapsulationKey;
use aws_lc_rs::rsa::{OaepPublicEncryptingKey, PublicEncryptingKey};
use aws_lc_rs::signature::{self, ParsedPublicKey, VerificationAlgorithm};
use kms_core::key_spec::KeySpec;

use crate::curve::EcCurve;
use crate::{encapsulation, spki};

/// Why bytes are no public key of a spec. One value for all causes: no client sees more than that.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("not a public key of this key spec")]
pub struct BadPublicKey;

/// A public key of a known spec: right algorithm and curve, a point on the curve and not of small order, a modulus of exactly
/// the named bits, e = 65537. Holds the parsed form beside the bytes, so that a use parses nothing; `Send` and `Sync`, to be
/// shared in an `Arc`. Source: key-specs.md 1 and 5.
pub struct PublicKey {
    spec: KeySpec,
    spki: Box<[u8]>,
    raw_at: usize,
    raw_bytes: usize,
    pub(crate) parsed: Parsed,
}

/// What a use of the key takes.
pub(crate) enum Parsed {
    Rsa(Box<RsaForms>),
    Ecdsa(ParsedPublicKey),
    Ed25519 { pure: ParsedPublicKey, prehashed: Box<ed25519_dalek::VerifyingKey> },
    MlDsa(ParsedPublicKey),
    MlKem(EncapsulationKey),
}

/// The forms of an RSA key, each made at its first use: a key verifies with one or two of its six algorithms, or encrypts.
#[derive(Default)]
pub(crate) struct RsaForms {
    verifying: [OnceLock<Option<ParsedPublicKey>>; 6],
    encrypting: OnceLock<Option<OaepPublicEncryptingKey>>,
}

impl PublicKey {
    /// Reads a DER SubjectPublicKeyInfo in the one encoding of the spec (key-specs.md 5): named curve, uncompressed point,
    /// nothing after it.
    ///
    /// # Errors
    /// [`BadPublicKey`], also for a spec without public key and for SM2.
    pub fn from_spki(spec: KeySpec, spki: &[u8]) -> Result<Self, BadPublicKey> {
        Self::from_raw(spec, spki::decode(spec, spki).ok_or(BadPublicKey)?)
    }

    /// From the raw key: an RSA modulus without leading zeros, an uncompressed point `04 || x || y`, or the 32 bytes of
    /// RFC 8032 or the bytes of FIPS 203 and 204 (`CKA_VALUE` of ML-KEM and ML-DSA objects).
    ///
    /// # Errors
    /// [`BadPublicKey`].
    pub fn from_raw(spec: KeySpec, raw: &[u8]) -> Result<Self, BadPublicKey> {
        let spki = spki::encode(spec, raw).ok_or(BadPublicKey)?;
        let raw_at = spki.len() - raw.len() - if is_rsa(spec) { 5 } else { 0 };
        let parsed = parse(spec, raw, &spki)?;
        Ok(Self { spec, spki: spki.into(), raw_at, raw_bytes: raw.len(), parsed })
    }

    /// From `CKA_MODULUS` and `CKA_PUBLIC_EXPONENT`, big-endian; leading zeros, which some tokens give, do not count.
    ///
    /// # Errors
    /// [`BadPublicKey`], also if the exponent is not 65537 or the spec is no RSA one.
    pub fn from_rsa_components(spec: KeySpec, modulus: &[u8], exponent: &[u8]) -> Result<Self, BadPublicKey> {
        if !is_rsa(spec) || strip_zeros(exponent) != [1, 0, 1] {
            return Err(BadPublicKey);
        }
        Self::from_raw(spec, strip_zeros(modulus))
    }

    /// From `CKA_EC_POINT` of an EC or Ed25519 object, with or without the OCTET STRING around it (PKCS#11 3.0, 2.3.3).
    ///
    /// # Errors
    /// [`BadPublicKey`], also if the spec is no elliptic one.
    pub fn from_token_point(spec: KeySpec, attribute: &[u8]) -> Result<Self, BadPublicKey> {
        let (_, raw_bytes) = spki::form(spec).filter(|_| spec.is_elliptic()).ok_or(BadPublicKey)?;
        Self::from_raw(spec, spki::unwrap_point(raw_bytes, attribute).ok_or(BadPublicKey)?)
    }

    /// The spec it is a key of.
    pub fn spec(&self) -> KeySpec {
        self.spec
    }

    /// DER SubjectPublicKeyInfo, as GetPublicKey gives it and the fingerprint of a key pair takes it.
    pub fn spki(&self) -> &[u8] {
        &self.spki
    }

    /// The raw key, as [`PublicKey::from_raw`] takes it.
    pub fn raw(&self) -> &[u8] {
        &self.spki[self.raw_at..self.raw_at + self.raw_bytes]
    }
}

impl RsaForms {
    /// The form for one of the six algorithms; none never comes for a key that was parsed before.
    pub(crate) fn verifying(
        &self,
        index: usize,
        algorithm: &'static dyn VerificationAlgorithm,
        spki: &[u8],
    ) -> Option<&ParsedPublicKey> {
        self.verifying.get(index)?.get_or_init(|| ParsedPublicKey::new(algorithm, spki).ok()).as_ref()
    }

    /// The form that encrypts.
    pub(crate) fn encrypting(&self, spki: &[u8]) -> Option<&OaepPublicEncryptingKey> {
        let parse = || OaepPublicEncryptingKey::new(PublicEncryptingKey::from_der(spki).ok()?).ok();
        self.encrypting.get_or_init(parse).as_ref()
    }
}

impl PartialEq for PublicKey {
    fn eq(&self, other: &Self) -> bool {
        self.spec == other.spec && self.spki == other.spki
    }
}

impl Eq for PublicKey {}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({})", self.spec)
    }
}

/// Whether keys of the spec are RSA keys.
pub(crate) const fn is_rsa(spec: KeySpec) -> bool {
    matches!(spec, KeySpec::Rsa2048 | KeySpec::Rsa3072 | KeySpec::Rsa4096)
}

/// The verification algorithm of a curve with its own hash, which is the only one KMS has for it.
pub(crate) fn ecdsa_algorithm(curve: EcCurve) -> &'static dyn VerificationAlgorithm {
    match curve {
        EcCurve::P256 => &signature::ECDSA_P256_SHA256_ASN1,
        EcCurve::P384 => &signature::ECDSA_P384_SHA384_ASN1,
        EcCurve::P521 => &signature::ECDSA_P521_SHA512_ASN1,
        EcCurve::Secp256k1 => &signature::ECDSA_P256K1_SHA256_ASN1,
    }
}

fn parse(spec: KeySpec, raw: &[u8], spki: &[u8]) -> Result<Parsed, BadPublicKey> {
    if is_rsa(spec) {
        return parse_rsa(raw, spki);
    }
    if let Some(curve) = EcCurve::of(spec) {
        return parse_point(curve, raw);
    }
    match spec {
        KeySpec::EccNistEdwards25519 => parse_ed25519(raw),
        KeySpec::MlDsa44 => parse_with(&signature::ML_DSA_44, raw).map(Parsed::MlDsa),
        KeySpec::MlDsa65 => parse_with(&signature::ML_DSA_65, raw).map(Parsed::MlDsa),
        KeySpec::MlDsa87 => parse_with(&signature::ML_DSA_87, raw).map(Parsed::MlDsa),
        _ => encapsulation::parse(spec, raw).map(Parsed::MlKem),
    }
}

/// The bits are exact if the highest one is set; the library refuses an even modulus.
fn parse_rsa(modulus: &[u8], spki: &[u8]) -> Result<Parsed, BadPublicKey> {
    if modulus[0] & 0x80 == 0 || modulus[modulus.len() - 1] & 1 == 0 {
        return Err(BadPublicKey);
    }
    PublicEncryptingKey::from_der(spki).map_err(|_| BadPublicKey)?;
    Ok(Parsed::Rsa(Box::default()))
}

/// The library refuses what is not on the curve; infinity has no uncompressed form.
fn parse_point(curve: EcCurve, point: &[u8]) -> Result<Parsed, BadPublicKey> {
    if point[0] != 4 {
        return Err(BadPublicKey);
    }
    parse_with(ecdsa_algorithm(curve), point).map(Parsed::Ecdsa)
}

/// Points of small order have signatures that fit many messages; no honest key is one.
fn parse_ed25519(raw: &[u8]) -> Result<Parsed, BadPublicKey> {
    let bytes = raw.try_into().map_err(|_| BadPublicKey)?;
    let prehashed = ed25519_dalek::VerifyingKey::from_bytes(bytes).map_err(|_| BadPublicKey)?;
    if prehashed.is_weak() {
        return Err(BadPublicKey);
    }
    Ok(Parsed::Ed25519 { pure: parse_with(&signature::ED25519, raw)?, prehashed: Box::new(prehashed) })
}

fn parse_with(algorithm: &'static dyn VerificationAlgorithm, raw: &[u8]) -> Result<ParsedPublicKey, BadPublicKey> {
    ParsedPublicKey::new(algorithm, raw).map_err(|_| BadPublicKey)
}

fn strip_zeros(bytes: &[u8]) -> &[u8] {
    &bytes[bytes.iter().take_while(|byte| **byte == 0).count()..]
}
