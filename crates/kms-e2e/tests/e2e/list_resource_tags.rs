//! ListResourceTags: pages and markers.

use crate::refusal::refused;
use crate::support::{fresh, new_key};
use crate::tag_resource::tag;

#[tokio::test]
async fn pages_hold_every_tag_once_in_every_state_of_the_key() {
    let client = fresh();
    let tags: Vec<_> = (0..50).map(|n| tag(&format!("ключ {n}"), &n.to_string())).collect();
    let key = client.create_key().set_tags(Some(tags.clone())).send().await.unwrap().key_metadata.unwrap();
    client.schedule_key_deletion().key_id(key.key_id()).send().await.unwrap();
    let (mut seen, mut marker, mut pages) = (Vec::new(), None, 0);
    loop {
        let page = client.list_resource_tags().key_id(key.key_id()).limit(20).set_marker(marker).send().await.unwrap();
        assert_eq!(page.truncated(), page.next_marker().is_some());
        seen.extend(page.tags().to_vec());
        pages += 1;
        marker = page.next_marker().map(str::to_owned);
        if marker.is_none() {
            break;
        }
    }
    seen.sort_by_key(|tag| tag.tag_value().parse::<u8>().unwrap());
    assert_eq!((seen, pages), (tags, 3));
    let whole = client.list_resource_tags().key_id(key.key_id()).send().await.unwrap();
    assert_eq!((whole.tags().len(), whole.truncated()), (50, false), "50 fit on a page by default");
}

#[tokio::test]
async fn a_key_without_tags_has_an_empty_list() {
    let client = fresh();
    let key = new_key(&client).await;
    let answer = client.list_resource_tags().key_id(key.key_id()).send().await.unwrap();
    assert_eq!((answer.tags().len(), answer.truncated(), answer.next_marker()), (0, false, None));
}

#[tokio::test]
pub(crate) async fn a_marker_belongs_to_its_list() {
    let client = fresh();
    let tags = Some(vec![tag("a", ""), tag("b", ""), tag("c", "")]);
    let a = client.create_key().set_tags(tags.clone()).send().await.unwrap().key_metadata.unwrap();
    let b = client.create_key().set_tags(tags).send().await.unwrap().key_metadata.unwrap();
    let list = |key_id: &str| client.list_resource_tags().key_id(key_id).limit(2);
    let marker = list(a.key_id()).send().await.unwrap().next_marker.unwrap();
    let text = "The marker is not valid for this list.";
    refused(list(b.key_id()).marker(&marker).send().await).is("InvalidMarkerException", text);
    refused(list(a.key_id()).marker("x").send().await).is("InvalidMarkerException", text);
    refused(client.list_keys().marker(&marker).send().await).is("InvalidMarkerException", text);
    assert_eq!(list(a.key_id()).marker(marker).send().await.unwrap().tags().len(), 1);
}

#[tokio::test]
async fn a_limit_is_between_1_and_50() {
    let client = fresh();
    let key = new_key(&client).await;
    for (limit, words) in [(0, "greater than or equal to 1"), (51, "less than or equal to 50")] {
        refused(client.list_resource_tags().key_id(key.key_id()).limit(limit).send().await).is(
            "ValidationException",
            format!(
                "1 validation error detected: Value '{limit}' at 'limit' failed to satisfy constraint: Member must have \
                 value {words}"
            ),
        );
    }
}
