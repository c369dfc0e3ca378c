//! UpdateKeyDescription.

use crate::create_key::NO_NUL;
use crate::refusal::{outcome, refused};
use crate::support::{describe, encrypt, fresh, new_key};

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

#[tokio::test]
async fn a_description_with_u0000_is_refused_and_changes_nothing() {
    let client = fresh();
    let key = new_key(&client).await;
    for description in ["\0", "a\0", "\0a"] {
        let call = client.update_key_description().key_id(key.key_id()).description(description);
        refused(call.send().await).is("ValidationException", NO_NUL);
    }
    assert_eq!(describe(&client, key.key_id()).await.description(), Some(""));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_changes_of_one_key_at_once_all_succeed() {
    let client = fresh();
    let key = new_key(&client).await;
    let changes = (0..24).map(|number| {
        let (client, key_id) = (client.clone(), key.key_id.clone());
        tokio::spawn(async move {
            match number % 3 {
                0 => outcome(client.enable_key().key_id(key_id).send().await).map(drop),
                1 => outcome(client.disable_key().key_id(key_id).send().await).map(drop),
                _ => outcome(client.update_key_description().key_id(key_id).description("new").send().await).map(drop),
            }
        })
    });
    for change in changes.collect::<Vec<_>>() {
        change.await.unwrap().unwrap();
    }
    client.enable_key().key_id(key.key_id()).send().await.unwrap();
    let described = describe(&client, key.key_id()).await;
    assert_eq!((described.description(), described.enabled()), (Some("new"), true));
    encrypt(&client, key.key_id()).await;
}
