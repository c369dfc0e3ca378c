//! The mechanisms of wrapping: from the words of KMS to those of PKCS#11.

use cryptoki::mechanism::rsa::{PkcsMgfType, PkcsOaepParams, PkcsOaepSource};
use cryptoki::mechanism::{Mechanism, MechanismType};
use cryptoki::object::{Attribute, AttributeType};
use cryptoki_sys::CK_MECHANISM_TYPE;
use kms_core::algorithm::EncryptionAlgorithm;
use kms_core::wrapping::WrappingAlgorithm;

/// The hash of an OAEP padding, the same for label and mask; the label is empty (key-states.md 5.6).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum OaepHash {
    Sha1,
    Sha256,
}

impl OaepHash {
    /// The hash of an encryption algorithm; none for those of no RSA key.
    pub(crate) fn of(algorithm: EncryptionAlgorithm) -> Option<Self> {
        match algorithm {
            EncryptionAlgorithm::RsaesOaepSha1 => Some(Self::Sha1),
            EncryptionAlgorithm::RsaesOaepSha256 => Some(Self::Sha256),
            EncryptionAlgorithm::SymmetricDefault | EncryptionAlgorithm::Sm2Pke => None,
        }
    }

    /// The mechanism with its parameters.
    pub(crate) fn mechanism(self) -> Mechanism<'static> {
        let (hash, mask) = match self {
            Self::Sha1 => (MechanismType::SHA1, PkcsMgfType::MGF1_SHA1),
            Self::Sha256 => (MechanismType::SHA256, PkcsMgfType::MGF1_SHA256),
        };
        // SoftHSM wants the empty label as a null pointer.
        PkcsOaepParams::new(hash, mask, PkcsOaepSource::empty()).into()
    }
}

/// By which mechanism a token wraps and unwraps as RFC 5649 says. PKCS#11 2.40 left open what `CKM_AES_KEY_WRAP_PAD` is, and 3.0
/// has a new number for what it should have been.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kwp {
    /// `CKM_AES_KEY_WRAP_PAD`.
    KeyWrapPad,
    /// `CKM_AES_KEY_WRAP_KWP`.
    KeyWrapKwp,
}

impl Kwp {
    /// All of them.
    pub(crate) const ALL: [Self; 2] = [Self::KeyWrapPad, Self::KeyWrapKwp];

    /// Its number.
    pub(crate) fn number(self) -> CK_MECHANISM_TYPE {
        match self {
            Self::KeyWrapPad => cryptoki_sys::CKM_AES_KEY_WRAP_PAD,
            Self::KeyWrapKwp => cryptoki_sys::CKM_AES_KEY_WRAP_KWP,
        }
    }

    /// `CKA_ALLOWED_MECHANISMS` of a key that does nothing else. cryptoki has no [`MechanismType`] for the newer number.
    pub(crate) fn allowed(self) -> Attribute {
        Attribute::VendorDefined((AttributeType::AllowedMechanisms, self.number().to_ne_bytes().to_vec()))
    }
}

/// How material is wrapped: the padding of its RSA part and whether KWP follows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Scheme {
    pub(crate) hash: OaepHash,
    /// The RSA part holds an AES-256 key, and the rest is the material under that key by KWP (RFC 5649).
    pub(crate) kwp_follows: bool,
}

/// The scheme of an algorithm; none for those that no token here serves.
pub(crate) fn scheme_of(algorithm: WrappingAlgorithm) -> Option<Scheme> {
    let (hash, kwp_follows) = match algorithm {
        WrappingAlgorithm::RsaesOaepSha1 => (OaepHash::Sha1, false),
        WrappingAlgorithm::RsaesOaepSha256 => (OaepHash::Sha256, false),
        WrappingAlgorithm::RsaAesKeyWrapSha1 => (OaepHash::Sha1, true),
        WrappingAlgorithm::RsaAesKeyWrapSha256 => (OaepHash::Sha256, true),
        WrappingAlgorithm::RsaesPkcs1V15 | WrappingAlgorithm::Sm2Pke => return None,
    };
    Some(Scheme { hash, kwp_follows })
}

/// A mechanism that something here needs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MechanismNeed {
    /// Its name in PKCS#11.
    pub name: &'static str,
    /// Its number, as `C_GetMechanismList` gives it.
    pub number: u64,
    /// What for.
    pub purpose: &'static str,
    /// Whether a node refuses to start without it; else the process stands in for it or an algorithm is not served.
    pub is_required: bool,
}

/// Every mechanism that this version calls, in the order of their weight.
pub const NEEDED_MECHANISMS: [MechanismNeed; 22] = [
    need("CKM_SHA256_HMAC", cryptoki_sys::CKM_SHA256_HMAC, "every use of a key", true),
    need("CKM_GENERIC_SECRET_KEY_GEN", cryptoki_sys::CKM_GENERIC_SECRET_KEY_GEN, "keys made in the token", true),
    need("CKM_RSA_PKCS_KEY_PAIR_GEN", cryptoki_sys::CKM_RSA_PKCS_KEY_PAIR_GEN, "wrapping keys of imports", false),
    need("CKM_RSA_PKCS_OAEP", cryptoki_sys::CKM_RSA_PKCS_OAEP, "imports unwrapped in the token", false),
    need("CKM_RSA_X_509", cryptoki_sys::CKM_RSA_X_509, "imports whose OAEP hash the token lacks", false),
    need("CKM_AES_KEY_WRAP_PAD", cryptoki_sys::CKM_AES_KEY_WRAP_PAD, "RSA_AES_KEY_WRAP in the token", false),
    need("CKM_AES_KEY_WRAP_KWP", cryptoki_sys::CKM_AES_KEY_WRAP_KWP, "the same by the number of PKCS#11 3.0", false),
    need("CKM_AES_ECB", cryptoki_sys::CKM_AES_ECB, "the proof that imports have 32 bytes", false),
    need("CKM_SHA224_HMAC", cryptoki_sys::CKM_SHA224_HMAC, "HMAC_224 keys", false),
    need("CKM_SHA384_HMAC", cryptoki_sys::CKM_SHA384_HMAC, "HMAC_384 keys", false),
    need("CKM_SHA512_HMAC", cryptoki_sys::CKM_SHA512_HMAC, "HMAC_512 keys", false),
    need("CKM_RSA_PKCS", cryptoki_sys::CKM_RSA_PKCS, "RSASSA_PKCS1_V1_5 signatures", false),
    need("CKM_RSA_PKCS_PSS", cryptoki_sys::CKM_RSA_PKCS_PSS, "RSASSA_PSS signatures", false),
    need("CKM_EC_KEY_PAIR_GEN", cryptoki_sys::CKM_EC_KEY_PAIR_GEN, "keys on the NIST curves and secp256k1", false),
    need("CKM_ECDSA", cryptoki_sys::CKM_ECDSA, "ECDSA signatures", false),
    need("CKM_ECDH1_DERIVE", cryptoki_sys::CKM_ECDH1_DERIVE, "key agreement", false),
    need("CKM_EC_EDWARDS_KEY_PAIR_GEN", cryptoki_sys::CKM_EC_EDWARDS_KEY_PAIR_GEN, "Ed25519 keys", false),
    need("CKM_EDDSA", cryptoki_sys::CKM_EDDSA, "Ed25519 signatures", false),
    need("CKM_ML_DSA_KEY_PAIR_GEN", cryptoki_sys::CKM_ML_DSA_KEY_PAIR_GEN, "ML-DSA keys", false),
    need("CKM_ML_DSA", cryptoki_sys::CKM_ML_DSA, "ML-DSA signatures", false),
    need("CKM_ML_KEM_KEY_PAIR_GEN", cryptoki_sys::CKM_ML_KEM_KEY_PAIR_GEN, "ML-KEM keys", false),
    need("CKM_ML_KEM", cryptoki_sys::CKM_ML_KEM, "ML-KEM decapsulation", false),
];

const fn need(name: &'static str, number: u64, purpose: &'static str, is_required: bool) -> MechanismNeed {
    MechanismNeed { name, number, purpose, is_required }
}
