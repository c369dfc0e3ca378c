//! EnableKey.

use aws_sdk_kms::types::KeyState;

use crate::support::{decrypt, encrypt, fresh, new_key, state};

#[tokio::test]
async fn an_enabled_key_works_again_at_once_and_enabling_twice_is_no_error() {
    let client = fresh();
    let key = new_key(&client).await;
    let ciphertext = encrypt(&client, key.key_id()).await;
    for _ in 0..3 {
        client.disable_key().key_id(key.key_id()).send().await.unwrap();
        client.enable_key().key_id(key.key_id()).send().await.unwrap();
        assert_eq!(decrypt(&client, &ciphertext).await, b"hello");
        client.enable_key().key_id(key.key_id()).send().await.unwrap();
    }
    assert_eq!(state(&client, key.key_id()).await, KeyState::Enabled);
}
