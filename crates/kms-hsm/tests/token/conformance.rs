//! What every make of token must do with what it says it can do: create, use, import, delete, refuse, for every kind of key and
//! every algorithm. What is tried is chosen by what the token says of itself, never by its name; what it says is held
//! against the table in `docs/tokens.md`.

mod frozen;
mod imports;
pub(crate) mod keys;
mod kills;
mod life;
mod other_processes;
mod random_inputs;
mod table;
mod threads;
mod uses;
pub(crate) mod wrapping;
