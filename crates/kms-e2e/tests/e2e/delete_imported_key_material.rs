//! DeleteImportedKeyMaterial: in each state, twice, and what comes back with the same bytes.

use aws_sdk_kms::primitives::Blob;
use aws_sdk_kms::types::KeyState;
use kms_e2e::{Server, import, material, objects_of_key};

use crate::refusal::refused;
use crate::support::{
    arn, decrypt, describe, encrypt, fresh, imported_key, new_external_key, new_key, parameters, state,
};

fn objects(key_id: &str) -> usize {
    objects_of_key(Server::shared().data_dir(), key_id).unwrap()
}

#[tokio::test]
async fn when_it_answers_the_object_is_gone_and_the_same_bytes_open_old_ciphertexts() {
    let client = fresh();
    let key = new_external_key(&client).await;
    let id = key.key_id();
    assert_eq!(objects(id), 0);
    let mut ciphertexts = Vec::new();
    for _ in 0..3 {
        let imported = import(&client, id, &material(1)).await.unwrap();
        assert_eq!(objects(id), 1);
        ciphertexts.push(encrypt(&client, id).await);
        for ciphertext in &ciphertexts {
            assert_eq!(decrypt(&client, ciphertext).await, b"hello");
        }
        let deleted = client.delete_imported_key_material().key_id(id).send().await.unwrap();
        assert_eq!(objects(id), 0);
        assert_eq!(deleted.key_id(), Some(arn(&key)));
        assert_eq!(deleted.key_material_id(), imported.key_material_id());
        let text = format!("{} is pending import.", arn(&key));
        for ciphertext in &ciphertexts {
            let call = client.decrypt().ciphertext_blob(ciphertext.clone());
            refused(call.send().await).is("KMSInvalidStateException", text.as_str());
        }
    }
}

#[tokio::test]
async fn other_bytes_than_the_deleted_ones_are_refused() {
    let client = fresh();
    let key = imported_key(&client, 2).await;
    client.delete_imported_key_material().key_id(key.key_id()).send().await.unwrap();
    let parameters = parameters(&client, key.key_id()).await;
    let call = crate::import_key_material::import_of(&client, key.key_id(), &parameters, &material(3));
    let call = call.expiration_model(aws_sdk_kms::types::ExpirationModelType::KeyMaterialDoesNotExpire);
    assert_eq!(refused(call.send().await).code, "IncorrectKeyMaterialException");
    assert_eq!((state(&client, key.key_id()).await, objects(key.key_id())), (KeyState::PendingImport, 0));
}

#[tokio::test]
async fn a_second_delete_and_one_before_any_import_succeed_without_an_id() {
    let client = fresh();
    for key in [imported_key(&client, 4).await, new_external_key(&client).await] {
        client.delete_imported_key_material().key_id(key.key_id()).send().await.unwrap();
        let again = client.delete_imported_key_material().key_id(key.key_id()).send().await.unwrap();
        assert_eq!((again.key_id(), again.key_material_id()), (Some(arn(&key)), None));
        assert_eq!(state(&client, key.key_id()).await, KeyState::PendingImport);
    }
}

#[tokio::test]
async fn each_state_that_allows_it_goes_where_the_table_says() {
    let client = fresh();
    let disabled = imported_key(&client, 5).await;
    client.disable_key().key_id(disabled.key_id()).send().await.unwrap();
    let pending = imported_key(&client, 5).await;
    client.schedule_key_deletion().key_id(pending.key_id()).send().await.unwrap();
    for (key, after) in [(&disabled, KeyState::PendingImport), (&pending, KeyState::PendingDeletion)] {
        let answer = client.delete_imported_key_material().key_id(key.key_id()).send().await.unwrap();
        assert_eq!(answer.key_material_id(), key.current_key_material_id());
        let described = describe(&client, key.key_id()).await;
        assert_eq!((described.key_state(), objects(key.key_id())), (Some(&after), 0));
        assert_eq!(described.current_key_material_id(), key.current_key_material_id());
        assert_eq!((described.expiration_model(), described.valid_to()), (None, None));
    }
    assert!(describe(&client, pending.key_id()).await.deletion_date().is_some());
}

#[tokio::test]
async fn a_named_material_must_be_one_of_the_key() {
    let client = fresh();
    let key = imported_key(&client, 6).await;
    let delete = |id: &str| client.delete_imported_key_material().key_id(key.key_id()).key_material_id(id).send();
    let unknown = refused(delete(&"0".repeat(64)).await);
    unknown.is("ValidationException", "The KeyMaterialId does not belong to any key material of this KMS key.");
    assert_eq!((state(&client, key.key_id()).await, objects(key.key_id())), (KeyState::Enabled, 1));
    let id = key.current_key_material_id().unwrap();
    assert_eq!(delete(id).await.unwrap().key_material_id(), Some(id));
    assert_eq!(objects(key.key_id()), 0);
}

#[tokio::test]
pub(crate) async fn a_key_whose_material_is_made_here_keeps_it() {
    let client = fresh();
    let key = new_key(&client).await;
    let text = format!("{} origin is AWS_KMS which is not valid for this operation.", arn(&key));
    refused(client.delete_imported_key_material().key_id(key.key_id()).send().await)
        .is("UnsupportedOperationException", text);
    assert_eq!(objects(key.key_id()), 1);
    client.encrypt().key_id(key.key_id()).plaintext(Blob::new("x")).send().await.unwrap();
}

#[tokio::test]
async fn the_material_of_another_key_with_the_same_bytes_stays() {
    let client = fresh();
    let [one, other] = [imported_key(&client, 7).await, imported_key(&client, 7).await];
    let ciphertext = encrypt(&client, other.key_id()).await;
    client.delete_imported_key_material().key_id(one.key_id()).send().await.unwrap();
    assert_eq!((objects(one.key_id()), objects(other.key_id())), (0, 1));
    assert_eq!(decrypt(&client, &ciphertext).await, b"hello");
}
