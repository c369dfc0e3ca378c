//! The queries, races and constraints on a real Postgres, and publish between nodes.

mod audit_outbox;
mod fixture;
mod keys;
mod materials;
mod objects;
mod outages;
mod publish;
mod token_stores;
mod wrapping_keys;
