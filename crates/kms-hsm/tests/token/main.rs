//! [`kms_hsm::Token`] on a real SoftHSM. SoftHSM reads its configuration once per process, so each test runs in a process of
//! its own with a token of its own, under `cargo test` as under nextest.

mod life;
mod place;
mod worker;
