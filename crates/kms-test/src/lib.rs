//! Throw-away Postgres databases and tokens for tests. A dev-dependency only.
//!
//! [`TestDatabase`] is a database of one's own, [`TestToken`] a copy of a fresh token. Under `with-test-cluster` (which
//! `cargo xtask test` uses) all test processes share one Postgres and one template token. Without it, as in
//! `cargo test -p CRATE`, each process makes its own at first use; both end with the process, even after SIGKILL.
//!
//! These are helpers of tests: whatever goes wrong panics with the reason.

mod database;
mod services;
mod token;

pub use database::TestDatabase;
pub use kms_local::EphemeralFolder;
pub use services::{SharedServices, TOKEN_LABEL};
pub use token::TestToken;
