//! GenerateDataKeyWithoutPlaintext.

use aws_sdk_kms::types::DataKeySpec;

use crate::refusal::refused;
use crate::support::{arn, fresh, new_key};

#[tokio::test]
async fn the_ciphertext_opens_to_a_key_of_the_length_asked_for() {
    let client = fresh();
    let key = new_key(&client).await;
    let call = || client.generate_data_key_without_plaintext().key_id(key.key_id()).encryption_context("a", "b");
    let calls = [
        (call().key_spec(DataKeySpec::Aes128), 16),
        (call().key_spec(DataKeySpec::Aes256), 32),
        (call().number_of_bytes(1024), 1024),
    ];
    for (call, length) in calls {
        let answer = call.send().await.unwrap();
        assert_eq!(answer.key_id(), Some(arn(&key)));
        assert_eq!(answer.key_material_id(), key.current_key_material_id());
        let open = || client.decrypt().ciphertext_blob(answer.ciphertext_blob().unwrap().clone());
        let opened = open().encryption_context("a", "b").send().await.unwrap();
        assert_eq!(opened.plaintext().unwrap().as_ref().len(), length);
        refused(open().send().await).is_without_text("InvalidCiphertextException");
    }
}

#[tokio::test]
async fn exactly_one_length_must_be_given() {
    let client = fresh();
    let key = new_key(&client).await;
    let neither = client.generate_data_key_without_plaintext().key_id(key.key_id());
    let both = neither.clone().key_spec(DataKeySpec::Aes128).number_of_bytes(16);
    for call in [neither, both] {
        refused(call.send().await).is("ValidationException", "Please specify either number of bytes or key spec.");
    }
}

#[tokio::test]
pub(crate) async fn a_dry_run_gives_no_key() {
    let client = fresh();
    let key = new_key(&client).await;
    let call = client.generate_data_key_without_plaintext().key_id(key.key_id()).number_of_bytes(8).dry_run(true);
    refused(call.send().await)
        .is("DryRunOperationException", "The request would have succeeded, but the DryRun option is set.");
}

#[tokio::test]
pub(crate) async fn no_grant_token_is_valid_while_grants_are_not_served() {
    let client = fresh();
    let key = new_key(&client).await;
    let call = client.generate_data_key_without_plaintext().key_id(key.key_id()).number_of_bytes(8);
    refused(call.grant_tokens("AQpAM2RhZTk1").send().await)
        .is("InvalidGrantTokenException", "The grant token is not valid.");
}
