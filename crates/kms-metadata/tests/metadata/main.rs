//! The queries, races and constraints on a real Postgres, and publish between nodes.

#![expect(clippy::unwrap_used, reason = "these are tests; clippy sees it only in functions marked as such")]

mod aliases;
mod audit_outbox;
mod fixture;
mod import_mismatches;
mod keys;
mod materials;
mod objects;
mod outages;
mod policies;
mod publish;
mod tags;
mod token_stores;
mod wrapping_keys;
