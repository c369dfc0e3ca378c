//! GetParametersForImport.

use std::time::Duration;

use aws_sdk_kms::primitives::Blob;
use aws_sdk_kms::types::{AlgorithmSpec, ExpirationModelType, KeyState, WrappingKeySpec};
use kms_e2e::{material, wrap};
use rsa::PublicKey;
use rsa::pkcs8::DecodePublicKey;
use rsa::traits::PublicKeyParts;

use crate::refusal::{outcome, refused};
use crate::support::{arn, decrypt, encrypt, fresh, new_external_key, new_key, now, state};

const DAY: i64 = 86_400;
const PAUSE: Duration = Duration::from_millis(500);

#[tokio::test]
async fn each_size_and_algorithm_gives_a_key_that_carries_an_import() {
    let client = fresh();
    let key = new_external_key(&client).await;
    let mut ciphertext: Option<Blob> = None;
    let mut seen = std::collections::HashSet::new();
    for (spec, bytes) in
        [(WrappingKeySpec::Rsa2048, 256), (WrappingKeySpec::Rsa3072, 384), (WrappingKeySpec::Rsa4096, 512)]
    {
        for algorithm in [AlgorithmSpec::RsaesOaepSha1, AlgorithmSpec::RsaesOaepSha256] {
            let before = now().unix_timestamp();
            let call = client.get_parameters_for_import().key_id(key.key_id());
            let call = call.wrapping_algorithm(algorithm.clone()).wrapping_key_spec(spec.clone());
            let answer = loop {
                match outcome(call.clone().send().await) {
                    // Other tests may have RSA keys made.
                    Err(refusal) if refusal.code == "ThrottlingException" => tokio::time::sleep(PAUSE).await,
                    other => break other.unwrap(),
                }
            };
            assert_eq!(answer.key_id(), Some(arn(&key)));
            let valid_to = answer.parameters_valid_to().unwrap().secs() - DAY;
            assert!((before..=now().unix_timestamp()).contains(&valid_to), "valid for 24 hours");
            let public_key = answer.public_key().unwrap().as_ref();
            assert_eq!(PublicKey::from_public_key_der(public_key).unwrap().size(), bytes);
            assert!(seen.insert(public_key.to_vec()) && seen.insert(answer.import_token().unwrap().as_ref().to_vec()));
            let wrapped = wrap(public_key, &algorithm, &material(11)).unwrap();
            let import = client
                .import_key_material()
                .key_id(key.key_id())
                .import_token(answer.import_token().unwrap().clone())
                .encrypted_key_material(Blob::new(wrapped))
                .expiration_model(ExpirationModelType::KeyMaterialDoesNotExpire);
            import.send().await.unwrap();
            match &ciphertext {
                Some(ciphertext) => assert_eq!(decrypt(&client, ciphertext).await, b"hello"),
                None => ciphertext = Some(encrypt(&client, key.key_id()).await),
            }
            client.delete_imported_key_material().key_id(key.key_id()).send().await.unwrap();
        }
    }
    assert_eq!(state(&client, key.key_id()).await, KeyState::PendingImport);
}

#[tokio::test]
async fn a_wrapping_that_cannot_carry_a_symmetric_key_is_a_validation_error() {
    let client = fresh();
    let key = new_external_key(&client).await;
    for algorithm in [AlgorithmSpec::RsaAesKeyWrapSha1, AlgorithmSpec::RsaAesKeyWrapSha256] {
        let call = client.get_parameters_for_import().key_id(key.key_id()).wrapping_algorithm(algorithm.clone());
        refused(call.wrapping_key_spec(WrappingKeySpec::Rsa3072).send().await).is(
            "ValidationException",
            format!(
                "Wrapping algorithm {algorithm} and wrapping key spec RSA_3072 cannot be used to import a \
                 SYMMETRIC_DEFAULT key."
            ),
        );
    }
}

#[tokio::test]
pub(crate) async fn what_kms_refuses_itself_and_keys_of_another_origin_are_unsupported() {
    let client = fresh();
    let external = new_external_key(&client).await;
    let ask = |key_id: &str, algorithm, spec| {
        client.get_parameters_for_import().key_id(key_id).wrapping_algorithm(algorithm).wrapping_key_spec(spec).send()
    };
    let unsupported = "UnsupportedOperationException";
    refused(ask(external.key_id(), AlgorithmSpec::RsaesPkcs1V15, WrappingKeySpec::Rsa2048).await)
        .is(unsupported, "Wrapping algorithm RSAES_PKCS1_V1_5 with wrapping key spec RSA_2048 is not supported.");
    refused(ask(external.key_id(), AlgorithmSpec::Sm2Pke, WrappingKeySpec::Sm2).await)
        .is(unsupported, "Wrapping algorithm SM2PKE with wrapping key spec SM2 is not supported.");
    let own = new_key(&client).await;
    refused(ask(own.key_id(), AlgorithmSpec::RsaesOaepSha256, WrappingKeySpec::Rsa2048).await)
        .is(unsupported, format!("{} origin is AWS_KMS which is not valid for this operation.", arn(&own)));
}

#[tokio::test]
async fn unknown_words_are_validation_errors_all_at_once() {
    let client = fresh();
    let call = client.get_parameters_for_import().key_id("foo");
    let call = call.wrapping_algorithm(AlgorithmSpec::from("ROT13")).wrapping_key_spec(WrappingKeySpec::from("RSA_1"));
    let refusal = refused(call.send().await);
    assert_eq!(refusal.code, "ValidationException");
    let text = refusal.message.unwrap();
    assert!(text.starts_with("2 validation errors detected: Value 'ROT13' at 'wrappingAlgorithm'"), "{text}");
    assert!(
        text.contains("; Value 'RSA_1' at 'wrappingKeySpec' failed to satisfy constraint: Member must satisfy enum")
    );
}
