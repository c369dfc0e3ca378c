//! [`kms_hsm::Token`] on a real SoftHSM, and `conformance` on every make of token that is here. A library reads
//! its configuration once per process, so each test runs in a process of its own with a token of its own, under `cargo test` as
//! under nextest.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "helpers of tests may panic and print")]

mod away;
mod conformance;
mod failpoints;
mod foreign;
mod halves;
mod hmac_vectors;
mod outside;
mod place;
mod self_test;
mod torn;
mod vectors;
mod witness;
mod worker;
