//! What every make of token must do with what it says it can do: create, use, import, delete, refuse, for every kind of key and
//! every algorithm. What is tried is chosen by what the token says of itself, never by its name.

pub(crate) mod imports;
pub(crate) mod keys;
pub(crate) mod random_inputs;
pub(crate) mod uses;
pub(crate) mod wrapping;
