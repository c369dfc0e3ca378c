//! ListAliases: pages, markers, the aliases of one key.

use std::collections::BTreeSet;

use aws_sdk_kms::Client;

use crate::refusal::refused;
use crate::support::{arn, fresh, new_alias, new_key};

/// All names that a list gives page by page, and the number of pages.
async fn names(client: &Client, key_id: Option<&str>, limit: i32) -> (BTreeSet<String>, usize) {
    let (mut seen, mut marker, mut pages) = (BTreeSet::new(), None, 0);
    loop {
        let call = client.list_aliases().set_key_id(key_id.map(str::to_owned)).limit(limit).set_marker(marker);
        let page = call.send().await.unwrap();
        assert_eq!(page.truncated(), page.next_marker().is_some());
        for alias in page.aliases() {
            assert!(seen.insert(alias.alias_name().unwrap().to_owned()), "no alias is listed twice");
        }
        pages += 1;
        marker = page.next_marker().map(str::to_owned);
        if marker.is_none() {
            return (seen, pages);
        }
    }
}

#[tokio::test]
async fn pages_hold_every_alias_once_of_all_keys_or_of_one() {
    let client = fresh();
    let (a, b) = (new_key(&client).await, new_key(&client).await);
    let (mut of_a, mut all) = (BTreeSet::new(), BTreeSet::new());
    for _ in 0..6 {
        of_a.insert(new_alias(&client, a.key_id()).await);
        all.insert(new_alias(&client, b.key_id()).await);
    }
    all.extend(of_a.clone());
    assert_eq!(names(&client, None, 5).await, (all.clone(), 3));
    assert_eq!(names(&client, None, 12).await, (all, 1));
    for key_id in [a.key_id(), arn(&a)] {
        assert_eq!(names(&client, Some(key_id), 4).await, (of_a.clone(), 2));
    }
}

#[tokio::test]
async fn a_page_has_50_aliases_unless_the_request_says_otherwise() {
    let client = fresh();
    let (a, b) = (new_key(&client).await, new_key(&client).await);
    for _ in 0..26 {
        new_alias(&client, a.key_id()).await;
        new_alias(&client, b.key_id()).await;
    }
    let page = client.list_aliases().send().await.unwrap();
    assert_eq!((page.aliases().len(), page.truncated()), (50, true));
    let rest = client.list_aliases().set_marker(page.next_marker).send().await.unwrap();
    assert_eq!((rest.aliases().len(), rest.truncated(), rest.next_marker()), (2, false, None));
    let all = client.list_aliases().limit(100).send().await.unwrap();
    assert_eq!((all.aliases().len(), all.truncated()), (52, false));
}

#[tokio::test]
async fn an_account_without_aliases_has_an_empty_list() {
    let answer = fresh().list_aliases().send().await.unwrap();
    assert_eq!((answer.aliases().len(), answer.truncated(), answer.next_marker()), (0, false, None));
}

#[tokio::test]
pub(crate) async fn a_marker_belongs_to_its_list() {
    let (client, stranger) = (fresh(), fresh());
    let (a, b) = (new_key(&client).await, new_key(&client).await);
    for key in [&a, &a, &b, &b] {
        new_alias(&client, key.key_id()).await;
    }
    let text = "The marker is not valid for this list.";
    let of_all = client.list_aliases().limit(1).send().await.unwrap().next_marker.unwrap();
    let of_a = client.list_aliases().key_id(a.key_id()).limit(1).send().await.unwrap().next_marker.unwrap();
    let of_keys = client.list_keys().limit(1).send().await.unwrap().next_marker.unwrap();
    for marker in [of_a.as_str(), of_keys.as_str(), "x", &of_all[1..]] {
        refused(client.list_aliases().marker(marker).send().await).is("InvalidMarkerException", text);
    }
    refused(client.list_aliases().key_id(b.key_id()).marker(&of_a).send().await).is("InvalidMarkerException", text);
    refused(client.list_keys().marker(&of_all).send().await).is("InvalidMarkerException", text);
    refused(stranger.list_aliases().marker(&of_all).send().await).is("InvalidMarkerException", text);
    assert_eq!(client.list_aliases().marker(&of_all).send().await.unwrap().aliases().len(), 3);
    assert_eq!(client.list_aliases().key_id(a.key_id()).marker(of_a).send().await.unwrap().aliases().len(), 1);
}

#[tokio::test]
async fn a_limit_is_between_1_and_100() {
    let client = fresh();
    let cases =
        [(0, "greater than or equal to 1"), (101, "less than or equal to 100"), (1001, "less than or equal to 1000")];
    for (limit, words) in cases {
        refused(client.list_aliases().limit(limit).send().await).is(
            "ValidationException",
            format!(
                "1 validation error detected: Value '{limit}' at 'limit' failed to satisfy constraint: Member must have \
                 value {words}"
            ),
        );
    }
}
