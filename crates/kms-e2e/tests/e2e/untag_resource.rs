//! UntagResource.

use crate::refusal::refused;
use crate::support::{arn, fresh, new_key};
use crate::tag_resource::{tag, tags};

#[tokio::test]
async fn tags_are_taken_off_and_those_that_are_not_there_are_no_error() {
    let client = fresh();
    let key = new_key(&client).await;
    let put = client.tag_resource().key_id(key.key_id()).tags(tag("a", "1")).tags(tag("b", "2")).tags(tag("c", "3"));
    put.send().await.unwrap();
    let take = |tag_keys: &[&str]| {
        let tag_keys = tag_keys.iter().map(|key| (*key).to_owned()).collect();
        client.untag_resource().key_id(arn(&key)).set_tag_keys(Some(tag_keys)).send()
    };
    take(&["a", "c", "A", "a", "aws:x", "&", "x\0"]).await.unwrap();
    assert_eq!(tags(&client, key.key_id()).await, [("b".to_owned(), "2".to_owned())]);
    take(&[]).await.unwrap();
    take(&["b"]).await.unwrap();
    take(&["b"]).await.unwrap();
    assert_eq!(tags(&client, key.key_id()).await, []);
}

#[tokio::test]
async fn a_tag_key_has_1_to_128_characters() {
    let client = fresh();
    let key = new_key(&client).await;
    let take = |tag_key: &str| client.untag_resource().key_id(key.key_id()).tag_keys(tag_key).send();
    let long = "ä".repeat(129);
    for tag_key in ["", long.as_str()] {
        refused(take(tag_key).await).is(
            "ValidationException",
            format!(
                "1 validation error detected: Value '[{tag_key}]' at 'tagKeys' failed to satisfy constraint: Member must \
                 satisfy constraint: [Member must have length less than or equal to 128, Member must have length greater \
                 than or equal to 1]"
            ),
        );
    }
    take(&long[..256]).await.unwrap();
}
