//! ScheduleKeyDeletion, and what happens when the window ends.

use aws_sdk_kms::types::KeyState;
use kms_e2e::{client, fresh_account, objects_of_key};

use crate::refusal::refused;
use crate::support::{REGION, arn, encrypt, eventually, fresh, imported_key, new_key, now, timed};

const DAY: i64 = 86_400;

#[tokio::test]
async fn the_window_is_7_to_30_days_and_30_by_default() {
    let client = fresh();
    for (asked, days) in [(None, 30), (Some(7), 7), (Some(30), 30)] {
        let key = new_key(&client).await;
        let before = now().unix_timestamp();
        let call = client.schedule_key_deletion().key_id(key.key_id()).set_pending_window_in_days(asked);
        let answer = call.send().await.unwrap();
        assert_eq!(answer.key_id(), key.arn());
        assert_eq!(answer.key_state(), Some(&KeyState::PendingDeletion));
        assert_eq!(answer.pending_window_in_days(), Some(days));
        let date = answer.deletion_date().unwrap().secs() - i64::from(days) * DAY;
        assert!((before..=now().unix_timestamp()).contains(&date));
    }
    let key = new_key(&client).await;
    for (days, words) in [
        (6, "greater than or equal to 7"),
        (31, "less than or equal to 30"),
        (0, "greater than or equal to 1"),
        (366, "less than or equal to 365"),
    ] {
        let call = client.schedule_key_deletion().key_id(key.key_id()).pending_window_in_days(days);
        refused(call.send().await).is(
            "ValidationException",
            format!(
                "1 validation error detected: Value '{days}' at 'pendingWindowInDays' failed to satisfy constraint: \
                 Member must have value {words}"
            ),
        );
    }
}

#[tokio::test]
async fn a_second_schedule_is_refused_and_keeps_the_date() {
    let client = fresh();
    let key = new_key(&client).await;
    let first = client.schedule_key_deletion().key_id(key.key_id()).send().await.unwrap();
    let second = client.schedule_key_deletion().key_id(key.key_id()).pending_window_in_days(7);
    refused(second.send().await).is("KMSInvalidStateException", format!("{} is pending deletion.", arn(&key)));
    let described = crate::support::describe(&client, key.key_id()).await;
    assert_eq!(described.deletion_date(), first.deletion_date());
}

#[tokio::test]
async fn when_the_window_ends_key_and_objects_are_gone_for_good() {
    let server = timed().await;
    let client = client(server.endpoint(), &fresh_account(), REGION);
    let keys = [new_key(&client).await, imported_key(&client, 8).await];
    let kept = new_key(&client).await;
    let ciphertexts = [encrypt(&client, keys[0].key_id()).await, encrypt(&client, keys[1].key_id()).await];
    for key in &keys {
        client.schedule_key_deletion().key_id(key.key_id()).pending_window_in_days(7).send().await.unwrap();
    }
    server.set_clock_offset(7 * DAY - 60).unwrap();
    tokio::time::sleep(std::time::Duration::from_secs(2)).await;
    for key in &keys {
        assert_eq!(objects_of_key(server.data_dir(), key.key_id()).unwrap(), 1, "a minute before the end it is there");
    }
    server.set_clock_offset(7 * DAY + 60).unwrap();
    for (key, ciphertext) in keys.iter().zip(ciphertexts) {
        let text = format!("Key '{}' does not exist", arn(key));
        eventually("the key is gone", async || client.describe_key().key_id(key.key_id()).send().await.is_err()).await;
        refused(client.describe_key().key_id(key.key_id()).send().await).is("NotFoundException", text.as_str());
        refused(client.cancel_key_deletion().key_id(key.key_id()).send().await).is("NotFoundException", text.as_str());
        let refusal = refused(client.decrypt().ciphertext_blob(ciphertext.clone()).send().await);
        assert_eq!(refusal.code, "AccessDeniedException", "its ciphertexts name nothing any more");
        let named = client.decrypt().key_id(arn(key)).ciphertext_blob(ciphertext);
        refused(named.send().await).is("NotFoundException", text);
        assert_eq!(objects_of_key(server.data_dir(), key.key_id()).unwrap(), 0);
    }
    let listed = client.list_keys().send().await.unwrap();
    assert_eq!(listed.keys().iter().map(|entry| entry.key_id().unwrap()).collect::<Vec<_>>(), [kept.key_id()]);
    server.set_clock_offset(0).unwrap();
    assert!(client.describe_key().key_id(keys[0].key_id()).send().await.is_err(), "nothing brings it back");
    encrypt(&client, kept.key_id()).await;
}
