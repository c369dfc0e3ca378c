//! TagResource.

use aws_sdk_kms::Client;
use aws_sdk_kms::types::Tag;

use crate::refusal::{outcome, refused};
use crate::support::{arn, encrypt, fresh, new_key};

pub(crate) fn tag(key: &str, value: &str) -> Tag {
    Tag::builder().tag_key(key).tag_value(value).build().unwrap()
}

/// The tags of a key, in the order of the list.
pub(crate) async fn tags(client: &Client, key_id: &str) -> Vec<(String, String)> {
    let listed = client.list_resource_tags().key_id(key_id).send().await.unwrap();
    listed.tags().iter().map(|tag| (tag.tag_key().to_owned(), tag.tag_value().to_owned())).collect()
}

fn pairs(tags: &[(&str, &str)]) -> Vec<(String, String)> {
    tags.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

#[tokio::test]
async fn tags_are_added_and_overwritten_beside_those_of_the_birth() {
    let client = fresh();
    let made = client.create_key().tags(tag("team", "ops")).tags(tag("stage", "")).send().await.unwrap();
    let key = made.key_metadata.unwrap();
    assert_eq!(tags(&client, key.key_id()).await, pairs(&[("stage", ""), ("team", "ops")]));
    let call = client.tag_resource().key_id(arn(&key)).tags(tag("team", "Größe 1")).tags(tag("Team", "a:b@c/d=e+f-g"));
    call.send().await.unwrap();
    let expected = pairs(&[("Team", "a:b@c/d=e+f-g"), ("stage", ""), ("team", "Größe 1")]);
    assert_eq!(tags(&client, key.key_id()).await, expected);
    client.tag_resource().key_id(key.key_id()).set_tags(Some(Vec::new())).send().await.unwrap();
    assert_eq!(tags(&client, key.key_id()).await, expected);
    encrypt(&client, key.key_id()).await;
}

#[tokio::test]
pub(crate) async fn tags_follow_their_rules() {
    let client = fresh();
    let key = new_key(&client).await;
    let put = |tags: Vec<Tag>| client.tag_resource().key_id(key.key_id()).set_tags(Some(tags)).send();
    put((0..49).map(|n| tag(&format!("tag {n}"), "")).collect()).await.unwrap();
    let many = (0..51).map(|n| tag(&n.to_string(), "")).collect();
    refused(put(many).await).is("TagException", "Too many tags");
    refused(put(vec![tag("a", ""), tag("b", "")]).await).is("TagException", "Too many tags");
    refused(put(vec![tag("a", "1"), tag("a", "2")]).await).is("TagException", "Duplicate tag keys");
    refused(put(vec![tag("aWs:a", "1")]).await).is("TagException", "Tags beginning with aws: are reserved");
    refused(put(vec![tag("a", "My & My Team")]).await).is("TagException", "Invalid tag");
    refused(put(vec![tag("a\0", "")]).await).is("TagException", "Invalid tag");
    refused(put(vec![tag("a", &"v".repeat(257))]).await).is(
        "ValidationException",
        format!(
            "1 validation error detected: Value '{}' at 'tags.1.member.tagValue' failed to satisfy constraint: Member \
             must have length less than or equal to 256",
            "v".repeat(257)
        ),
    );
    assert_eq!(tags(&client, key.key_id()).await.len(), 49, "what was refused put nothing");
    put(vec![tag("tag 0", "new"), tag(&"k".repeat(128), &"v".repeat(256))]).await.unwrap();
    assert_eq!(tags(&client, key.key_id()).await.len(), 50);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn tags_put_at_once_are_all_there_and_never_more_than_50() {
    let client = fresh();
    let key = new_key(&client).await;
    let mut calls = Vec::new();
    for call in 0..8 {
        let (client, key_id) = (client.clone(), key.key_id.clone());
        let tags = (0..7).map(|n| tag(&format!("{call}-{n}"), "")).collect();
        calls.push(tokio::spawn(async move {
            outcome(client.tag_resource().key_id(key_id).set_tags(Some(tags)).send().await).map(drop)
        }));
    }
    let mut refused = 0;
    for call in calls {
        if let Err(refusal) = call.await.unwrap() {
            refusal.is("TagException", "Too many tags");
            refused += 1;
        }
    }
    assert_eq!((refused, tags(&client, key.key_id()).await.len()), (1, 49));
}
