//! The table behind docs/errors.md.

use kms_core::Operation;

use crate::{
    create_alias, create_key, decrypt, delete_alias, delete_imported_key_material, encrypt, generate_data_key,
    generate_data_key_without_plaintext, generate_random, get_parameters_for_import, import_key_material,
    import_refusals, key_ids, list_aliases, list_keys, list_resource_tags, other_kinds, outages, post_quantum,
    re_encrypt, states, tag_resource, update_alias,
};

/// A declared error of an operation.
pub(super) struct Row {
    pub(super) operation: Operation,
    pub(super) error: &'static str,
    pub(super) sight: Sight,
}

/// Whether somebody sees it.
pub(super) enum Sight {
    /// A test, by its name; the function itself is there so that a row cannot name a test that is gone.
    Seen { test: &'static str, _function: fn() },
    /// Nobody can, for this reason.
    Never(&'static str),
}

macro_rules! seen {
    ($test:path) => {
        Sight::Seen { test: stringify!($test), _function: $test }
    };
}

const UNSUPPORTED: &str = "UnsupportedOperationException";
const NO_STORES: &str = "custom key stores are not served; asking for one is an UnsupportedOperationException";
const NO_QUOTA: &str = "there is no quota on enabled keys";
const NO_UNAVAILABLE: &str =
    "a token that does not answer is a DependencyTimeoutException, a missing object a KMSInternalException";
const NO_ROWS: &str = "it reads no rows, and a SoftHSM token gives random bytes whatever happens to its folder; the words are \
                       the same for all operations";
const ARN_NOT_FOUND: &str = "KMS answers NotFoundException to broken ARNs, and aliases are allowed here";
const EVERY_STATE: &str = "it works in every state of a key";
const NO_ARN: &str = "the request names no key";

/// All rows.
pub(super) fn rows() -> Vec<Row> {
    let mut rows = Vec::new();
    for operation in kms_service::SERVED {
        rows.extend(own(*operation).into_iter().map(|(error, sight)| Row { operation: *operation, error, sight }));
        let shape = kms_model::operation(operation.name()).expect("every operation has a shape");
        for error in shape.errors {
            if let Some(sight) = common(*operation, error.name) {
                rows.push(Row { operation: *operation, error: error.name, sight });
            }
        }
    }
    rows
}

/// What one test sees at every operation that declares it.
fn common(operation: Operation, error: &str) -> Option<Sight> {
    Some(match (error, operation) {
        ("DependencyTimeoutException" | "KMSInternalException", Operation::GenerateRandom) => Sight::Never(NO_ROWS),
        ("DependencyTimeoutException", _) => seen!(outages::while_postgres_stands_still_every_operation_times_out),
        ("KMSInternalException", _) => {
            seen!(outages::rows_that_cannot_be_read_are_an_internal_error_of_every_operation)
        }
        ("NotFoundException", Operation::DeleteAlias) => {
            seen!(delete_alias::an_alias_that_does_not_exist_is_not_found)
        }
        ("NotFoundException", _) => seen!(key_ids::a_key_that_does_not_exist_is_not_found_by_any_operation),
        ("InvalidArnException", Operation::DescribeKey | Operation::GetPublicKey) => Sight::Never(ARN_NOT_FOUND),
        ("InvalidArnException", Operation::CreateKey) => Sight::Never(NO_ARN),
        ("InvalidArnException", _) => {
            seen!(key_ids::an_alias_is_refused_where_only_keys_may_stand_and_not_found_elsewhere)
        }
        ("DisabledException", _) => seen!(states::a_disabled_key_answers_as_the_table_says),
        ("KMSInvalidStateException", Operation::CancelKeyDeletion) => {
            seen!(states::an_enabled_key_answers_as_the_table_says)
        }
        ("KMSInvalidStateException", Operation::DeleteAlias | Operation::GetKeyPolicy | Operation::ListKeyPolicies) => {
            Sight::Never(EVERY_STATE)
        }
        ("KMSInvalidStateException", Operation::DeleteImportedKeyMaterial) => {
            Sight::Never("only the states of multi-Region keys refuse it, and these are not served")
        }
        ("KMSInvalidStateException", _) => seen!(states::a_key_pending_deletion_answers_as_the_table_says),
        ("KeyUnavailableException", _) => Sight::Never(NO_UNAVAILABLE),
        ("CustomKeyStoreNotFoundException" | "CustomKeyStoreInvalidStateException", _) => Sight::Never(NO_STORES),
        _ => return None,
    })
}

/// What an operation sees in a way of its own.
fn own(operation: Operation) -> Vec<(&'static str, Sight)> {
    const DRY_RUN: &str = "DryRunOperationException";
    const GRANT_TOKEN: &str = "InvalidGrantTokenException";
    const USAGE: &str = "InvalidKeyUsageException";
    match operation {
        Operation::CreateKey => vec![
            (UNSUPPORTED, seen!(create_key::what_is_not_served_yet_is_unsupported)),
            ("MalformedPolicyDocumentException", seen!(create_key::a_policy_must_be_one_and_not_too_long)),
            ("LimitExceededException", seen!(create_key::a_policy_must_be_one_and_not_too_long)),
            ("TagException", seen!(create_key::tags_follow_their_rules)),
            ("CloudHsmClusterInvalidConfigurationException", Sight::Never(NO_STORES)),
            ("XksKeyInvalidConfigurationException", Sight::Never(NO_STORES)),
            ("XksKeyAlreadyInUseException", Sight::Never(NO_STORES)),
            ("XksKeyNotFoundException", Sight::Never(NO_STORES)),
        ],
        Operation::EnableKey => vec![("LimitExceededException", Sight::Never(NO_QUOTA))],
        Operation::ListKeys => {
            vec![("InvalidMarkerException", seen!(list_keys::a_marker_that_this_list_did_not_give_is_invalid))]
        }
        Operation::Encrypt => vec![
            (DRY_RUN, seen!(encrypt::a_dry_run_says_that_it_would_have_worked_or_why_not)),
            (GRANT_TOKEN, seen!(encrypt::no_grant_token_is_valid_while_grants_are_not_served)),
            (USAGE, seen!(encrypt::an_algorithm_for_other_keys_does_not_fit)),
        ],
        Operation::Decrypt => vec![
            (DRY_RUN, seen!(decrypt::a_dry_run_opens_nothing)),
            (GRANT_TOKEN, seen!(decrypt::no_grant_token_is_valid_while_grants_are_not_served)),
            (USAGE, seen!(decrypt::an_algorithm_for_other_keys_does_not_fit)),
            (
                "IncorrectKeyException",
                seen!(decrypt::another_key_than_the_one_that_encrypted_is_incorrect_whatever_its_state),
            ),
            ("InvalidCiphertextException", seen!(decrypt::a_ciphertext_that_was_touched_anywhere_does_not_open)),
        ],
        Operation::ReEncrypt => vec![
            (DRY_RUN, seen!(re_encrypt::a_dry_run_makes_nothing)),
            (GRANT_TOKEN, seen!(re_encrypt::no_grant_token_is_valid_while_grants_are_not_served)),
            (USAGE, seen!(re_encrypt::an_algorithm_for_other_keys_does_not_fit_on_either_side)),
            ("IncorrectKeyException", seen!(re_encrypt::another_source_key_than_the_one_that_encrypted_is_incorrect)),
            ("InvalidCiphertextException", seen!(re_encrypt::a_ciphertext_that_does_not_open_is_invalid)),
        ],
        Operation::GenerateDataKey => vec![
            (DRY_RUN, seen!(generate_data_key::a_dry_run_gives_no_key)),
            (GRANT_TOKEN, seen!(generate_data_key::no_grant_token_is_valid_while_grants_are_not_served)),
            (USAGE, seen!(other_kinds::a_key_of_another_usage_makes_no_data_key)),
        ],
        Operation::GenerateDataKeyWithoutPlaintext => vec![
            (DRY_RUN, seen!(generate_data_key_without_plaintext::a_dry_run_gives_no_key)),
            (
                GRANT_TOKEN,
                seen!(generate_data_key_without_plaintext::no_grant_token_is_valid_while_grants_are_not_served),
            ),
            (USAGE, seen!(other_kinds::a_key_of_another_usage_makes_no_data_key)),
        ],
        Operation::GenerateRandom => {
            vec![(UNSUPPORTED, seen!(generate_random::custom_key_stores_and_recipients_are_unsupported))]
        }
        Operation::CreateAlias | Operation::UpdateAlias | Operation::ListAliases => own_of_aliases(operation),
        Operation::TagResource | Operation::UntagResource | Operation::ListResourceTags => own_of_tags(operation),
        _ if operation.key_usage().is_some() || operation == Operation::GetPublicKey => own_of_other_kinds(operation),
        _ => own_of_import(operation),
    }
}

/// The same for the operations of pairs and HMAC keys.
fn own_of_other_kinds(operation: Operation) -> Vec<(&'static str, Sight)> {
    let test = || match operation {
        Operation::Sign => seen!(other_kinds::sign_refuses_what_is_not_its_own),
        Operation::Verify => {
            seen!(other_kinds::verify_takes_the_signature_of_the_message_or_its_digest_and_no_other)
        }
        Operation::GetPublicKey => seen!(other_kinds::a_public_key_is_given_for_pairs_alone),
        Operation::DeriveSharedSecret => {
            seen!(other_kinds::a_secret_is_agreed_with_a_peer_on_the_same_curve_alone)
        }
        Operation::Encapsulate => seen!(post_quantum::a_secret_is_encapsulated_with_the_public_key),
        Operation::Decapsulate => {
            seen!(post_quantum::a_ciphertext_of_another_length_is_none_and_any_other_opens_to_something)
        }
        Operation::GenerateDataKeyPair => seen!(other_kinds::a_data_key_pair_is_made_under_a_symmetric_key),
        Operation::GenerateDataKeyPairWithoutPlaintext => {
            seen!(other_kinds::a_data_key_pair_without_plaintext_leaves_the_private_half_out)
        }
        _ => seen!(other_kinds::a_mac_is_generated_and_verified_for_its_message_alone),
    };
    let mut rows = vec![("InvalidGrantTokenException", test())];
    if operation == Operation::GetPublicKey {
        rows.push(("InvalidKeyUsageException", Sight::Never("a public key may be read whatever the usage of its key")));
    } else {
        rows.extend([("InvalidKeyUsageException", test()), ("DryRunOperationException", test())]);
    }
    match operation {
        Operation::Verify => rows.push(("KMSInvalidSignatureException", test())),
        Operation::Decapsulate => rows.push(("InvalidCiphertextException", test())),
        Operation::VerifyMac => rows.push(("KMSInvalidMacException", test())),
        Operation::GetPublicKey | Operation::GenerateDataKeyPair | Operation::GenerateDataKeyPairWithoutPlaintext => {
            rows.push((UNSUPPORTED, test()))
        }
        _ => {}
    }
    rows
}

/// The same for aliases.
fn own_of_aliases(operation: Operation) -> Vec<(&'static str, Sight)> {
    const LIMIT: &str = "LimitExceededException";
    match operation {
        Operation::CreateAlias => vec![
            ("AlreadyExistsException", seen!(create_alias::a_name_is_given_once)),
            ("InvalidAliasNameException", seen!(create_alias::a_name_follows_its_rules)),
            (LIMIT, seen!(create_alias::a_key_has_at_most_50_aliases)),
        ],
        Operation::UpdateAlias => vec![(LIMIT, seen!(update_alias::a_key_with_50_aliases_takes_no_other))],
        _ => vec![("InvalidMarkerException", seen!(list_aliases::a_marker_belongs_to_its_list))],
    }
}

/// The same for tags.
fn own_of_tags(operation: Operation) -> Vec<(&'static str, Sight)> {
    match operation {
        Operation::TagResource => vec![
            ("TagException", seen!(tag_resource::tags_follow_their_rules)),
            ("LimitExceededException", Sight::Never("too many tags are a TagException")),
        ],
        Operation::UntagResource => vec![(
            "TagException",
            Sight::Never("a tag key that no key can have is one that this key does not have, which is no error"),
        )],
        _ => vec![("InvalidMarkerException", seen!(list_resource_tags::a_marker_belongs_to_its_list))],
    }
}

/// The same for the operations of imported material.
fn own_of_import(operation: Operation) -> Vec<(&'static str, Sight)> {
    match operation {
        Operation::GetParametersForImport => vec![(
            UNSUPPORTED,
            seen!(get_parameters_for_import::what_kms_refuses_itself_and_keys_of_another_origin_are_unsupported),
        )],
        Operation::ImportKeyMaterial => vec![
            (UNSUPPORTED, seen!(import_refusals::a_key_whose_material_is_made_here_takes_no_import)),
            (
                "InvalidCiphertextException",
                seen!(import_refusals::what_does_not_unwrap_to_32_bytes_is_an_invalid_ciphertext),
            ),
            ("IncorrectKeyMaterialException", seen!(import_key_material::each_import_type_has_its_answer)),
            ("ExpiredImportTokenException", seen!(import_refusals::an_import_token_is_good_for_24_hours)),
            (
                "InvalidImportTokenException",
                seen!(import_refusals::an_import_token_of_another_key_or_of_nobody_is_invalid),
            ),
        ],
        Operation::DeleteImportedKeyMaterial => {
            vec![(UNSUPPORTED, seen!(delete_imported_key_material::a_key_whose_material_is_made_here_keeps_it))]
        }
        _ => Vec::new(),
    }
}
