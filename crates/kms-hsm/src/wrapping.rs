//! Imported material: unwrapping it without keeping anything wrong, and the RSA pairs it is wrapped to.
//! Source: cryptography.md 3.

pub(crate) mod candidate;
mod import;
pub(crate) mod oaep;
mod pair;
pub(crate) mod private_key;
pub(crate) mod session_object;
pub(crate) mod source;
