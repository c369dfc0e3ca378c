//! The rows in Postgres, and how a change to them reaches every node: models, queries, migrations, publish and lease.
//! The only user of diesel; nothing of it shows in a signature.
//!
//! [`Metadata::read`] and [`Metadata::write`] give a transaction, [`Tx`], whose methods are the queries, one file per noun.
//! Keys that a transaction changed are published with its COMMIT: [`Metadata::write`] returns when every node with a live
//! lease has dropped what it cached of them (design.md 6, object-protocol.md 5).

mod aliases;
mod audit_outbox;
mod error;
mod import_mismatches;
mod keys;
mod lease;
mod listener;
mod materials;
mod measures;
mod metadata;
mod migrations;
mod nodes;
mod object_row;
mod objects;
mod policies;
mod pool;
mod publish;
mod schema;
mod tags;
mod token_stores;
mod tx;
mod wrapping_keys;

pub use aliases::Alias;
pub use audit_outbox::OutboxRecord;
pub use error::MetadataError;
pub use keys::{KeyChange, KeyRow, TryLock};
pub use lease::{Invalidate, Lease};
pub use measures::Measures;
pub use metadata::{DEFAULT_LEASE, Metadata, MetadataConfig};
pub use migrations::{SchemaState, migrate, schema_state};
pub use object_row::{NewObject, ObjectRow, ObjectState};
pub use token_stores::TokenStore;
pub use tx::Tx;
pub use wrapping_keys::WrappingKey;
