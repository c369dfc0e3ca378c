//! The verifier of Signature Version 4, from outside.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod differential;
mod hostile;
mod public_suite;
mod support;
mod tampering;
mod texts;
mod traps;
