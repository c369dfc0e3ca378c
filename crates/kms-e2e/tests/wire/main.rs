//! The wire itself: raw HTTP over TCP against one server, signed here and not by an SDK.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where")]

mod audit;
mod audit_names;
mod audit_outbox;
mod audit_shape;
mod bodies;
mod connections;
mod dispatch;
mod http;
mod key_metadata;
mod limits;
mod not_served;
mod serialization;
mod signatures;
mod signer;
mod slow_clients;
