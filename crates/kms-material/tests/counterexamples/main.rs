//! The fifteen ways in which a protocol between rows and token objects breaks (object-protocol.md 1), each as a test that
//! the protocol as implemented passes: on real Postgres and a real SoftHSM token, with pauses, deaths and lost
//! acknowledgements at failpoints. Two nodes are two keepers over two metadata; where the boundary of processes matters
//! they are processes.

#![expect(clippy::unwrap_used, reason = "these are tests; clippy sees it only in functions marked as such")]

mod deletes;
mod faulty;
mod imports;
mod kinds;
mod lease;
mod lost;
mod pause;
mod place;
mod processes;
mod races;
mod reconciler;
mod token_errors;
mod unknown;
mod world;
