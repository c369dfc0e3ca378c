//! Words and rules of KMS: identifiers, specs, the operation table, key states, formats, errors and the trait of the
//! token. No I/O, no clock of its own, no async: everything here is a pure function or a type.

#[macro_use]
mod wire_enum;

pub mod algorithm;
mod alias_name;
pub mod arn;
pub mod ciphertext_blob;
pub mod clock;
pub mod encryption_context;
pub mod error;
pub mod hsm;
pub mod ids;
pub mod kdf;
pub mod key_facts;
pub mod key_ref;
pub mod key_spec;
pub mod key_state;
pub mod material_id;
pub mod operation;
pub mod random;
pub mod sealing;
pub mod secret;
pub mod wrapping;

pub use arn::{AliasAddress, KeyAddress};
pub use clock::{Clock, Timestamp};
pub use error::KmsError;
pub use hsm::{Hsm, HsmError};
pub use ids::{AccountId, KeyId, KeyMaterialId, ObjectId, Region};
pub use key_facts::{KeyFacts, Material};
pub use key_ref::KeyRef;
pub use key_state::{KeyState, key_state};
pub use operation::Operation;
