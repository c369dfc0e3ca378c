//! The PKCS#11 token: the only user of cryptoki. [`Token`] implements [`kms_core::Hsm`].
//!
//! A token is opened once per process and shared by all threads. Handles are cached by `CKA_ID`, writes go through one
//! lock across processes, and a search counts only between two sightings of the sentinel object, so an absent object is
//! never mistaken for an absent token. What is peculiar to a make of token stays in `quirks`.

mod agreement;
mod capabilities;
mod completeness;
mod config;
mod curve;
mod decapsulation;
mod decryption;
mod deployment;
mod destroy;
mod error;
mod exit;
mod handle_cache;
mod hsm;
mod identity;
mod key_form;
mod lattice;
mod list;
mod make;
mod mechanism;
mod module;
mod outside;
mod pair;
mod public_key;
mod quirks;
mod raw;
pub mod scan;
mod search;
mod self_test;
mod sentinel;
mod session;
mod signing;
mod template;
mod token;
mod torn;
mod use_object;
mod wrapping;
mod write_lock;

pub use capabilities::{Capabilities, KindRow, RsaUnwrap, Served};
pub use config::{OpenError, TokenConfig};
pub use mechanism::{Kwp, MechanismNeed, NEEDED_MECHANISMS};
pub use quirks::softhsm::token_file::{TokenFileState, token_file_state};
pub use token::{Token, TokenIdentity};
