//! Tests of the reader and the validator, most of them drawn from the shape table itself.
#![expect(clippy::unwrap_used, reason = "a helper that meets the unexpected ends its test")]

mod every_constraint;
mod every_kind;
mod expected;
mod places;
mod recorded;
mod robustness;
mod table;
mod typed_input;
