//! ListKeys: pages and markers.

use std::collections::BTreeSet;

use crate::refusal::refused;
use crate::support::{fresh, new_external_key, new_key};

#[tokio::test]
async fn pages_hold_every_key_once_in_every_state() {
    let client = fresh();
    let mut made = BTreeSet::new();
    for _ in 0..5 {
        made.insert(new_key(&client).await.arn.unwrap());
        made.insert(new_external_key(&client).await.arn.unwrap());
    }
    let scheduled = made.first().unwrap();
    client.schedule_key_deletion().key_id(scheduled).send().await.unwrap();
    let (mut seen, mut marker, mut pages) = (BTreeSet::new(), None, 0);
    loop {
        let page = client.list_keys().limit(3).set_marker(marker).send().await.unwrap();
        assert_eq!(page.truncated(), page.next_marker().is_some());
        for entry in page.keys() {
            assert!(entry.key_arn().unwrap().ends_with(&format!(":key/{}", entry.key_id().unwrap())));
            assert!(seen.insert(entry.key_arn().unwrap().to_owned()), "no key is listed twice");
        }
        pages += 1;
        marker = page.next_marker().map(str::to_owned);
        if marker.is_none() {
            break;
        }
    }
    assert_eq!((seen, pages), (made, 4));
    let exact = client.list_keys().limit(10).send().await.unwrap();
    assert_eq!((exact.keys().len(), exact.truncated()), (10, false), "a full last page says that it is the last");
}

#[tokio::test]
async fn an_account_without_keys_has_an_empty_list() {
    let answer = fresh().list_keys().send().await.unwrap();
    assert_eq!((answer.keys().len(), answer.truncated(), answer.next_marker()), (0, false, None));
}

#[tokio::test]
pub(crate) async fn a_marker_that_this_list_did_not_give_is_invalid() {
    let (client, stranger) = (fresh(), fresh());
    new_key(&client).await;
    new_key(&client).await;
    let marker = client.list_keys().limit(1).send().await.unwrap().next_marker.unwrap();
    for (client, marker) in [(&stranger, marker.as_str()), (&client, "x"), (&client, &marker[1..])] {
        refused(client.list_keys().marker(marker).send().await)
            .is("InvalidMarkerException", "The marker is not valid for this list.");
    }
    assert_eq!(client.list_keys().marker(marker).send().await.unwrap().keys().len(), 1);
}

#[tokio::test]
async fn a_limit_is_between_1_and_1000() {
    let client = fresh();
    for (limit, words) in [(0, "greater than or equal to 1"), (1001, "less than or equal to 1000")] {
        refused(client.list_keys().limit(limit).send().await).is(
            "ValidationException",
            format!(
                "1 validation error detected: Value '{limit}' at 'limit' failed to satisfy constraint: Member must have \
                 value {words}"
            ),
        );
    }
    client.list_keys().limit(1000).send().await.unwrap();
}
