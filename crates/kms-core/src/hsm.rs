//! The token as the service sees it: one narrow trait in PKCS#11 words. kms-hsm implements it; fault tests wrap it.

use std::fmt;

use crate::ids::{KeyId, ObjectId, Region};
use crate::key_spec::WrappingKeySpec;
use crate::secret::SecretKey;
use crate::wrapping::WrappingAlgorithm;

/// What an object of ours is for; it decides the object's template (cryptography.md 6).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ObjectKind {
    /// Key material of a SYMMETRIC_DEFAULT key: `CKK_GENERIC_SECRET`, 32 bytes, SIGN, `[CKM_SHA256_HMAC]`.
    Symmetric,
    /// A private RSA key that unwraps imported material.
    Wrapping,
    /// The root key of this deployment, same template as [`ObjectKind::Symmetric`].
    Root,
    /// A data object whose value is the deployment id; searches are bracketed by it (the sentinel).
    Sentinel,
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
    /// The wrapped material does not unwrap, or is not 32 bytes long. One error for all causes (cryptography.md 3).
    #[error("the wrapped key material cannot be unwrapped")]
    BadWrappedMaterial,
    /// No object of that id and label is in the token, and the sentinel was seen: it really is not there.
    #[error("the token has no such object")]
    ObjectMissing,
    /// The object exists but its class or label is not what the row says.
    #[error("the object in the token is not the one the row names")]
    ObjectMismatch,
    /// The caller's claim no longer held when it was asked under the write lock; nothing was made.
    #[error("the claim on the object was lost")]
    ClaimLost,
    /// The token cannot do this.
    #[error("the token does not support {0}")]
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

/// A question asked under the token's write lock just before an object is made: may it still be made?
/// `false` stops the making with [`HsmError::ClaimLost`].
pub type Claim<'a> = &'a mut dyn FnMut() -> bool;

/// The HMAC input that every use of a secret object takes: one block of SHA-256 (cryptography.md 1).
pub type MacInput = [u8; 55];

/// The narrow waist between the service and a PKCS#11 token. Every method blocks; none is called on an async thread.
pub trait Hsm: Send + Sync {
    /// Fills `out` with random bytes of the token. `C_GenerateRandom`.
    ///
    /// # Errors
    /// [`HsmError::Unavailable`].
    fn generate_random(&self, out: &mut [u8]) -> Result<(), HsmError>;

    /// HMAC-SHA-256 of one block under the secret object: the only use of symmetric key material. `C_Sign`.
    ///
    /// # Errors
    /// [`HsmError::ObjectMissing`], [`HsmError::ObjectMismatch`], [`HsmError::TokenUnknown`], [`HsmError::Unavailable`].
    fn mac(&self, object: &TokenObject, input: &MacInput) -> Result<SecretKey, HsmError>;

    /// Generates a 32-byte secret object of `kind` in the token, frozen from birth. `C_GenerateKey`.
    ///
    /// # Errors
    /// [`HsmError::ClaimLost`], [`HsmError::Unavailable`].
    fn generate_secret(&self, object: &TokenObject, claim: Claim<'_>) -> Result<(), HsmError>;

    /// Unwraps imported material into a session object, proves that it is exactly 32 bytes long and returns its HMAC of
    /// `input` (the fingerprint). Nothing stays behind. `C_UnwrapKey`, or a raw RSA decryption where the token has no
    /// such mechanism. Takes the same time for every failure up to the caller's own padding of time.
    ///
    /// # Errors
    /// [`HsmError::BadWrappedMaterial`], [`HsmError::Unsupported`] and the errors of [`Hsm::mac`] about the pair.
    fn probe_wrapped(&self, wrapped: &WrappedMaterial<'_>, input: &MacInput) -> Result<SecretKey, HsmError>;

    /// Unwraps imported material straight into a token object with the frozen template.
    ///
    /// # Errors
    /// Those of [`Hsm::probe_wrapped`], and [`HsmError::ClaimLost`].
    fn unwrap_secret(
        &self,
        wrapped: &WrappedMaterial<'_>,
        object: &TokenObject,
        claim: Claim<'_>,
    ) -> Result<(), HsmError>;

    /// Generates an RSA key pair for wrapping; the private half becomes the token object, the public half is returned as
    /// DER SubjectPublicKeyInfo. `C_GenerateKeyPair` as session objects outside the write lock, `C_CopyObject` under it.
    ///
    /// # Errors
    /// [`HsmError::ClaimLost`], [`HsmError::Unsupported`], [`HsmError::Unavailable`].
    fn generate_wrapping_pair(
        &self,
        object: &TokenObject,
        spec: WrappingKeySpec,
        algorithm: WrappingAlgorithm,
        claim: Claim<'_>,
    ) -> Result<Vec<u8>, HsmError>;

    /// Destroys every object with this `CKA_ID` and proves by a search bracketed by the sentinel that none is left.
    /// Idempotent: an object that is not there is success. `C_DestroyObject`, `C_FindObjects`.
    ///
    /// # Errors
    /// [`HsmError::TokenUnknown`] or [`HsmError::Unavailable`]: nothing is proved and the call must be repeated.
    fn destroy(&self, id: ObjectId) -> Result<(), HsmError>;

    /// Every object of ours in the token, the search bracketed by the sentinel.
    ///
    /// # Errors
    /// [`HsmError::TokenUnknown`], [`HsmError::Unavailable`].
    fn list(&self) -> Result<Vec<FoundObject>, HsmError>;

    /// Destroys what killed makers left half made and without a name, and gives the number; does nothing when it cannot be
    /// sure now.
    ///
    /// # Errors
    /// [`HsmError::Unavailable`].
    fn discard_torn(&self) -> Result<usize, HsmError>;

    /// Looks for the sentinel: says whether searches can be trusted now.
    ///
    /// # Errors
    /// [`HsmError::TokenUnknown`], [`HsmError::Unavailable`].
    fn check(&self) -> Result<(), HsmError>;

    /// Whether the token can serve material wrapped in this way.
    fn supports_wrapping(&self, algorithm: WrappingAlgorithm) -> bool;
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
