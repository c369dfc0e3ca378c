//! The operations, one file each, by their names.

pub(crate) mod cancel_key_deletion;
pub(crate) mod create_alias;
pub(crate) mod create_key;
mod data_key;
mod data_key_pair;
pub(crate) mod decapsulate;
pub(crate) mod decrypt;
mod default_policy;
pub(crate) mod delete_alias;
pub(crate) mod delete_imported_key_material;
pub(crate) mod derive_shared_secret;
pub(crate) mod describe_key;
pub(crate) mod disable_key;
pub(crate) mod enable_key;
pub(crate) mod encapsulate;
pub(crate) mod encrypt;
pub(crate) mod generate_data_key;
pub(crate) mod generate_data_key_pair;
pub(crate) mod generate_data_key_pair_without_plaintext;
pub(crate) mod generate_data_key_without_plaintext;
pub(crate) mod generate_mac;
pub(crate) mod generate_random;
pub(crate) mod get_key_policy;
pub(crate) mod get_parameters_for_import;
pub(crate) mod get_public_key;
pub(crate) mod import_key_material;
pub(crate) mod list_aliases;
pub(crate) mod list_key_policies;
pub(crate) mod list_keys;
pub(crate) mod list_resource_tags;
mod mac;
#[cfg(test)]
mod model_test;
mod opening;
pub(crate) mod re_encrypt;
pub(crate) mod schedule_key_deletion;
mod sealing;
pub(crate) mod sign;
mod signing;
pub(crate) mod tag_resource;
pub(crate) mod untag_resource;
pub(crate) mod update_alias;
pub(crate) mod update_key_description;
pub(crate) mod verify;
pub(crate) mod verify_mac;

/// The answer of an operation without output: `{}`, which every client parses.
#[derive(Debug, serde::Serialize)]
#[cfg_attr(test, derive(serde::Deserialize))]
pub(crate) struct Empty {}

/// The request of an operation that takes a key and nothing else.
#[derive(Debug, serde::Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct KeyInput {
    pub(crate) key_id: String,
}
