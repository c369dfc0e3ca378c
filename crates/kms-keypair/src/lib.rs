//! Everything about key pairs that happens outside the token: public keys and what is done with them (verify, encrypt,
//! encapsulate), data key pairs, and the checks of private keys that a client imports. Pure functions; no I/O, no clock.
//! Private keys of KMS keys are never here: an imported one passes through on its way into the token, a data key pair is
//! the client's. Source: key-specs.md 2, 3, 5, 6 and 7; cryptography.md 2 and 7.
//!
//! Which library does what: aws-lc-rs verifies, encrypts, encapsulates and makes pairs; the RustCrypto crates do what it has
//! no function for (Ed25519ph, ML-DSA over mu, points recovered from signatures, ML-KEM from a seed). Tests hold one against
//! the other.

mod agreement;
mod curve;
mod data_key_pair;
mod ecdsa_signature;
mod encapsulation;
mod encryption;
pub mod imported;
mod public_key;
mod recovery;
mod sign_input;
mod spki;
mod verification;

pub use agreement::peer_point;
pub use curve::EcCurve;
pub use data_key_pair::{DataKeyPair, GenerateError, generate_data_key_pair};
pub use ecdsa_signature::{ecdsa_from_der, ecdsa_to_der};
pub use encapsulation::{EncapsulateError, Encapsulated, KemSizes, kem_sizes};
pub use encryption::{EncryptError, max_plaintext_bytes};
pub use public_key::{BadPublicKey, PublicKey};
pub use recovery::{DigestAndSignature, ecdsa_recover_point, recovery_candidates};
pub use sign_input::{BadSignInput, SignInput, digest_info, digest_of};
pub use verification::BadSignature;

/// Returned where a signature that a token gave is not `r || s` of its curve, or a DER signature is none.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("not an ECDSA signature of this curve")]
pub struct BadEcdsaSignature;
