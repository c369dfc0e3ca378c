//! Private keys that a client imports: read, checked, and taken apart into what `C_CreateObject` needs.
//! Source: key-specs.md 1 and 6, cryptography.md 2 (tokens take keys that are none).

mod ec;
mod rsa;

use kms_core::key_spec::KeySpec;
use pkcs8::PrivateKeyInfoRef;
use pkcs8::der::Decode;
use zeroize::Zeroizing;

use crate::curve::EcCurve;
use crate::public_key::{PublicKey, is_rsa};
use crate::spki;

/// Why bytes are no private key of a spec. One value for all causes: whoever tries bytes learns nothing but that.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("not a private key of this key spec")]
pub struct BadPrivateKey;

/// A number or seed of a private key, big-endian, wiped on drop.
pub type SecretPart = Zeroizing<Vec<u8>>;

/// An imported pair.
pub struct ImportedPair {
    /// The public half, computed from the private one.
    pub public_key: PublicKey,
    /// The private half.
    pub parts: PrivateKeyParts,
}

/// The attributes of a private key object, without leading zeros for RSA and with them for EC.
pub enum PrivateKeyParts {
    /// `CKK_RSA`.
    Rsa {
        /// `CKA_PRIVATE_EXPONENT`.
        private_exponent: SecretPart,
        /// `CKA_PRIME_1`.
        prime_1: SecretPart,
        /// `CKA_PRIME_2`.
        prime_2: SecretPart,
        /// `CKA_EXPONENT_1`.
        exponent_1: SecretPart,
        /// `CKA_EXPONENT_2`.
        exponent_2: SecretPart,
        /// `CKA_COEFFICIENT`.
        coefficient: SecretPart,
    },
    /// `CKK_EC`.
    Ec {
        /// The curve, whose OID is `CKA_EC_PARAMS`.
        curve: EcCurve,
        /// `CKA_VALUE`: the scalar in as many bytes as the field has.
        scalar: SecretPart,
    },
    /// `CKK_EC_EDWARDS`.
    Ed25519 {
        /// `CKA_VALUE`: the seed of RFC 8032, 32 bytes.
        seed: SecretPart,
    },
}

/// Reads a DER PrivateKeyInfo (PKCS #8, RFC 5958) and checks that it is a key of `spec`: the modulus has exactly its bits, e is
/// 65537, the RSA numbers belong together and sign; the scalar is in 1..n on the named curve; a public key inside is the one
/// of the private key. Nothing may follow the DER. Keys that are for RSASSA-PSS alone, by their OID, are refused.
///
/// # Errors
/// [`BadPrivateKey`], also for the specs whose import is not served (ML-DSA, ML-KEM, SM2) and those without private key.
pub fn parse_pkcs8(spec: KeySpec, der: &[u8]) -> Result<ImportedPair, BadPrivateKey> {
    let info = PrivateKeyInfoRef::from_der(der).map_err(|_| BadPrivateKey)?;
    let pair = match EcCurve::of(spec) {
        Some(curve) => ec::parse(curve, &info),
        None if is_rsa(spec) => rsa::parse(spec, &info),
        None if spec == KeySpec::EccNistEdwards25519 => ec::parse_ed25519(&info),
        None => Err(BadPrivateKey),
    }?;
    // Version 2 carries the public key as well.
    if let Some(outer) = &info.public_key {
        let own = spki::bits(spec, pair.public_key.raw());
        if own.is_none() || own.as_deref() != outer.as_bytes() {
            return Err(BadPrivateKey);
        }
    }
    Ok(pair)
}
