//! Our request and answer types against the published model: a missing member fails here.

use kms_model::members_of;
use serde::de::DeserializeOwned;

use super::*;
use crate::key_metadata::KeyMetadata;

fn members(shape: &kms_model::Shape) -> Vec<&'static str> {
    let mut names: Vec<_> = shape.members().iter().map(|member| member.name).collect();
    names.sort_unstable();
    names
}

fn check<I: DeserializeOwned, O: DeserializeOwned>(operation: &str) {
    let sorted = |mut names: Vec<&'static str>| {
        names.sort_unstable();
        names
    };
    let shape = kms_model::operation(operation).unwrap();
    assert_eq!(sorted(members_of::<I>()), members(shape.input), "input of {operation}");
    assert_eq!(sorted(members_of::<O>()), shape.output.map(members).unwrap_or_default(), "output of {operation}");
}

#[test]
fn requests_and_answers_have_the_members_of_the_model() {
    check::<KeyInput, cancel_key_deletion::Output>("CancelKeyDeletion");
    check::<create_alias::Input, Empty>("CreateAlias");
    check::<create_key::Input, create_key::Output>("CreateKey");
    check::<decapsulate::Input, decapsulate::Output>("Decapsulate");
    check::<decrypt::Input, decrypt::Output>("Decrypt");
    check::<delete_alias::Input, Empty>("DeleteAlias");
    check::<delete_imported_key_material::Input, delete_imported_key_material::Output>("DeleteImportedKeyMaterial");
    check::<describe_key::Input, describe_key::Output>("DescribeKey");
    check::<KeyInput, Empty>("DisableKey");
    check::<KeyInput, Empty>("EnableKey");
    check::<encapsulate::Input, encapsulate::Output>("Encapsulate");
    check::<encrypt::Input, encrypt::Output>("Encrypt");
    check::<generate_data_key::Input, generate_data_key::Output>("GenerateDataKey");
    check::<generate_data_key_without_plaintext::Input, generate_data_key_without_plaintext::Output>(
        "GenerateDataKeyWithoutPlaintext",
    );
    check::<generate_random::Input, generate_random::Output>("GenerateRandom");
    check::<derive_shared_secret::Input, derive_shared_secret::Output>("DeriveSharedSecret");
    check::<generate_data_key_pair::Input, generate_data_key_pair::Output>("GenerateDataKeyPair");
    check::<generate_data_key_pair_without_plaintext::Input, generate_data_key_pair_without_plaintext::Output>(
        "GenerateDataKeyPairWithoutPlaintext",
    );
    check::<generate_mac::Input, generate_mac::Output>("GenerateMac");
    check::<sign::Input, sign::Output>("Sign");
    check::<verify::Input, verify::Output>("Verify");
    check::<verify_mac::Input, verify_mac::Output>("VerifyMac");
    check::<get_public_key::Input, get_public_key::Output>("GetPublicKey");
    check::<get_key_policy::Input, get_key_policy::Output>("GetKeyPolicy");
    check::<get_parameters_for_import::Input, get_parameters_for_import::Output>("GetParametersForImport");
    check::<import_key_material::Input, import_key_material::Output>("ImportKeyMaterial");
    check::<list_aliases::Input, list_aliases::Output>("ListAliases");
    check::<list_key_policies::Input, list_key_policies::Output>("ListKeyPolicies");
    check::<list_keys::Input, list_keys::Output>("ListKeys");
    check::<list_resource_tags::Input, list_resource_tags::Output>("ListResourceTags");
    check::<re_encrypt::Input, re_encrypt::Output>("ReEncrypt");
    check::<schedule_key_deletion::Input, schedule_key_deletion::Output>("ScheduleKeyDeletion");
    check::<tag_resource::Input, Empty>("TagResource");
    check::<untag_resource::Input, Empty>("UntagResource");
    check::<update_alias::Input, Empty>("UpdateAlias");
    check::<update_key_description::Input, Empty>("UpdateKeyDescription");
}

#[test]
fn key_metadata_has_no_member_that_the_model_lacks() {
    let output = kms_model::operation("DescribeKey").unwrap().output.unwrap();
    let known = members(output.members()[0].shape);
    // What a single-Region key of the default store never has.
    let never = [
        "CloudHsmClusterId",
        "CustomKeyStoreId",
        "MultiRegionConfiguration",
        "PendingDeletionWindowInDays",
        "XksKeyConfiguration",
    ];
    let mut ours = members_of::<KeyMetadata>();
    ours.extend(never);
    ours.sort_unstable();
    assert_eq!(ours, known);
}
