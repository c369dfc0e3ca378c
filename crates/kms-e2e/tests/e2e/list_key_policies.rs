//! ListKeyPolicies.

use crate::refusal::refused;
use crate::support::{arn, fresh, new_external_key, new_key};

#[tokio::test]
async fn every_key_has_one_policy() {
    let client = fresh();
    let (key, waiting) = (new_key(&client).await, new_external_key(&client).await);
    client.schedule_key_deletion().key_id(key.key_id()).send().await.unwrap();
    for key_id in [key.key_id(), arn(&key), waiting.key_id()] {
        for limit in [None, Some(1), Some(1000)] {
            let answer = client.list_key_policies().key_id(key_id).set_limit(limit).send().await.unwrap();
            assert_eq!(answer.policy_names(), ["default"]);
            assert_eq!((answer.truncated(), answer.next_marker()), (false, None));
        }
    }
}

#[tokio::test]
async fn no_marker_is_valid_as_no_page_gives_one() {
    let client = fresh();
    let (key, _second) = (new_key(&client).await, new_key(&client).await);
    let of_keys = client.list_keys().limit(1).send().await.unwrap().next_marker.unwrap();
    for marker in ["x", &of_keys] {
        refused(client.list_key_policies().key_id(key.key_id()).marker(marker).send().await)
            .is_undeclared("InvalidMarkerException", "The marker is not valid for this list.");
    }
}
