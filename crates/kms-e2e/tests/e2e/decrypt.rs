//! Decrypt.

use std::collections::HashMap;

use aws_sdk_kms::Client;
use aws_sdk_kms::primitives::Blob;
use aws_sdk_kms::types::{DryRunModifierType, EncryptionAlgorithmSpec, KeyMetadata, RecipientInfo};

use crate::refusal::refused;
use crate::support::{arn, encrypt, fresh, imported_key, new_key};

const DRY_RUN: &str = "The request would have succeeded, but the DryRun option is set.";

async fn key_and_ciphertext(client: &Client) -> (KeyMetadata, Blob) {
    let key = new_key(client).await;
    let ciphertext = encrypt(client, key.key_id()).await;
    (key, ciphertext)
}

#[tokio::test]
async fn the_answer_names_key_material_and_algorithm() {
    let client = fresh();
    let (key, ciphertext) = key_and_ciphertext(&client).await;
    for named in [None, Some(key.key_id().to_owned()), key.arn.clone()] {
        let answer = client.decrypt().ciphertext_blob(ciphertext.clone()).set_key_id(named).send().await.unwrap();
        assert_eq!(answer.plaintext().unwrap().as_ref(), b"hello");
        assert_eq!(answer.key_id(), Some(arn(&key)));
        assert_eq!(answer.key_material_id(), key.current_key_material_id());
        assert_eq!(answer.encryption_algorithm(), Some(&EncryptionAlgorithmSpec::SymmetricDefault));
        assert_eq!(answer.ciphertext_for_recipient(), None);
    }
}

#[tokio::test]
pub(crate) async fn a_ciphertext_that_was_touched_anywhere_does_not_open() {
    let client = fresh();
    let (_, ciphertext) = key_and_ciphertext(&client).await;
    let whole = ciphertext.as_ref();
    let mut broken: Vec<Vec<u8>> =
        vec![b"x".to_vec(), vec![0; 6144], whole[1..].to_vec(), whole[..whole.len() - 1].to_vec()];
    broken.push([whole, b"x"].concat());
    // A byte of the key id names another key, which is nobody's: that one answer differs and is tried elsewhere.
    for at in (0..whole.len()).filter(|at| *at == 0 || *at > whole.len() / 2) {
        let mut flipped = whole.to_vec();
        flipped[at] ^= 1;
        broken.push(flipped);
    }
    for blob in broken {
        let call = client.decrypt().ciphertext_blob(Blob::new(blob));
        refused(call.send().await).is_without_text("InvalidCiphertextException");
    }
}

#[tokio::test]
async fn every_single_byte_counts() {
    let client = fresh();
    let (key, ciphertext) = key_and_ciphertext(&client).await;
    for at in 0..ciphertext.as_ref().len() {
        let mut flipped = ciphertext.as_ref().to_vec();
        flipped[at] ^= 0x80;
        let refusal = refused(client.decrypt().key_id(key.key_id()).ciphertext_blob(Blob::new(flipped)).send().await);
        let known = ["InvalidCiphertextException", "IncorrectKeyException"];
        assert!(known.contains(&refusal.code.as_str()), "byte {at}: {refusal:?}");
    }
}

#[tokio::test]
async fn the_encryption_context_must_be_the_same() {
    let client = fresh();
    let key = new_key(&client).await;
    let context: HashMap<String, String> =
        [("Größe", "жёлтый"), ("aws:x", "A+/="), ("", ""), ("empty", "")].map(|(k, v)| (k.into(), v.into())).into();
    let encrypted = client
        .encrypt()
        .key_id(key.key_id())
        .plaintext(Blob::new("hello"))
        .set_encryption_context(Some(context.clone()))
        .send()
        .await
        .unwrap();
    let open = |context: Option<HashMap<String, String>>| {
        let call = client.decrypt().ciphertext_blob(encrypted.ciphertext_blob().unwrap().clone());
        call.set_encryption_context(context).send()
    };
    assert_eq!(open(Some(context.clone())).await.unwrap().plaintext().unwrap().as_ref(), b"hello");
    let mut others = vec![None, Some(HashMap::new())];
    for (name, value) in &context {
        let mut without = context.clone();
        without.remove(name);
        others.push(Some(without));
        others.push(Some(HashMap::from_iter(context.clone().into_iter().chain([(name.clone(), format!("{value} "))]))));
    }
    others.push(Some(context.iter().map(|(name, value)| (name.to_uppercase(), value.clone())).collect()));
    for other in others {
        refused(open(other).await).is_without_text("InvalidCiphertextException");
    }
    let plain = encrypt(&client, key.key_id()).await;
    let empty = client.decrypt().ciphertext_blob(plain.clone()).set_encryption_context(Some(HashMap::new()));
    empty.send().await.expect("no context and an empty one are the same");
    let more = client.decrypt().ciphertext_blob(plain).encryption_context("a", "b");
    refused(more.send().await).is_without_text("InvalidCiphertextException");
}

#[tokio::test]
pub(crate) async fn another_key_than_the_one_that_encrypted_is_incorrect_whatever_its_state() {
    let client = fresh();
    let (_, ciphertext) = key_and_ciphertext(&client).await;
    let others = [new_key(&client).await, imported_key(&client, 6).await];
    client.disable_key().key_id(others[0].key_id()).send().await.unwrap();
    client.delete_imported_key_material().key_id(others[1].key_id()).send().await.unwrap();
    for other in &others {
        refused(client.decrypt().key_id(other.key_id()).ciphertext_blob(ciphertext.clone()).send().await).is(
            "IncorrectKeyException",
            "The key ID in the request does not identify a CMK that can perform this operation.",
        );
    }
}

#[tokio::test]
async fn equal_material_in_another_key_opens_nothing() {
    let client = fresh();
    let [one, other] = [imported_key(&client, 7).await, imported_key(&client, 7).await];
    assert_ne!(one.current_key_material_id(), other.current_key_material_id());
    let ciphertext = encrypt(&client, one.key_id()).await;
    let refusal = refused(client.decrypt().key_id(other.key_id()).ciphertext_blob(ciphertext).send().await);
    assert_eq!(refusal.code, "IncorrectKeyException");
}

#[tokio::test]
pub(crate) async fn an_algorithm_for_other_keys_does_not_fit() {
    let client = fresh();
    let (key, ciphertext) = key_and_ciphertext(&client).await;
    let call =
        client.decrypt().ciphertext_blob(ciphertext).encryption_algorithm(EncryptionAlgorithmSpec::RsaesOaepSha256);
    refused(call.clone().key_id(key.key_id()).send().await).is(
        "InvalidKeyUsageException",
        "Algorithm RSAES_OAEP_SHA_256 is incompatible with key spec SYMMETRIC_DEFAULT.",
    );
    let null =
        "1 validation error detected: Value null at 'keyId' failed to satisfy constraint: Member must not be null";
    refused(call.send().await).is("ValidationException", null);
}

#[tokio::test]
pub(crate) async fn a_dry_run_opens_nothing() {
    let client = fresh();
    let (key, ciphertext) = key_and_ciphertext(&client).await;
    let dry = || client.decrypt().dry_run(true);
    refused(dry().ciphertext_blob(ciphertext).send().await).is("DryRunOperationException", DRY_RUN);
    refused(dry().ciphertext_blob(Blob::new("x")).send().await).is_without_text("InvalidCiphertextException");
    let ignoring = || dry().dry_run_modifiers(DryRunModifierType::IgnoreCiphertext);
    refused(ignoring().key_id(key.key_id()).send().await).is("DryRunOperationException", DRY_RUN);
    let refusal = refused(ignoring().send().await);
    refusal.is(
        "ValidationException",
        "1 validation error detected: Value null at 'keyId' failed to satisfy constraint: Member must not be null",
    );
    client.disable_key().key_id(key.key_id()).send().await.unwrap();
    let text = format!("{} is disabled.", arn(&key));
    refused(ignoring().key_id(key.key_id()).send().await).is("DisabledException", text);
}

#[tokio::test]
pub(crate) async fn no_grant_token_is_valid_while_grants_are_not_served() {
    let client = fresh();
    let (_, ciphertext) = key_and_ciphertext(&client).await;
    let call = client.decrypt().ciphertext_blob(ciphertext).grant_tokens("AQpAM2RhZTk1");
    refused(call.send().await).is("InvalidGrantTokenException", "The grant token is not valid.");
}

#[tokio::test]
async fn a_ciphertext_has_1_to_6144_bytes_and_recipients_are_not_served() {
    let client = fresh();
    for (length, words) in [(0, "greater than or equal to 1"), (6145, "less than or equal to 6144")] {
        refused(client.decrypt().ciphertext_blob(Blob::new(vec![0; length])).send().await).is(
            "ValidationException",
            format!(
                "1 validation error detected: Value at 'ciphertextBlob' failed to satisfy constraint: Member must have \
                 length {words}"
            ),
        );
    }
    let null = "1 validation error detected: Value null at 'ciphertextBlob' failed to satisfy constraint: Member must \
                not be null";
    refused(client.decrypt().send().await).is("ValidationException", null);
    let (_, ciphertext) = key_and_ciphertext(&client).await;
    let recipient = RecipientInfo::builder().attestation_document(Blob::new("x")).build();
    refused(client.decrypt().ciphertext_blob(ciphertext).recipient(recipient).send().await)
        .is_undeclared("UnsupportedOperationException", "Recipient is not served yet.");
}
