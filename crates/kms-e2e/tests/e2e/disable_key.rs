//! DisableKey.

use aws_sdk_kms::primitives::Blob;
use aws_sdk_kms::types::KeyState;

use crate::refusal::refused;
use crate::support::{arn, encrypt, fresh, new_key, state};

#[tokio::test]
async fn a_disabled_key_refuses_from_the_answer_on_and_disabling_twice_is_no_error() {
    let client = fresh();
    let key = new_key(&client).await;
    let ciphertext = encrypt(&client, key.key_id()).await;
    client.disable_key().key_id(arn(&key)).send().await.unwrap();
    let text = format!("{} is disabled.", arn(&key));
    let call = client.encrypt().key_id(key.key_id()).plaintext(Blob::new("x"));
    refused(call.send().await).is("DisabledException", text.as_str());
    refused(client.decrypt().ciphertext_blob(ciphertext).send().await).is("DisabledException", text.as_str());
    client.disable_key().key_id(key.key_id()).send().await.unwrap();
    assert_eq!(state(&client, key.key_id()).await, KeyState::Disabled);
}

#[tokio::test]
async fn the_state_is_looked_at_before_the_algorithm_and_before_a_dry_run() {
    let client = fresh();
    let key = new_key(&client).await;
    client.disable_key().key_id(key.key_id()).send().await.unwrap();
    let call = client
        .encrypt()
        .key_id(key.key_id())
        .plaintext(Blob::new("x"))
        .encryption_algorithm(aws_sdk_kms::types::EncryptionAlgorithmSpec::RsaesOaepSha256)
        .dry_run(true);
    refused(call.send().await).is("DisabledException", format!("{} is disabled.", arn(&key)));
}
