//! The calls of the operations that need nothing but the key's id, and how their answers read.

use aws_sdk_kms::Client;
use aws_sdk_kms::operation::describe_key::DescribeKeyOutput;
use aws_sdk_kms::types::Tag;

use crate::answer::Answer;
use crate::judge::Called;
use crate::key::WINDOW_DAYS;
use crate::op::{Op, TAGS};
use crate::reply::{Reply, read};
use crate::world::World;

/// The tags of the model.
const TAG_KEYS: [&str; TAGS] = ["team", "cost"];
/// The largest page of ListKeys.
const KEYS_PER_PAGE: i32 = 1_000;
const RANDOM_BYTES: i32 = 32;

/// A change of the key.
pub(crate) async fn change(world: &World, client: &Client, id: &str, op: Op) -> Called {
    let done = Answer::Done;
    match op {
        Op::Delete => read(&client.delete_imported_key_material().key_id(id).send().await, |_| done),
        Op::Enable => read(&client.enable_key().key_id(id).send().await, |_| done),
        Op::Disable => read(&client.disable_key().key_id(id).send().await, |_| done),
        Op::Schedule { .. } => {
            let call = client.schedule_key_deletion().key_id(id).pending_window_in_days(WINDOW_DAYS);
            read(&call.send().await, |_| done)
        }
        Op::Cancel => read(&client.cancel_key_deletion().key_id(id).send().await, |_| done),
        Op::Due { .. } => {
            let answer = if world.make_due(id) { done } else { Answer::TooLate };
            (Reply::Known(answer), None)
        }
        Op::Describe(number) => {
            let call = client.update_key_description().key_id(id).description(number.to_string());
            read(&call.send().await, |_| done)
        }
        Op::Tag { which, value } => {
            let tag = |key: &str| Tag::builder().tag_key(key).tag_value(value.to_string()).build().ok();
            let tags = chosen(which).filter_map(tag).collect();
            read(&client.tag_resource().key_id(id).set_tags(Some(tags)).send().await, |_| done)
        }
        Op::Untag { which } => {
            let keys = chosen(which).map(str::to_owned).collect();
            read(&client.untag_resource().key_id(id).set_tag_keys(Some(keys)).send().await, |_| done)
        }
        _ => (Reply::Wrong(format!("{op:?} is no change of the key alone")), None),
    }
}

/// A look at the key.
pub(crate) async fn look(client: &Client, id: &str, op: Op) -> Called {
    match op {
        Op::Look => read(&client.describe_key().key_id(id).send().await, looked),
        Op::Tags => read(&client.list_resource_tags().key_id(id).send().await, |output| tagged(output.tags())),
        Op::Policy => read(&client.get_key_policy().key_id(id).send().await, |_| Answer::Done),
        Op::Policies => read(&client.list_key_policies().key_id(id).send().await, |_| Answer::Done),
        Op::List => listed(client, id).await,
        _ => (Reply::Wrong(format!("{op:?} is no look")), None),
    }
}

/// Bytes of the token.
pub(crate) async fn random(client: &Client) -> Called {
    let result = client.generate_random().number_of_bytes(RANDOM_BYTES).send().await;
    if let Ok(output) = &result {
        let bytes = output.plaintext().map_or(&[][..], |bytes| bytes.as_ref());
        if bytes.len() != 32 || bytes.iter().all(|byte| *byte == 0) {
            return (Reply::Wrong("bytes that are not random".to_owned()), None);
        }
    }
    read(&result, |_| Answer::Done)
}

/// DescribeKey's answer.
pub(crate) fn looked(output: &DescribeKeyOutput) -> Answer {
    let metadata = output.key_metadata();
    let state = metadata.and_then(|key| key.key_state()).map_or("", |state| state.as_str());
    let known = ["Enabled", "Disabled", "PendingImport", "PendingDeletion"];
    let state = known.into_iter().find(|known| *known == state).unwrap_or("another state");
    let description = metadata.and_then(|key| key.description()).unwrap_or_default();
    Answer::Looked(state, description.parse().unwrap_or(0))
}

/// All pages until the key is found. A page begins after the last key of the one before, so a key that is there all the time
/// is in one of them, whatever comes and goes.
async fn listed(client: &Client, id: &str) -> Called {
    let mut marker = None;
    loop {
        let result = client.list_keys().limit(KEYS_PER_PAGE).set_marker(marker).send().await;
        let is_here = |key: &aws_sdk_kms::types::KeyListEntry| key.key_id() == Some(id);
        let found = result.as_ref().is_ok_and(|page| page.keys().iter().any(is_here));
        let called = read(&result, |_| Answer::Listed(found));
        marker = result.ok().and_then(|page| page.next_marker);
        if found || marker.is_none() {
            return called;
        }
    }
}

fn tagged(tags: &[Tag]) -> Answer {
    let value = |key: &str| tags.iter().find(|tag| tag.tag_key() == key).map(Tag::tag_value);
    // A value that this program never wrote is one that the model never has.
    let number = |value: Option<&str>| value.map_or(0, |value| value.parse().unwrap_or(u32::MAX));
    Answer::Tagged(TAG_KEYS.map(|key| number(value(key))))
}

fn chosen(which: [bool; TAGS]) -> impl Iterator<Item = &'static str> {
    TAG_KEYS.into_iter().zip(which).filter(|(_, is_chosen)| *is_chosen).map(|(key, _)| key)
}
