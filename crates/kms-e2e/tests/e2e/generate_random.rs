//! GenerateRandom.

use std::collections::HashSet;

use aws_sdk_kms::primitives::Blob;
use aws_sdk_kms::types::RecipientInfo;

use crate::refusal::refused;
use crate::support::fresh;

#[tokio::test]
async fn random_bytes_have_the_length_asked_for_and_never_repeat() {
    let client = fresh();
    for length in [1, 2, 1023, 1024] {
        let answer = client.generate_random().number_of_bytes(length).send().await.unwrap();
        assert_eq!(answer.plaintext().unwrap().as_ref().len() as i32, length);
        assert_eq!(answer.ciphertext_for_recipient(), None);
    }
    let mut seen = HashSet::new();
    for _ in 0..100 {
        let answer = client.generate_random().number_of_bytes(1024).send().await.unwrap();
        let bytes = answer.plaintext.unwrap().into_inner();
        assert!(bytes.chunks(16).all(|chunk| seen.insert(chunk.to_vec())), "16 bytes came twice");
    }
}

#[tokio::test]
async fn the_length_is_required_and_1_to_1024() {
    let client = fresh();
    refused(client.generate_random().send().await).is("ValidationException", "NumberOfBytes is required.");
    for (length, words) in [(0, "greater than or equal to 1"), (1025, "less than or equal to 1024")] {
        refused(client.generate_random().number_of_bytes(length).send().await).is(
            "ValidationException",
            format!(
                "1 validation error detected: Value '{length}' at 'numberOfBytes' failed to satisfy constraint: Member \
                 must have value {words}"
            ),
        );
    }
}

#[tokio::test]
pub(crate) async fn custom_key_stores_and_recipients_are_unsupported() {
    let client = fresh();
    let random = || client.generate_random().number_of_bytes(8);
    refused(random().custom_key_store_id("cks-0123456789abcdef0").send().await)
        .is("UnsupportedOperationException", "Custom key stores are not served yet.");
    let recipient = RecipientInfo::builder().attestation_document(Blob::new("x")).build();
    refused(random().recipient(recipient).send().await)
        .is("UnsupportedOperationException", "Recipient is not served yet.");
}
