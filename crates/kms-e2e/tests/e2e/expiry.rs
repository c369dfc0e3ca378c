//! Imported material that expires: refused from the second of its ValidTo, destroyed soon after.

use aws_sdk_kms::primitives::Blob;
use aws_sdk_kms::types::{ExpirationModelType, KeyState};
use kms_e2e::{Server, client, fresh_account, material, objects_of_key};

use crate::import_key_material::import_of;
use crate::refusal::outcome;
use crate::support::{
    REGION, arn, decrypt, describe, encrypt, eventually, fresh, new_external_key, now, parameters, seconds_from_now,
    state, timed,
};

#[tokio::test]
async fn material_is_refused_from_the_second_of_its_valid_to_and_not_before() {
    let client = fresh();
    let key = new_external_key(&client).await;
    let parameters = parameters(&client, key.key_id()).await;
    let valid_to = seconds_from_now(4);
    let valid_to_nanos = valid_to.as_nanos();
    import_of(&client, key.key_id(), &parameters, &material(1)).valid_to(valid_to).send().await.unwrap();
    let mut successes = 0;
    loop {
        let before = now().unix_timestamp_nanos();
        let answer = outcome(client.encrypt().key_id(key.key_id()).plaintext(Blob::new("x")).send().await);
        let after = now().unix_timestamp_nanos();
        match answer {
            Ok(_) => assert!(before < valid_to_nanos, "it worked {} ns too long", before - valid_to_nanos),
            Err(refusal) => {
                refusal.is("KMSInvalidStateException", format!("{} is pending import.", arn(&key)));
                assert!(after >= valid_to_nanos, "it was refused {} ns too early", valid_to_nanos - after);
                break;
            }
        }
        successes += 1;
        tokio::time::sleep(std::time::Duration::from_millis(2)).await;
    }
    assert!(successes > 10, "it worked until then");
    let described = describe(&client, key.key_id()).await;
    assert_eq!((described.key_state(), described.enabled()), (Some(&KeyState::PendingImport), false));
    assert_eq!((described.expiration_model(), described.valid_to()), (None, None));
    assert!(described.current_key_material_id().is_some());
    eventually("the object is destroyed", async || {
        objects_of_key(Server::shared().data_dir(), key.key_id()).unwrap() == 0
    })
    .await;
}

#[tokio::test]
async fn expired_material_can_be_imported_again_and_opens_what_it_encrypted() {
    let server = timed().await;
    let client = client(server.endpoint(), &fresh_account(), REGION);
    let key = new_external_key(&client).await;
    let first = parameters(&client, key.key_id()).await;
    let call = import_of(&client, key.key_id(), &first, &material(2)).valid_to(seconds_from_now(2 * 86_400));
    call.send().await.unwrap();
    let ciphertext = encrypt(&client, key.key_id()).await;
    server.set_clock_offset(2 * 86_400 - 60).unwrap();
    assert_eq!(decrypt(&client, &ciphertext).await, b"hello");
    server.set_clock_offset(2 * 86_400).unwrap();
    assert_eq!(state(&client, key.key_id()).await, KeyState::PendingImport);
    let refusal = crate::refusal::refused(client.decrypt().ciphertext_blob(ciphertext.clone()).send().await);
    refusal.is("KMSInvalidStateException", format!("{} is pending import.", arn(&key)));
    let is_destroyed = async || objects_of_key(server.data_dir(), key.key_id()).unwrap() == 0;
    eventually("the object is destroyed", is_destroyed).await;
    let second = parameters(&client, key.key_id()).await;
    let again = import_of(&client, key.key_id(), &second, &material(2));
    again.expiration_model(ExpirationModelType::KeyMaterialDoesNotExpire).send().await.unwrap();
    assert_eq!(decrypt(&client, &ciphertext).await, b"hello");
    server.set_clock_offset(300 * 86_400).unwrap();
    assert_eq!(decrypt(&client, &ciphertext).await, b"hello", "this one does not expire");
}

#[tokio::test]
async fn a_later_valid_to_counts_and_an_earlier_one_too() {
    let server = timed().await;
    let client = client(server.endpoint(), &fresh_account(), REGION);
    let key = new_external_key(&client).await;
    let parameters = parameters(&client, key.key_id()).await;
    let import = |seconds| {
        import_of(&client, key.key_id(), &parameters, &material(3)).valid_to(seconds_from_now(seconds)).send()
    };
    import(3600).await.unwrap();
    import(7200).await.unwrap();
    server.set_clock_offset(3700).unwrap();
    tokio::time::sleep(std::time::Duration::from_secs(2)).await;
    encrypt(&client, key.key_id()).await;
    import(3800).await.unwrap();
    server.set_clock_offset(3900).unwrap();
    assert_eq!(state(&client, key.key_id()).await, KeyState::PendingImport);
}

#[tokio::test]
async fn material_that_expires_in_a_key_pending_deletion_goes_and_the_state_stays() {
    let server = timed().await;
    let client = client(server.endpoint(), &fresh_account(), REGION);
    let key = new_external_key(&client).await;
    let parameters = parameters(&client, key.key_id()).await;
    import_of(&client, key.key_id(), &parameters, &material(4)).valid_to(seconds_from_now(3600)).send().await.unwrap();
    client.schedule_key_deletion().key_id(key.key_id()).send().await.unwrap();
    server.set_clock_offset(3601).unwrap();
    let is_destroyed = async || objects_of_key(server.data_dir(), key.key_id()).unwrap() == 0;
    eventually("the object is destroyed", is_destroyed).await;
    assert_eq!(state(&client, key.key_id()).await, KeyState::PendingDeletion);
    client.cancel_key_deletion().key_id(key.key_id()).send().await.unwrap();
    assert_eq!(state(&client, key.key_id()).await, KeyState::PendingImport);
}
