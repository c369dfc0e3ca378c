//! UpdateKeyDescription.

use crate::refusal::refused;
use crate::support::{describe, fresh, new_key};

#[tokio::test]
async fn a_description_is_replaced_and_may_be_emptied() {
    let client = fresh();
    let key = new_key(&client).await;
    for description in ["first", "zweite, größer \u{1F511}", ""] {
        client.update_key_description().key_id(key.key_id()).description(description).send().await.unwrap();
        assert_eq!(describe(&client, key.key_id()).await.description(), Some(description));
    }
}

#[tokio::test]
async fn a_description_past_8192_characters_changes_nothing() {
    let client = fresh();
    let key = new_key(&client).await;
    let long = "d".repeat(8193);
    let call = client.update_key_description().key_id(key.key_id()).description(&long);
    refused(call.send().await).is(
        "ValidationException",
        format!(
            "1 validation error detected: Value '{long}' at 'description' failed to satisfy constraint: Member must have \
             length less than or equal to 8192"
        ),
    );
    assert_eq!(describe(&client, key.key_id()).await.description(), Some(""));
}
