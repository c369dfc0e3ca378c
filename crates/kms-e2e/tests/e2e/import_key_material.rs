//! ImportKeyMaterial: what is accepted, and what it changes.

use aws_sdk_kms::operation::import_key_material::builders::ImportKeyMaterialFluentBuilder;
use aws_sdk_kms::types::{ExpirationModelType, ImportType, KeyState};
use kms_e2e::{Server, material, objects_of_key};

use crate::refusal::refused;
use crate::support::{
    Parameters, arn, decrypt, describe, encrypt, fresh, imported_key, new_external_key, parameters, seconds_from_now,
    state,
};

const INCORRECT: &str =
    "The key material in the request is not the same key material that was previously imported into this KMS key.";

/// An import of these bytes that says nothing about expiry.
pub(crate) fn import_of(
    client: &aws_sdk_kms::Client,
    key_id: &str,
    parameters: &Parameters,
    bytes: &[u8],
) -> ImportKeyMaterialFluentBuilder {
    let call = client.import_key_material().key_id(key_id).import_token(parameters.token.clone());
    call.encrypted_key_material(parameters.wrap(bytes))
}

#[tokio::test]
async fn an_import_enables_the_key_and_names_its_material() {
    let client = fresh();
    let key = new_external_key(&client).await;
    let parameters = parameters(&client, key.key_id()).await;
    let call = import_of(&client, arn(&key), &parameters, &material(1));
    let answer = call.expiration_model(ExpirationModelType::KeyMaterialDoesNotExpire).send().await.unwrap();
    assert_eq!(answer.key_id(), Some(arn(&key)));
    let id = answer.key_material_id().unwrap();
    assert!(id.len() == 64 && id.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f')));
    let described = describe(&client, key.key_id()).await;
    assert_eq!((described.key_state(), described.current_key_material_id()), (Some(&KeyState::Enabled), Some(id)));
    assert_eq!(objects_of_key(Server::shared().data_dir(), key.key_id()).unwrap(), 1);
    assert_eq!(decrypt(&client, &encrypt(&client, key.key_id()).await).await, b"hello");
}

#[tokio::test]
async fn one_set_of_parameters_serves_several_imports_and_several_sets_coexist() {
    let client = fresh();
    let key = new_external_key(&client).await;
    let sets = [parameters(&client, key.key_id()).await, parameters(&client, key.key_id()).await];
    let mut ids = Vec::new();
    for set in [&sets[1], &sets[0], &sets[1]] {
        let call = import_of(&client, key.key_id(), set, &material(2));
        let answer = call.expiration_model(ExpirationModelType::KeyMaterialDoesNotExpire).send().await.unwrap();
        ids.push(answer.key_material_id.unwrap());
        client.delete_imported_key_material().key_id(key.key_id()).send().await.unwrap();
    }
    assert!(ids.iter().all(|id| *id == ids[0]), "the same bytes in the same key have the same id");
}

#[tokio::test]
async fn an_import_of_the_same_bytes_while_they_are_there_changes_their_expiry_both_ways() {
    let client = fresh();
    let key = imported_key(&client, 3).await;
    let parameters = parameters(&client, key.key_id()).await;
    let ciphertext = encrypt(&client, key.key_id()).await;
    for valid_to in [seconds_from_now(3600), seconds_from_now(7200)] {
        import_of(&client, key.key_id(), &parameters, &material(3)).valid_to(valid_to).send().await.unwrap();
        let described = describe(&client, key.key_id()).await;
        assert_eq!(described.expiration_model(), Some(&ExpirationModelType::KeyMaterialExpires));
        assert_eq!(described.valid_to(), Some(&valid_to));
        assert_eq!(decrypt(&client, &ciphertext).await, b"hello");
    }
    let forever = import_of(&client, key.key_id(), &parameters, &material(3));
    forever.expiration_model(ExpirationModelType::KeyMaterialDoesNotExpire).send().await.unwrap();
    let described = describe(&client, key.key_id()).await;
    assert_eq!(described.expiration_model(), Some(&ExpirationModelType::KeyMaterialDoesNotExpire));
    assert_eq!(described.valid_to(), None);
    assert_eq!(objects_of_key(Server::shared().data_dir(), key.key_id()).unwrap(), 1, "no second object was made");
}

#[tokio::test]
async fn an_import_into_a_disabled_key_leaves_it_disabled_unless_its_material_was_gone() {
    let client = fresh();
    let key = imported_key(&client, 4).await;
    let parameters = parameters(&client, key.key_id()).await;
    client.disable_key().key_id(key.key_id()).send().await.unwrap();
    let import = async || {
        let call = import_of(&client, key.key_id(), &parameters, &material(4));
        call.expiration_model(ExpirationModelType::KeyMaterialDoesNotExpire).send().await.unwrap();
        state(&client, key.key_id()).await
    };
    assert_eq!(import().await, KeyState::Disabled);
    client.delete_imported_key_material().key_id(key.key_id()).send().await.unwrap();
    assert_eq!(import().await, KeyState::Enabled);
}

#[tokio::test]
pub(crate) async fn each_import_type_has_its_answer() {
    let client = fresh();
    let key = new_external_key(&client).await;
    let parameters = parameters(&client, key.key_id()).await;
    let import = |number: u8, import_type: Option<ImportType>| {
        let call = import_of(&client, key.key_id(), &parameters, &material(number)).set_import_type(import_type);
        call.expiration_model(ExpirationModelType::KeyMaterialDoesNotExpire).send()
    };
    let (new, existing) = (Some(ImportType::NewKeyMaterial), Some(ImportType::ExistingKeyMaterial));
    // Nothing was ever imported.
    refused(import(5, existing.clone()).await).is("IncorrectKeyMaterialException", INCORRECT);
    assert_eq!(state(&client, key.key_id()).await, KeyState::PendingImport);
    import(5, new.clone()).await.unwrap();
    // Material 5 is there, then it was deleted: both count as imported.
    for is_present in [true, false] {
        refused(import(5, new.clone()).await).is("IncorrectKeyMaterialException", INCORRECT);
        refused(import(6, None).await).is("IncorrectKeyMaterialException", INCORRECT);
        refused(import(6, existing.clone()).await).is("IncorrectKeyMaterialException", INCORRECT);
        refused(import(6, new.clone()).await).is(
            "UnsupportedOperationException",
            "A second key material needs RotateKeyOnDemand, which is not served yet.",
        );
        if is_present {
            client.delete_imported_key_material().key_id(key.key_id()).send().await.unwrap();
        }
    }
    assert_eq!(state(&client, key.key_id()).await, KeyState::PendingImport);
    import(5, existing).await.unwrap();
    import(5, None).await.unwrap();
    assert_eq!(state(&client, key.key_id()).await, KeyState::Enabled);
}

#[tokio::test]
async fn a_named_material_must_be_the_one_that_is_imported() {
    let client = fresh();
    let key = new_external_key(&client).await;
    let parameters = parameters(&client, key.key_id()).await;
    let import = |number: u8, id: &str| {
        let call = import_of(&client, key.key_id(), &parameters, &material(number)).key_material_id(id);
        call.expiration_model(ExpirationModelType::KeyMaterialDoesNotExpire)
    };
    let unknown = "0".repeat(64);
    refused(import(7, &unknown).send().await).is("IncorrectKeyMaterialException", INCORRECT);
    let first = import_of(&client, key.key_id(), &parameters, &material(7));
    let first = first.expiration_model(ExpirationModelType::KeyMaterialDoesNotExpire).send().await.unwrap();
    let id = first.key_material_id().unwrap();
    refused(import(7, &unknown).send().await).is("IncorrectKeyMaterialException", INCORRECT);
    refused(import(8, id).send().await).is("IncorrectKeyMaterialException", INCORRECT);
    refused(import(7, id).import_type(ImportType::NewKeyMaterial).send().await)
        .is("ValidationException", "KeyMaterialId cannot be specified when ImportType is NEW_KEY_MATERIAL.");
    let again = import(7, id).import_type(ImportType::ExistingKeyMaterial).send().await.unwrap();
    assert_eq!(again.key_material_id(), Some(id));
    let short = refused(import(7, "abc").send().await);
    assert_eq!(short.code, "ValidationException");
}

#[tokio::test]
async fn a_description_of_the_material_is_taken() {
    let client = fresh();
    let key = new_external_key(&client).await;
    let parameters = parameters(&client, key.key_id()).await;
    let import = |text: &str| {
        let call = import_of(&client, key.key_id(), &parameters, &material(9)).key_material_description(text);
        call.expiration_model(ExpirationModelType::KeyMaterialDoesNotExpire).send()
    };
    import("made in 2026, backup/1").await.expect_err("a comma is not allowed");
    import("made in 2026: backup/1").await.unwrap();
    let refusal = refused(import("a&b").await);
    refusal.is(
        "ValidationException",
        "1 validation error detected: Value 'a&b' at 'keyMaterialDescription' failed to satisfy constraint: Member must \
         satisfy regular expression pattern: ^[a-zA-Z0-9:/_\\s.-]+$",
    );
}
