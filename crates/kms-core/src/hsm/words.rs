//! What the token is spoken to in: kinds of objects, their identities, and why a call fails.

use std::fmt;

use crate::algorithm::SigningAlgorithm;
use crate::ids::{KeyId, ObjectId, Region};
use crate::key_spec::{KeySpec, KeyUsage, WrappingKeySpec};
use crate::secret::SecretBytes;
use crate::wrapping::WrappingAlgorithm;

/// What an object of ours is for, as its row says it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ObjectKind {
    /// Key material; the spec and usage of its key say the rest ([`KeyKind`]).
    Key,
    /// A private RSA key that unwraps imported material.
    Wrapping,
    /// The root key of this deployment, same template as the material of a SYMMETRIC_DEFAULT key.
    Root,
    /// A data object whose value is the deployment id; searches are bracketed by it (the sentinel).
    Sentinel,
}

/// What key material is for; it decides the object's template (cryptography.md 6). The spec must allow the usage.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct KeyKind {
    /// The spec of its key.
    pub spec: KeySpec,
    /// The usage of its key.
    pub usage: KeyUsage,
}

impl KeyKind {
    /// Material of a SYMMETRIC_DEFAULT key: `CKK_GENERIC_SECRET`, 32 bytes, SIGN, `[CKM_SHA256_HMAC]`.
    pub const SYMMETRIC: Self = Self { spec: KeySpec::SymmetricDefault, usage: KeyUsage::EncryptDecrypt };

    /// Every kind that KMS has, in the order of the specs.
    pub fn all() -> impl Iterator<Item = Self> {
        let pairs = KeySpec::ALL.iter().flat_map(|spec| KeyUsage::ALL.iter().map(|usage| (*spec, *usage)));
        pairs.filter(|(spec, usage)| spec.allows(*usage)).map(|(spec, usage)| Self { spec, usage })
    }
}

/// What may be asked of a token ([`super::Hsm::supports`]).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Ability {
    /// Making material of a kind, and using it in every way that KMS has for it. ED25519_PH_SHA_512 alone may be missing:
    /// such a key is made, and its metadata leaves the algorithm out. Signing an `EXTERNAL_MU` is no part of it: PKCS#11 has
    /// no mechanism that does.
    Generate(KeyKind),
    /// Importing material of a kind that is wrapped in this way, and using it.
    Import(KeyKind, WrappingAlgorithm),
    /// Signing with a key of this spec in this way.
    Sign(KeySpec, SigningAlgorithm),
}

/// What tells key material apart without showing it (cryptography.md 2).
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Identity {
    /// Of a secret: the HMAC of [`crate::material_id::fingerprint_input_of`] under it, with the hash of its spec.
    Mac(SecretBytes),
    /// Of a key pair: the public half, DER SubjectPublicKeyInfo.
    PublicKey(Vec<u8>),
}

impl Identity {
    /// The public half, if it is a pair's.
    pub fn into_public_key(self) -> Option<Vec<u8>> {
        match self {
            Self::Mac(_) => None,
            Self::PublicKey(der) => Some(der),
        }
    }
}

/// A token object by its identity: what `CKA_ID` and `CKA_LABEL` must say.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TokenObject {
    /// `CKA_ID`.
    pub id: ObjectId,
    /// `CKA_LABEL`; compared when a handle is first cached, so that a wrong row cannot lend one key's object to another.
    pub label: String,
}

impl TokenObject {
    /// The object of a key's material: label `<region>/<key id>`.
    pub fn of_key(id: ObjectId, region: Region, key_id: KeyId) -> Self {
        Self { id, label: format!("{region}/{key_id}") }
    }

    /// An object of the deployment itself, such as the root key or a wrapping key pair: label `strongroom/<role>`.
    pub fn internal(id: ObjectId, role: &str) -> Self {
        Self { id, label: format!("strongroom/{role}") }
    }
}

/// An object found by a full search.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FoundObject {
    /// `CKA_ID` when it has the form of one of our ids; torn objects may have none.
    pub id: Option<ObjectId>,
    /// `CKA_LABEL` as text, empty when absent.
    pub label: String,
    /// Whether it is a secret key object.
    pub is_secret_key: bool,
}

/// The key material that a client sent, still wrapped.
#[derive(Clone, Copy)]
pub struct WrappedMaterial<'a> {
    /// The private wrapping key in the token.
    pub pair: &'a TokenObject,
    /// Its size.
    pub spec: WrappingKeySpec,
    /// How the material was wrapped.
    pub algorithm: WrappingAlgorithm,
    /// The bytes of `EncryptedKeyMaterial`.
    pub encrypted: &'a [u8],
}

/// Why a call on the token failed.
#[derive(Debug, thiserror::Error)]
pub enum HsmError {
    /// The wrapped material does not unwrap, or is no material of its key's spec. One error for all causes
    /// (cryptography.md 3).
    #[error("the wrapped key material cannot be unwrapped")]
    BadWrappedMaterial,
    /// The ciphertext does not decrypt under the key. One error for all causes.
    #[error("the ciphertext cannot be decrypted")]
    BadCiphertext,
    /// The input is not one of the algorithm: a digest of another length, or a point that is not on the curve.
    #[error("the token does not take this input: {0}")]
    BadInput(&'static str),
    /// No object of that id and label is in the token, and the sentinel was seen: it really is not there.
    #[error("the token has no such object")]
    ObjectMissing,
    /// The object exists but its class, its label or its public key is not what the row says.
    #[error("the object in the token is not the one the row names")]
    ObjectMismatch,
    /// The caller's claim no longer held when it was asked under the write lock; nothing was made.
    #[error("the claim on the object was lost")]
    ClaimLost,
    /// The token cannot do this.
    #[error("the token cannot serve this: {0}")]
    Unsupported(&'static str),
    /// The sentinel is not visible: a search proves nothing now (object-protocol.md A8).
    #[error("the token is unknown: its sentinel object is not visible")]
    TokenUnknown,
    /// Another thread or node is at the token for too long; nothing was done.
    #[error("the write lock of the token is held too long by another {0}")]
    Busy(&'static str),
    /// The token, its session or its library does not answer properly.
    #[error("the token failed: {0}")]
    Unavailable(String),
}

impl fmt::Debug for WrappedMaterial<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WrappedMaterial")
            .field("pair", &self.pair)
            .field("algorithm", &self.algorithm)
            .field("encrypted", &format_args!("{} bytes", self.encrypted.len()))
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_twenty_eight_kinds_of_keys() {
        // One of SYMMETRIC_DEFAULT, 4 HMAC, 2 of each RSA and NIST curve, 2 other curves, 6 post-quantum, 3 SM2.
        assert_eq!(KeyKind::all().count(), 1 + 4 + 6 + 6 + 2 + 6 + 3);
        assert_eq!(KeyKind::all().next(), Some(KeyKind::SYMMETRIC));
    }

    #[test]
    fn an_identity_shows_its_public_key_alone() {
        let mac = Identity::Mac(SecretBytes::new(vec![0xab; 32]));
        assert_eq!(format!("{mac:?}"), "Mac(SecretBytes(32 bytes))");
        assert_eq!(mac.into_public_key(), None);
        assert_eq!(Identity::PublicKey(vec![1]).into_public_key(), Some(vec![1]));
    }
}
