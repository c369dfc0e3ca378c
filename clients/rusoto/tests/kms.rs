//! Keys used by a program that knows the KMS of its year, 2021.

use std::collections::HashMap;

use bytes::Bytes;
use rusoto_core::RusotoError;
use rusoto_kms::{
    CreateKeyRequest, DecryptError, DecryptRequest, DecryptResponse, DeleteImportedKeyMaterialRequest,
    DescribeKeyRequest, DisableKeyRequest, EncryptError, EncryptRequest, EncryptResponse, GenerateDataKeyRequest, Kms,
    KmsClient, ListKeysRequest,
};
use strongroom_clients_rusoto::{Server, import_material};

const LETTER: Bytes = Bytes::from_static(b"meet me at the mill");

#[tokio::test]
async fn a_letter_is_encrypted_and_opened_with_its_encryption_context_only() {
    let server = Server::start();
    let kms = server.client("test");
    let key = make_key(&kms, "AWS_KMS").await;
    let blob = encrypt(&kms, &key).await.unwrap().ciphertext_blob.unwrap();
    let opened = decrypt(&kms, &blob, "Prüfung ☂").await.unwrap();
    assert_eq!((opened.plaintext, opened.key_id), (Some(LETTER), Some(key)));
    let refusal = decrypt(&kms, &blob, "another").await.unwrap_err();
    assert_eq!(refusal, RusotoError::Service(DecryptError::InvalidCiphertext(String::new())));
}

#[tokio::test]
async fn a_data_key_comes_in_plaintext_and_encrypted_and_not_from_a_disabled_key() {
    let server = Server::start();
    let kms = server.client("test");
    let key = make_key(&kms, "AWS_KMS").await;
    let request = GenerateDataKeyRequest {
        key_id: key.clone(),
        key_spec: Some("AES_256".to_owned()),
        encryption_context: context("Prüfung ☂"),
        ..Default::default()
    };
    let made = kms.generate_data_key(request).await.unwrap();
    let blob = made.ciphertext_blob.unwrap();
    let opened = decrypt(&kms, &blob, "Prüfung ☂").await.unwrap();
    assert_eq!((made.plaintext.as_ref().map(Bytes::len), &opened.plaintext), (Some(32), &made.plaintext));

    kms.disable_key(DisableKeyRequest { key_id: key.clone() }).await.unwrap();
    let refusal = decrypt(&kms, &blob, "Prüfung ☂").await.unwrap_err();
    assert_eq!(refusal, RusotoError::Service(DecryptError::Disabled(format!("{key} is disabled."))));
}

#[tokio::test]
async fn imported_material_expires_at_its_date_is_deleted_and_comes_back() {
    let server = Server::start();
    let kms = server.client("test");
    let key = make_key(&kms, "EXTERNAL").await;
    let material = [7; 32];
    let tomorrow = describe(&kms, &key).await.creation_date.unwrap().floor() + 86_400.0;
    import_material(&kms, &key, &material, Some(tomorrow)).await;
    let metadata = describe(&kms, &key).await;
    assert_eq!((metadata.key_state.as_deref(), metadata.valid_to), (Some("Enabled"), Some(tomorrow)));
    let blob = encrypt(&kms, &key).await.unwrap().ciphertext_blob.unwrap();

    kms.delete_imported_key_material(DeleteImportedKeyMaterialRequest { key_id: key.clone() }).await.unwrap();
    let text = format!("{key} is pending import.");
    let refusal = decrypt(&kms, &blob, "Prüfung ☂").await.unwrap_err();
    assert_eq!(refusal, RusotoError::Service(DecryptError::KMSInvalidState(text.clone())));
    let refusal = encrypt(&kms, &key).await.unwrap_err();
    assert_eq!(refusal, RusotoError::Service(EncryptError::KMSInvalidState(text)));

    import_material(&kms, &key, &material, None).await;
    assert_eq!(decrypt(&kms, &blob, "Prüfung ☂").await.unwrap().plaintext, Some(LETTER));
}

#[tokio::test]
async fn a_wrong_secret_is_refused() {
    let server = Server::start();
    let refusal = server.client("guess").list_keys(ListKeysRequest::default()).await.unwrap_err();
    let RusotoError::Unknown(answer) = refusal else { panic!("the secret was not refused as such: {refusal:?}") };
    assert_eq!(answer.status.as_u16(), 400);
    assert!(answer.body_as_str().starts_with(r#"{"__type":"InvalidSignatureException","#), "{answer:?}");
}

async fn make_key(kms: &KmsClient, origin: &str) -> String {
    let request = CreateKeyRequest { origin: Some(origin.to_owned()), ..Default::default() };
    kms.create_key(request).await.unwrap().key_metadata.unwrap().arn.unwrap()
}

async fn describe(kms: &KmsClient, key: &str) -> rusoto_kms::KeyMetadata {
    let request = DescribeKeyRequest { key_id: key.to_owned(), grant_tokens: None };
    kms.describe_key(request).await.unwrap().key_metadata.unwrap()
}

async fn encrypt(kms: &KmsClient, key: &str) -> Result<EncryptResponse, RusotoError<EncryptError>> {
    kms.encrypt(EncryptRequest {
        key_id: key.to_owned(),
        plaintext: LETTER,
        encryption_context: context("Prüfung ☂"),
        ..Default::default()
    })
    .await
}

async fn decrypt(kms: &KmsClient, blob: &Bytes, purpose: &str) -> Result<DecryptResponse, RusotoError<DecryptError>> {
    let request =
        DecryptRequest { ciphertext_blob: blob.clone(), encryption_context: context(purpose), ..Default::default() };
    kms.decrypt(request).await
}

fn context(purpose: &str) -> Option<HashMap<String, String>> {
    Some(HashMap::from([("purpose".to_owned(), purpose.to_owned())]))
}
