//! The wire itself: raw HTTP over TCP against one server, signed here and not by an SDK.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where")]

mod audit;
mod audit_files;
mod audit_names;
mod audit_outbox;
mod audit_shape;
mod audit_table;
mod bodies;
mod connections;
mod dispatch;
mod every_body;
mod every_constraint;
mod every_kind;
#[path = "../../../kms-model/tests/model/expected.rs"]
mod expected;
mod http;
mod key_metadata;
mod limits;
mod not_served;
#[expect(dead_code, reason = "shared with the tests of kms-model, which read bodies without a server")]
#[path = "../../../kms-model/tests/model/places.rs"]
mod places;
mod serialization;
mod signatures;
mod signer;
mod slow_clients;
mod talk;
mod throttling;
