//! The token as the service sees it: one narrow trait in PKCS#11 words. kms-hsm implements it; fault tests wrap it.

mod words;

pub use words::{Ability, FoundObject, HsmError, Identity, KeyKind, ObjectKind, TokenObject, WrappedMaterial};

use crate::algorithm::{EncryptionAlgorithm, MacAlgorithm, SigningAlgorithm};
use crate::ids::ObjectId;
use crate::key_spec::{KeySpec, WrappingKeySpec};
use crate::secret::{SecretBytes, SecretKey};
use crate::wrapping::WrappingAlgorithm;

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

    /// HMAC-SHA-256 of one block under the secret object: the only use of symmetric key material, and the hot path. `C_Sign`.
    ///
    /// # Errors
    /// [`HsmError::ObjectMissing`], [`HsmError::ObjectMismatch`], [`HsmError::TokenUnknown`], [`HsmError::Unavailable`].
    fn mac(&self, object: &TokenObject, input: &MacInput) -> Result<SecretKey, HsmError>;

    /// Generates material of a kind in the token, frozen from birth, and gives the public half of a pair as DER
    /// SubjectPublicKeyInfo. The private half is one token object; the public half never is. A pair has been used once
    /// and what it gave was verified. `C_GenerateKey` or `C_GenerateKeyPair`.
    ///
    /// # Errors
    /// [`HsmError::ClaimLost`], [`HsmError::Unsupported`], [`HsmError::Unavailable`].
    fn generate_key(&self, object: &TokenObject, kind: KeyKind, claim: Claim<'_>) -> Result<Option<Vec<u8>>, HsmError>;

    /// The HMAC of a message of any length under the material of an HMAC key. `C_Sign`.
    ///
    /// # Errors
    /// [`HsmError::Unsupported`] and those of [`Hsm::mac`].
    fn hmac(&self, object: &TokenObject, algorithm: MacAlgorithm, message: &[u8]) -> Result<SecretBytes, HsmError>;

    /// Signs a digest, or the message itself for ED25519_SHA_512 and ML_DSA_SHAKE_256, and gives the signature as KMS does:
    /// PKCS #1 octets, DER of r and s, the 64 bytes of RFC 8032, or the bytes of FIPS 204 (empty context). `C_Sign`.
    ///
    /// # Errors
    /// [`HsmError::BadInput`] for a digest of another length, [`HsmError::Unsupported`] and those of [`Hsm::mac`].
    fn sign(&self, object: &TokenObject, algorithm: SigningAlgorithm, input: &[u8]) -> Result<Vec<u8>, HsmError>;

    /// Decrypts what was encrypted with the public half by RSAES_OAEP. `C_Decrypt`, with the padding removed by the
    /// process where the token lacks the hash.
    ///
    /// # Errors
    /// [`HsmError::BadCiphertext`], [`HsmError::Unsupported`] and those of [`Hsm::mac`].
    fn decrypt(
        &self,
        object: &TokenObject,
        algorithm: EncryptionAlgorithm,
        ciphertext: &[u8],
    ) -> Result<SecretBytes, HsmError>;

    /// Agrees on a secret with the owner of a point of the key's curve (uncompressed, `04 || x || y`); gives the x
    /// coordinate of the product, without a KDF. `C_DeriveKey` to a session object that is read once and destroyed.
    ///
    /// # Errors
    /// [`HsmError::BadInput`] for a point that is not on the curve, [`HsmError::Unsupported`] and those of [`Hsm::mac`].
    fn derive_shared_secret(&self, object: &TokenObject, spec: KeySpec, peer: &[u8]) -> Result<SecretBytes, HsmError>;

    /// Opens what was encapsulated with the public half by ML-KEM: the 32 bytes of the shared secret. A ciphertext of the
    /// right length always opens, an altered one to a secret that nobody has (FIPS 203, implicit rejection).
    /// `C_DecapsulateKey` to a session object that is read once and destroyed.
    ///
    /// # Errors
    /// [`HsmError::BadCiphertext`] for one of another length, [`HsmError::Unsupported`] and those of [`Hsm::mac`].
    fn decapsulate(&self, object: &TokenObject, spec: KeySpec, ciphertext: &[u8]) -> Result<SecretBytes, HsmError>;

    /// What tells the material of an object apart, from one use of the object itself. Of a pair the caller names the
    /// public key, and the object is proved to belong to it.
    ///
    /// # Errors
    /// [`HsmError::ObjectMismatch`] if it does not, or none is named; those of [`Hsm::mac`].
    fn identify(&self, object: &TokenObject, kind: KeyKind, public_key: Option<&[u8]>) -> Result<Identity, HsmError>;

    /// Unwraps imported material into a session object, proves that it is material of this kind (length, curve, modulus,
    /// exponent; one signature of a pair, verified) and gives its identity. Nothing stays behind. `C_UnwrapKey`, or a raw
    /// RSA decryption where the token has no such mechanism. Takes the same time for every failure up to the caller's own
    /// padding of time.
    ///
    /// # Errors
    /// [`HsmError::BadWrappedMaterial`], [`HsmError::Unsupported`] and the errors of [`Hsm::mac`] about the pair.
    fn probe_wrapped(&self, wrapped: &WrappedMaterial<'_>, kind: KeyKind) -> Result<Identity, HsmError>;

    /// Unwraps imported material straight into a token object with the frozen template, after a probe of its own.
    ///
    /// # Errors
    /// Those of [`Hsm::probe_wrapped`], and [`HsmError::ClaimLost`].
    fn unwrap_key(
        &self,
        wrapped: &WrappedMaterial<'_>,
        object: &TokenObject,
        kind: KeyKind,
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

    /// Whether the token has an ability, as its self-test at start found. Asks nothing of the token now.
    ///
    /// # Errors
    /// [`HsmError::Unsupported`] with the reason.
    fn supports(&self, ability: Ability) -> Result<(), HsmError>;
}
