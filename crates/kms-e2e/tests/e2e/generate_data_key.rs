//! GenerateDataKey.

use aws_sdk_kms::primitives::Blob;
use aws_sdk_kms::types::{DataKeySpec, RecipientInfo};

use crate::refusal::refused;
use crate::support::{arn, decrypt, fresh, new_key};

#[tokio::test]
async fn a_data_key_has_the_length_asked_for_and_its_ciphertext_opens_to_it() {
    let client = fresh();
    let key = new_key(&client).await;
    let by_spec = |spec| client.generate_data_key().key_id(key.key_id()).key_spec(spec);
    let by_length = |length| client.generate_data_key().key_id(key.key_id()).number_of_bytes(length);
    let calls = [
        (by_spec(DataKeySpec::Aes128), 16),
        (by_spec(DataKeySpec::Aes256), 32),
        (by_length(1), 1),
        (by_length(64), 64),
        (by_length(1024), 1024),
    ];
    for (call, length) in calls {
        let answer = call.send().await.unwrap();
        assert_eq!(answer.plaintext().unwrap().as_ref().len(), length);
        assert_eq!(answer.key_id(), Some(arn(&key)));
        assert_eq!(answer.key_material_id(), key.current_key_material_id());
        assert_eq!(decrypt(&client, answer.ciphertext_blob().unwrap()).await, answer.plaintext().unwrap().as_ref());
    }
}

#[tokio::test]
async fn no_two_data_keys_are_equal() {
    let client = fresh();
    let key = new_key(&client).await;
    let mut seen = std::collections::HashSet::new();
    for _ in 0..50 {
        let answer =
            client.generate_data_key().key_id(key.key_id()).key_spec(DataKeySpec::Aes256).send().await.unwrap();
        assert!(seen.insert(answer.plaintext.unwrap().into_inner()));
    }
}

#[tokio::test]
async fn the_context_of_a_data_key_is_needed_to_open_it() {
    let client = fresh();
    let key = new_key(&client).await;
    let call = client.generate_data_key().key_id(key.key_id()).key_spec(DataKeySpec::Aes256);
    let answer = call.encryption_context("tenant", "größer").send().await.unwrap();
    let open = || client.decrypt().ciphertext_blob(answer.ciphertext_blob().unwrap().clone());
    assert_eq!(open().encryption_context("tenant", "größer").send().await.unwrap().plaintext(), answer.plaintext());
    refused(open().send().await).is_without_text("InvalidCiphertextException");
}

#[tokio::test]
async fn exactly_one_length_must_be_given_and_this_is_asked_before_the_state() {
    let client = fresh();
    let key = new_key(&client).await;
    client.disable_key().key_id(key.key_id()).send().await.unwrap();
    let neither = client.generate_data_key().key_id(key.key_id());
    let both = neither.clone().key_spec(DataKeySpec::Aes256).number_of_bytes(32);
    for call in [neither, both] {
        refused(call.send().await).is("ValidationException", "Please specify either number of bytes or key spec.");
    }
    for (length, words) in [(0, "greater than or equal to 1"), (1025, "less than or equal to 1024")] {
        refused(client.generate_data_key().key_id(key.key_id()).number_of_bytes(length).send().await).is(
            "ValidationException",
            format!(
                "1 validation error detected: Value '{length}' at 'numberOfBytes' failed to satisfy constraint: Member \
                 must have value {words}"
            ),
        );
    }
    let unknown = client.generate_data_key().key_id(key.key_id()).key_spec(DataKeySpec::from("RSA_2048"));
    let text = refused(unknown.send().await).message.unwrap();
    assert!(text.starts_with(
        "1 validation error detected: Value 'RSA_2048' at 'keySpec' failed to satisfy constraint: Member must satisfy \
         enum value set: ["
    ));
}

#[tokio::test]
pub(crate) async fn a_dry_run_gives_no_key() {
    let client = fresh();
    let key = new_key(&client).await;
    let call = client.generate_data_key().key_id(key.key_id()).key_spec(DataKeySpec::Aes256).dry_run(true);
    refused(call.send().await)
        .is("DryRunOperationException", "The request would have succeeded, but the DryRun option is set.");
}

#[tokio::test]
pub(crate) async fn no_grant_token_is_valid_while_grants_are_not_served() {
    let client = fresh();
    let key = new_key(&client).await;
    let call = client.generate_data_key().key_id(key.key_id()).key_spec(DataKeySpec::Aes256);
    refused(call.clone().grant_tokens("AQpAM2RhZTk1").send().await)
        .is("InvalidGrantTokenException", "The grant token is not valid.");
    let recipient = RecipientInfo::builder().attestation_document(Blob::new("x")).build();
    refused(call.recipient(recipient).send().await)
        .is_undeclared("UnsupportedOperationException", "Recipient is not served yet.");
}
