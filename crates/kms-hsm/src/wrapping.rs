//! Imported material: unwrapping it without keeping anything wrong, and the RSA pairs it is wrapped to.
//! Source: cryptography.md 3.

mod import;
pub(crate) mod oaep;
mod pair;
pub(crate) mod session_object;
pub(crate) mod source;
