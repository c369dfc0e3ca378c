//! Encrypt.

use aws_sdk_kms::primitives::Blob;
use aws_sdk_kms::types::EncryptionAlgorithmSpec;

use crate::refusal::refused;
use crate::support::{arn, decrypt, encrypt, fresh, new_key};

#[tokio::test]
async fn every_length_up_to_4096_bytes_comes_back() {
    let client = fresh();
    let key = new_key(&client).await;
    for length in [1, 2, 31, 32, 33, 4095, 4096] {
        let plaintext: Vec<u8> = (0..length).map(|at| (at % 251) as u8).collect();
        let answer = client.encrypt().key_id(arn(&key)).plaintext(Blob::new(plaintext.clone())).send().await.unwrap();
        assert_eq!(answer.key_id(), Some(arn(&key)));
        assert_eq!(answer.encryption_algorithm(), Some(&EncryptionAlgorithmSpec::SymmetricDefault));
        assert_eq!(decrypt(&client, answer.ciphertext_blob().unwrap()).await, plaintext);
    }
}

#[tokio::test]
async fn nothing_and_more_than_4096_bytes_are_refused_without_being_echoed() {
    let client = fresh();
    let key = new_key(&client).await;
    for (length, words) in [(0, "greater than or equal to 1"), (4097, "less than or equal to 4096")] {
        let call = client.encrypt().key_id(key.key_id()).plaintext(Blob::new(vec![7; length]));
        refused(call.send().await).is(
            "ValidationException",
            format!(
                "1 validation error detected: Value at 'plaintext' failed to satisfy constraint: Member must have length \
                 {words}"
            ),
        );
    }
}

#[tokio::test]
async fn the_same_plaintext_never_gives_the_same_ciphertext() {
    let client = fresh();
    let key = new_key(&client).await;
    assert_ne!(encrypt(&client, key.key_id()).await, encrypt(&client, key.key_id()).await);
}

#[tokio::test]
pub(crate) async fn an_algorithm_for_other_keys_does_not_fit() {
    let client = fresh();
    let key = new_key(&client).await;
    let encrypt = || client.encrypt().key_id(key.key_id()).plaintext(Blob::new("x"));
    for algorithm in [EncryptionAlgorithmSpec::RsaesOaepSha1, EncryptionAlgorithmSpec::RsaesOaepSha256] {
        refused(encrypt().encryption_algorithm(algorithm.clone()).send().await).is(
            "InvalidKeyUsageException",
            format!("Algorithm {algorithm} is incompatible with key spec SYMMETRIC_DEFAULT."),
        );
    }
    let unknown = encrypt().encryption_algorithm(EncryptionAlgorithmSpec::from("ROT13")).send().await;
    let text = refused(unknown).message.unwrap();
    assert!(text.starts_with(
        "1 validation error detected: Value 'ROT13' at 'encryptionAlgorithm' failed to satisfy constraint: Member must \
         satisfy enum value set: ["
    ));
    encrypt().encryption_algorithm(EncryptionAlgorithmSpec::SymmetricDefault).send().await.unwrap();
}

#[tokio::test]
pub(crate) async fn a_dry_run_says_that_it_would_have_worked_or_why_not() {
    let client = fresh();
    let key = new_key(&client).await;
    let dry = || client.encrypt().plaintext(Blob::new("x")).dry_run(true);
    refused(dry().key_id(key.key_id()).send().await)
        .is("DryRunOperationException", "The request would have succeeded, but the DryRun option is set.");
    assert_eq!(refused(dry().key_id("foo").send().await).code, "NotFoundException");
    client.encrypt().key_id(key.key_id()).plaintext(Blob::new("x")).dry_run(false).send().await.unwrap();
}

#[tokio::test]
pub(crate) async fn no_grant_token_is_valid_while_grants_are_not_served() {
    let client = fresh();
    let key = new_key(&client).await;
    let call = client.encrypt().key_id(key.key_id()).plaintext(Blob::new("x"));
    refused(call.clone().grant_tokens("AQpAM2RhZTk1").send().await)
        .is("InvalidGrantTokenException", "The grant token is not valid.");
    call.set_grant_tokens(Some(Vec::new())).send().await.unwrap();
}
