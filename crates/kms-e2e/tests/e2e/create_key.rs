//! CreateKey.

use aws_sdk_kms::types::{EncryptionAlgorithmSpec, KeyManagerType, KeySpec, KeyState, KeyUsageType, OriginType, Tag};
use kms_e2e::{Server, client, fresh_account, objects_of_key};

use crate::refusal::refused;
use crate::support::{REGION, describe, fresh, now};

/// The refusal of U+0000 in a description.
pub(crate) const NO_NUL: &str = "1 validation error detected: Value at 'description' failed to satisfy constraint: Member \
                                 must satisfy regular expression pattern: [^\\u0000]*";

#[tokio::test]
async fn a_new_key_has_the_metadata_of_its_request() {
    let account = fresh_account();
    let client = client(Server::shared().endpoint(), &account, REGION);
    let before = now().unix_timestamp();
    let made = client.create_key().description("for tests").send().await.unwrap().key_metadata.unwrap();
    assert_eq!(made.aws_account_id(), Some(account.as_str()));
    assert_eq!(made.arn(), Some(format!("arn:aws:kms:{REGION}:{account}:key/{}", made.key_id()).as_str()));
    assert_eq!((made.description(), made.enabled()), (Some("for tests"), true));
    assert_eq!((made.key_state(), made.origin()), (Some(&KeyState::Enabled), Some(&OriginType::AwsKms)));
    assert_eq!(
        (made.key_spec(), made.key_usage()),
        (Some(&KeySpec::SymmetricDefault), Some(&KeyUsageType::EncryptDecrypt))
    );
    assert_eq!(made.encryption_algorithms(), [EncryptionAlgorithmSpec::SymmetricDefault]);
    assert_eq!((made.key_manager(), made.multi_region()), (Some(&KeyManagerType::Customer), Some(false)));
    assert!((before..=now().unix_timestamp()).contains(&made.creation_date().unwrap().secs()));
    assert_eq!(made.current_key_material_id().map(str::len), Some(64));
    assert_eq!((made.expiration_model(), made.valid_to(), made.deletion_date()), (None, None, None));
    assert_eq!(describe(&client, made.key_id()).await, made);
    assert_eq!(objects_of_key(Server::shared().data_dir(), made.key_id()).unwrap(), 1, "its material is in the token");
}

#[tokio::test]
async fn a_new_external_key_waits_for_its_material() {
    let client = fresh();
    let made = client.create_key().origin(OriginType::External).send().await.unwrap().key_metadata.unwrap();
    assert_eq!((made.key_state(), made.enabled()), (Some(&KeyState::PendingImport), false));
    assert_eq!(made.origin(), Some(&OriginType::External));
    assert_eq!((made.current_key_material_id(), made.expiration_model(), made.valid_to()), (None, None, None));
    assert_eq!(describe(&client, made.key_id()).await, made);
    assert_eq!(objects_of_key(Server::shared().data_dir(), made.key_id()).unwrap(), 0);
}

#[tokio::test]
#[expect(deprecated, reason = "old callers still send the member")]
async fn spec_and_usage_must_go_together() {
    use aws_sdk_kms::types::CustomerMasterKeySpec;
    let client = fresh();
    let create = || client.create_key();
    let by_twin = create().customer_master_key_spec(CustomerMasterKeySpec::SymmetricDefault).send().await.unwrap();
    assert_eq!(by_twin.key_metadata.unwrap().key_spec(), Some(&KeySpec::SymmetricDefault));
    let both =
        create().key_spec(KeySpec::SymmetricDefault).customer_master_key_spec(CustomerMasterKeySpec::SymmetricDefault);
    refused(both.send().await).is(
        "ValidationException",
        "You cannot specify KeySpec and CustomerMasterKeySpec in the same request. CustomerMasterKeySpec is deprecated.",
    );
    refused(create().key_spec(KeySpec::Rsa2048).send().await).is(
        "ValidationException",
        "You must specify a KeyUsage value for all KMS keys except for symmetric encryption keys.",
    );
    let agreement = create().key_spec(KeySpec::Rsa2048).key_usage(KeyUsageType::KeyAgreement);
    refused(agreement.send().await)
        .is("ValidationException", "KeyUsage KEY_AGREEMENT is not compatible with KeySpec RSA_2048");
    refused(create().key_usage(KeyUsageType::SignVerify).send().await).is(
        "ValidationException",
        "The operation failed because the KeyUsage value of the CMK is SIGN_VERIFY. To perform this operation, the \
         KeyUsage value must be ENCRYPT_DECRYPT.",
    );
    let unknown = refused(create().key_spec(KeySpec::from("AES_512")).send().await);
    assert_eq!(unknown.code, "ValidationException");
    let prefix = "1 validation error detected: Value 'AES_512' at 'keySpec' failed to satisfy constraint: Member must \
                  satisfy enum value set: [";
    assert!(unknown.message.unwrap().starts_with(prefix));
}

#[tokio::test]
pub(crate) async fn what_is_not_served_yet_is_unsupported() {
    let client = fresh();
    let create = || client.create_key();
    let unsupported = "UnsupportedOperationException";
    let lattice = create().key_spec(KeySpec::MlDsa44).key_usage(KeyUsageType::SignVerify);
    refused(lattice.clone().send().await)
        .is(unsupported, "the token cannot serve this: the token has no working ML-DSA");
    refused(lattice.origin(OriginType::External).send().await)
        .is(unsupported, "Key material of KeySpec ML_DSA_44 cannot be imported.");
    refused(create().multi_region(true).send().await).is(unsupported, "Multi-Region keys are not served yet.");
    let stores = "Custom key stores are not served yet.";
    refused(create().custom_key_store_id("cks-0123456789abcdef0").send().await).is(unsupported, stores);
    refused(create().xks_key_id("k").send().await).is(unsupported, stores);
    refused(create().origin(OriginType::AwsCloudhsm).send().await).is(unsupported, stores);
    refused(create().origin(OriginType::ExternalKeyStore).send().await).is(unsupported, stores);
    let other = policy("arn:aws:iam::999999999999:root");
    refused(create().policy(other).send().await)
        .is(unsupported, "Key policies other than the default one are not served yet.");
}

#[tokio::test]
pub(crate) async fn a_policy_must_be_one_and_not_too_long() {
    let account = fresh_account();
    let client = client(Server::shared().endpoint(), &account, REGION);
    let create = |policy: String| client.create_key().policy(policy).bypass_policy_lockout_safety_check(true).send();
    let default = policy(&format!("arn:aws:iam::{account}:root"));
    assert_eq!(create(default).await.unwrap().key_metadata.unwrap().key_state(), Some(&KeyState::Enabled));
    refused(create("{".to_owned()).await).is_without_text("MalformedPolicyDocumentException");
    refused(create("{}".to_owned()).await).is_without_text("MalformedPolicyDocumentException");
    refused(create(" ".repeat(32_769)).await)
        .is("LimitExceededException", "The key policy is longer than 32768 bytes.");
}

#[tokio::test]
pub(crate) async fn tags_follow_their_rules() {
    let client = fresh();
    let tag = |key: &str, value: &str| Tag::builder().tag_key(key).tag_value(value).build().unwrap();
    let create = |tags: Vec<Tag>| client.create_key().set_tags(Some(tags)).send();
    create((0..50).map(|n| tag(&format!("tag {n}"), "Größe")).collect()).await.unwrap();
    let many = (0..51).map(|n| tag(&n.to_string(), "")).collect();
    refused(create(many).await).is("TagException", "Too many tags");
    refused(create(vec![tag("a", "1"), tag("a", "2")]).await).is("TagException", "Duplicate tag keys");
    refused(create(vec![tag("AWS:a", "1")]).await).is("TagException", "Tags beginning with aws: are reserved");
    refused(create(vec![tag("a", "My & My Team")]).await).is("TagException", "Invalid tag");
    refused(create(vec![tag(&"k".repeat(129), "")]).await).is(
        "ValidationException",
        format!(
            "1 validation error detected: Value '{}' at 'tags.1.member.tagKey' failed to satisfy constraint: Member \
             must have length less than or equal to 128",
            "k".repeat(129)
        ),
    );
}

#[tokio::test]
async fn a_refused_creation_makes_no_key() {
    let client = fresh();
    refused(client.create_key().policy("{").send().await);
    refused(client.create_key().multi_region(true).send().await);
    assert!(client.list_keys().send().await.unwrap().keys().is_empty());
}

#[tokio::test]
async fn a_description_has_at_most_8192_characters() {
    let client = fresh();
    let made = client.create_key().description("é".repeat(8192)).send().await.unwrap().key_metadata.unwrap();
    assert_eq!(made.description().map(|text| text.chars().count()), Some(8192));
    let refusal = refused(client.create_key().description("é".repeat(8193)).send().await);
    assert!(refusal.message.unwrap().ends_with("Member must have length less than or equal to 8192"));
}

#[tokio::test]
async fn a_description_with_u0000_is_refused_and_makes_no_key() {
    let client = fresh();
    refused(client.create_key().description("a\0b").send().await).is("ValidationException", NO_NUL);
    assert!(client.list_keys().send().await.unwrap().keys().is_empty());
    let made = client.create_key().description("a\u{1}\u{7f}b").send().await.unwrap().key_metadata.unwrap();
    assert_eq!(made.description(), Some("a\u{1}\u{7f}b"), "every other character is served");
}

fn policy(principal: &str) -> String {
    format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Sid":"all","Effect":"Allow","Principal":{{"AWS":"{principal}"}},
        "Action":"kms:*","Resource":"*"}}]}}"#
    )
}
