//! CancelKeyDeletion.

use aws_sdk_kms::types::KeyState;

use crate::support::{arn, decrypt, describe, encrypt, fresh, imported_key, new_external_key, new_key, state};

#[tokio::test]
async fn a_cancelled_key_is_disabled_and_works_once_it_is_enabled() {
    let client = fresh();
    for key in [new_key(&client).await, imported_key(&client, 4).await] {
        let ciphertext = encrypt(&client, key.key_id()).await;
        client.schedule_key_deletion().key_id(key.key_id()).send().await.unwrap();
        let answer = client.cancel_key_deletion().key_id(key.key_id()).send().await.unwrap();
        assert_eq!(answer.key_id(), Some(arn(&key)));
        let cancelled = describe(&client, key.key_id()).await;
        assert_eq!((cancelled.key_state(), cancelled.deletion_date()), (Some(&KeyState::Disabled), None));
        client.enable_key().key_id(key.key_id()).send().await.unwrap();
        assert_eq!(decrypt(&client, &ciphertext).await, b"hello");
    }
}

#[tokio::test]
async fn a_key_whose_material_is_not_there_waits_for_it_again() {
    let client = fresh();
    let empty = new_external_key(&client).await;
    client.schedule_key_deletion().key_id(empty.key_id()).send().await.unwrap();
    client.cancel_key_deletion().key_id(empty.key_id()).send().await.unwrap();
    assert_eq!(state(&client, empty.key_id()).await, KeyState::PendingImport);
    let emptied = imported_key(&client, 5).await;
    client.schedule_key_deletion().key_id(emptied.key_id()).send().await.unwrap();
    client.delete_imported_key_material().key_id(emptied.key_id()).send().await.unwrap();
    assert_eq!(state(&client, emptied.key_id()).await, KeyState::PendingDeletion);
    client.cancel_key_deletion().key_id(emptied.key_id()).send().await.unwrap();
    assert_eq!(state(&client, emptied.key_id()).await, KeyState::PendingImport);
}
