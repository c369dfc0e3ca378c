//! [`kms_hsm::Token`] on a real SoftHSM. SoftHSM reads its configuration once per process, so each test runs in a process of
//! its own with a token of its own, under `cargo test` as under nextest.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "helpers of tests may panic and print")]

mod away;
mod failpoints;
mod foreign;
mod frozen;
mod halves;
mod hmac_vectors;
mod imported_keys;
mod keys;
mod life;
mod outside;
mod place;
mod random_inputs;
mod threads;
mod torn;
mod vectors;
mod witness;
mod worker;
mod wrapping;
