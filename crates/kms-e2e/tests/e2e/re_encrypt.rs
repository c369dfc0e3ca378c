//! ReEncrypt.

use std::collections::HashMap;

use aws_sdk_kms::primitives::Blob;
use aws_sdk_kms::types::{DryRunModifierType, EncryptionAlgorithmSpec};
use kms_core::KeyId;

use crate::refusal::refused;
use crate::support::{arn, encrypt, fresh, imported_key, new_key};

const DRY_RUN: &str = "The request would have succeeded, but the DryRun option is set.";

fn context(value: &str) -> Option<HashMap<String, String>> {
    Some(HashMap::from([("purpose".to_owned(), value.to_owned())]))
}

#[tokio::test]
async fn the_plaintext_goes_from_one_key_to_another() {
    let client = fresh();
    let (source, destination) = (new_key(&client).await, imported_key(&client, 9).await);
    let ciphertext = encrypt(&client, source.key_id()).await;
    for named in [None, Some(source.key_id().to_owned()), source.arn.clone()] {
        let call = client.re_encrypt().ciphertext_blob(ciphertext.clone()).set_source_key_id(named);
        let answer = call.destination_key_id(destination.key_id()).send().await.unwrap();
        assert_eq!(answer.source_key_id(), Some(arn(&source)));
        assert_eq!(answer.key_id(), Some(arn(&destination)));
        assert_eq!(answer.source_key_material_id(), source.current_key_material_id());
        let material = client.describe_key().key_id(destination.key_id()).send().await.unwrap();
        let material = material.key_metadata().unwrap().current_key_material_id().map(str::to_owned);
        assert_eq!(answer.destination_key_material_id(), material.as_deref());
        for algorithm in [answer.source_encryption_algorithm(), answer.destination_encryption_algorithm()] {
            assert_eq!(algorithm, Some(&EncryptionAlgorithmSpec::SymmetricDefault));
        }
        let made = answer.ciphertext_blob().unwrap().clone();
        let opened = client.decrypt().key_id(destination.key_id()).ciphertext_blob(made).send().await.unwrap();
        assert_eq!(opened.plaintext().unwrap().as_ref(), b"hello");
    }
}

#[tokio::test]
async fn one_key_may_get_another_encryption_context() {
    let client = fresh();
    let key = new_key(&client).await;
    let encrypted = client.encrypt().key_id(key.key_id()).plaintext(Blob::new("hello"));
    let encrypted = encrypted.set_encryption_context(context("old")).send().await.unwrap();
    let ciphertext = encrypted.ciphertext_blob().unwrap().clone();
    let call = || client.re_encrypt().ciphertext_blob(ciphertext.clone()).destination_key_id(key.key_id());
    for wrong in [None, context("new")] {
        let refusal = refused(call().set_source_encryption_context(wrong).send().await);
        refusal.is_without_text("InvalidCiphertextException");
    }
    let made = call()
        .set_source_encryption_context(context("old"))
        .set_destination_encryption_context(context("new"))
        .send()
        .await
        .unwrap();
    let open = |value| {
        let call = client.decrypt().ciphertext_blob(made.ciphertext_blob().unwrap().clone());
        call.set_encryption_context(context(value)).send()
    };
    assert_eq!(open("new").await.unwrap().plaintext().unwrap().as_ref(), b"hello");
    refused(open("old").await).is_without_text("InvalidCiphertextException");
}

#[tokio::test]
async fn each_side_answers_for_its_own_key() {
    let client = fresh();
    let [source, destination] = [imported_key(&client, 5).await, imported_key(&client, 6).await];
    let ciphertext = encrypt(&client, source.key_id()).await;
    let call = || client.re_encrypt().ciphertext_blob(ciphertext.clone()).destination_key_id(destination.key_id());
    let pending = |key| format!("{} is pending import.", arn(key));
    client.delete_imported_key_material().key_id(destination.key_id()).send().await.unwrap();
    refused(call().send().await).is("KMSInvalidStateException", pending(&destination));
    client.delete_imported_key_material().key_id(source.key_id()).send().await.unwrap();
    refused(call().send().await).is("KMSInvalidStateException", pending(&source));
    let absent = KeyId::random().to_string();
    let gone = arn(&source).replace(source.key_id(), &absent);
    let unknown = call().destination_key_id(absent);
    refused(unknown.send().await).is("NotFoundException", format!("Key '{gone}' does not exist"));
}

#[tokio::test]
pub(crate) async fn another_source_key_than_the_one_that_encrypted_is_incorrect() {
    let client = fresh();
    let [source, other] = [new_key(&client).await, new_key(&client).await];
    let ciphertext = encrypt(&client, source.key_id()).await;
    let call = client.re_encrypt().ciphertext_blob(ciphertext).destination_key_id(other.key_id());
    refused(call.source_key_id(other.key_id()).send().await).is(
        "IncorrectKeyException",
        "The key ID in the request does not identify a CMK that can perform this operation.",
    );
}

#[tokio::test]
async fn the_key_of_another_account_is_as_unknown_as_none_on_either_side() {
    let (client, stranger) = (fresh(), fresh());
    let [ours, theirs] = [new_key(&client).await, new_key(&stranger).await];
    let [our_ciphertext, their_ciphertext] =
        [encrypt(&client, ours.key_id()).await, encrypt(&stranger, theirs.key_id()).await];
    let denied = |action: &str, resource: &str| {
        format!(
            "User: arn:aws:iam::{}:root is not authorized to perform: kms:{action} on {resource} because the resource \
             does not exist in this Region, no resource-based policies allow access, or a resource-based policy \
             explicitly denies access",
            ours.aws_account_id().unwrap()
        )
    };
    let from = client.re_encrypt().ciphertext_blob(their_ciphertext).destination_key_id(ours.key_id());
    let ciphertexts = "the resource associated with this ciphertext";
    refused(from.send().await).is_undeclared("AccessDeniedException", denied("ReEncryptFrom", ciphertexts));
    let to = client.re_encrypt().ciphertext_blob(our_ciphertext).destination_key_id(arn(&theirs));
    refused(to.send().await).is_undeclared("AccessDeniedException", denied("ReEncryptTo", "this resource"));
}

#[tokio::test]
pub(crate) async fn an_algorithm_for_other_keys_does_not_fit_on_either_side() {
    let client = fresh();
    let key = new_key(&client).await;
    let ciphertext = encrypt(&client, key.key_id()).await;
    let call = || client.re_encrypt().ciphertext_blob(ciphertext.clone()).destination_key_id(key.key_id());
    let text = "Algorithm RSAES_OAEP_SHA_256 is incompatible with key spec SYMMETRIC_DEFAULT.";
    let from = call().source_encryption_algorithm(EncryptionAlgorithmSpec::RsaesOaepSha256);
    refused(from.clone().source_key_id(key.key_id()).send().await).is("InvalidKeyUsageException", text);
    let to = call().destination_encryption_algorithm(EncryptionAlgorithmSpec::RsaesOaepSha256);
    refused(to.send().await).is("InvalidKeyUsageException", text);
    refused(from.send().await).is(
        "ValidationException",
        "1 validation error detected: Value null at 'sourceKeyId' failed to satisfy constraint: Member must not be null",
    );
}

#[tokio::test]
pub(crate) async fn a_ciphertext_that_does_not_open_is_invalid() {
    let client = fresh();
    let key = new_key(&client).await;
    let mut flipped = encrypt(&client, key.key_id()).await.into_inner();
    *flipped.last_mut().unwrap() ^= 1;
    for blob in [flipped, b"x".to_vec()] {
        let call = client.re_encrypt().ciphertext_blob(Blob::new(blob)).destination_key_id(key.key_id());
        refused(call.send().await).is_without_text("InvalidCiphertextException");
    }
}

#[tokio::test]
pub(crate) async fn a_dry_run_makes_nothing() {
    let client = fresh();
    let key = new_key(&client).await;
    let ciphertext = encrypt(&client, key.key_id()).await;
    let dry = || client.re_encrypt().dry_run(true).destination_key_id(key.key_id());
    refused(dry().ciphertext_blob(ciphertext).send().await).is("DryRunOperationException", DRY_RUN);
    refused(dry().ciphertext_blob(Blob::new("x")).send().await).is_without_text("InvalidCiphertextException");
    let ignoring = || dry().dry_run_modifiers(DryRunModifierType::IgnoreCiphertext);
    refused(ignoring().source_key_id(key.key_id()).send().await).is("DryRunOperationException", DRY_RUN);
    refused(ignoring().send().await).is(
        "ValidationException",
        "1 validation error detected: Value null at 'sourceKeyId' failed to satisfy constraint: Member must not be null",
    );
    let disabled = new_key(&client).await;
    client.disable_key().key_id(disabled.key_id()).send().await.unwrap();
    let call = ignoring().source_key_id(key.key_id()).destination_key_id(disabled.key_id());
    refused(call.send().await).is("DisabledException", format!("{} is disabled.", arn(&disabled)));
}

#[tokio::test]
pub(crate) async fn no_grant_token_is_valid_while_grants_are_not_served() {
    let client = fresh();
    let key = new_key(&client).await;
    let ciphertext = encrypt(&client, key.key_id()).await;
    let call = client.re_encrypt().ciphertext_blob(ciphertext).destination_key_id(key.key_id());
    refused(call.grant_tokens("AQpAM2RhZTk1").send().await)
        .is("InvalidGrantTokenException", "The grant token is not valid.");
}
