//! End-to-end tests through the official SDK: one server for all of them, a fresh account for each.
//!
//! Tests that move the clock or break something have servers of their own.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where")]

mod accounts;
mod calls;
mod cancel_key_deletion;
mod create_alias;
mod create_key;
mod decrypt;
mod delete_alias;
mod delete_imported_key_material;
mod delete_races;
mod describe_key;
mod dev;
mod disable_key;
mod enable_key;
mod encrypt;
mod errors;
mod expiry;
mod generate_data_key;
mod generate_data_key_without_plaintext;
mod generate_random;
mod get_key_policy;
mod get_parameters_for_import;
mod import_key_material;
mod import_refusals;
mod key_ids;
mod list_aliases;
mod list_key_policies;
mod list_keys;
mod list_resource_tags;
mod not_served;
mod other_kinds;
mod outages;
mod post_quantum;
mod re_encrypt;
mod refusal;
mod schedule_key_deletion;
mod states;
mod support;
mod tag_resource;
mod tools;
mod two_nodes;
mod untag_resource;
mod update_alias;
mod update_key_description;
mod use_after_change;
