//! How a committed change reaches every node: the notification that goes with the COMMIT, and the wait until each node with
//! a live lease has acknowledged it or its lease is over (design.md 6).

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use diesel::prelude::*;
use diesel::sql_types::Text;
use kms_core::KeyAddress;
use uuid::Uuid;

use crate::error::{MetadataError, from_diesel};
use crate::keys::parse_address;
use crate::nodes::Peer;

/// The channel on which all nodes listen for changes.
pub(crate) const CHANGES: &str = "kms_change";

/// Longest text of addresses in one notification; Postgres takes payloads under 8000 bytes.
const MAX_ADDRESSES: usize = 7800;

/// How often the leases of nodes that have not acknowledged are read again.
const REREAD: Duration = Duration::from_millis(250);

/// How long the listener sleeps between two looks at its socket, while somebody waits and otherwise.
const POLL_BUSY: Duration = Duration::from_millis(2);
const POLL_IDLE: Duration = Duration::from_millis(10);

/// A node's own channel, for its echoes and for acknowledgements of its changes.
pub(crate) fn own_channel(boot_id: Uuid) -> String {
    format!("kms_node_{}", boot_id.simple())
}

/// Notifies `channel`; within a transaction it is sent with the COMMIT.
pub(crate) fn notify(connection: &mut PgConnection, channel: &str, payload: &str) -> Result<(), MetadataError> {
    diesel::sql_query("SELECT pg_notify($1, $2)")
        .bind::<Text, _>(channel)
        .bind::<Text, _>(payload)
        .execute(connection)
        .map_err(from_diesel)?;
    Ok(())
}

/// A change as it is notified.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Change {
    /// Fresh for each transaction.
    pub(crate) id: Uuid,
    /// The boot id of the node that made it.
    pub(crate) publisher: Uuid,
    /// The keys that changed; none means too many to name.
    pub(crate) keys: Option<Vec<KeyAddress>>,
}

impl Change {
    /// The text of the notification: change, publisher, then each key as `region/account/key id`, or `*`.
    pub(crate) fn to_payload(&self) -> String {
        let addresses = self.keys.as_ref().map(|keys| {
            let texts = keys.iter().map(|key| format!("{}/{}/{}", key.region, key.account, key.key_id));
            texts.collect::<Vec<_>>().join(" ")
        });
        let addresses = addresses.filter(|text| text.len() <= MAX_ADDRESSES).unwrap_or_else(|| "*".to_owned());
        format!("{} {} {addresses}", self.id, self.publisher)
    }

    /// Reads the text of a notification; none when it is not one of ours.
    pub(crate) fn parse(payload: &str) -> Option<Self> {
        let mut words = payload.split(' ');
        let (id, publisher) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
        let addresses: Vec<&str> = words.collect();
        let keys = match addresses.as_slice() {
            ["*"] => None,
            addresses => Some(addresses.iter().map(|text| parse_key(text)).collect::<Option<_>>()?),
        };
        Some(Self { id, publisher, keys })
    }
}

/// A text on a node's own channel.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum OwnMessage {
    /// The node's own heartbeat came back.
    Echo(u64),
    /// The node with this boot id has processed a change.
    Acknowledged { change: Uuid, boot_id: Uuid },
}

impl OwnMessage {
    pub(crate) fn to_payload(self) -> String {
        match self {
            Self::Echo(nonce) => format!("echo {nonce}"),
            Self::Acknowledged { change, boot_id } => format!("ack {change} {boot_id}"),
        }
    }

    pub(crate) fn parse(payload: &str) -> Option<Self> {
        match payload.split(' ').collect::<Vec<_>>().as_slice() {
            ["echo", nonce] => nonce.parse().ok().map(Self::Echo),
            ["ack", change, boot_id] => {
                Some(Self::Acknowledged { change: change.parse().ok()?, boot_id: boot_id.parse().ok()? })
            }
            _ => None,
        }
    }
}

/// Where the listener, which hears acknowledgements, and the threads that wait for them meet.
#[derive(Default)]
pub(crate) struct Registry {
    state: Mutex<State>,
    acknowledged: Condvar,
    listener: Condvar,
}

#[derive(Default)]
struct State {
    expected: HashMap<Uuid, HashSet<Uuid>>,
    waiting: usize,
    is_stopping: bool,
    has_stopped: bool,
}

impl Registry {
    /// Keeps the acknowledgements of a change from now on, before its COMMIT, until the guard is dropped.
    pub(crate) fn expect(self: &Arc<Self>, change: Uuid) -> Expected {
        self.state().expected.insert(change, HashSet::new());
        Expected { registry: self.clone(), change }
    }

    /// A node has processed a change.
    pub(crate) fn acknowledge(&self, change: Uuid, boot_id: Uuid) {
        if let Some(nodes) = self.state().expected.get_mut(&change) {
            nodes.insert(boot_id);
            self.acknowledged.notify_all();
        }
    }

    /// Lets the listener sleep until its next look at the socket, or until it has a reason to hurry.
    pub(crate) fn sleep_between_polls(&self) {
        let state = self.state();
        let nap = if state.waiting > 0 { POLL_BUSY } else { POLL_IDLE };
        self.sleep(state, nap);
    }

    /// Lets the listener sleep before it tries to connect again.
    pub(crate) fn sleep_before_retry(&self, nap: Duration) {
        let until = Instant::now() + nap;
        while Instant::now() < until && !self.is_stopping() {
            self.sleep(self.state(), until.saturating_duration_since(Instant::now()));
        }
    }

    /// Asks the listener to end, and waits for it at most `patience`.
    pub(crate) fn stop_listener(&self, patience: Duration) {
        let mut state = self.state();
        state.is_stopping = true;
        self.listener.notify_all();
        let until = Instant::now() + patience;
        while !state.has_stopped && Instant::now() < until {
            let left = until.saturating_duration_since(Instant::now());
            state = self.acknowledged.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.state().is_stopping
    }

    /// The listener's last word.
    pub(crate) fn listener_has_stopped(&self) {
        self.state().has_stopped = true;
        self.acknowledged.notify_all();
    }

    fn sleep(&self, state: MutexGuard<'_, State>, nap: Duration) {
        if !state.is_stopping {
            drop(self.listener.wait_timeout(state, nap));
        }
    }

    /// Nothing panics while it holds this lock, and what it guards is whole after each step.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A change whose acknowledgements are being kept.
pub(crate) struct Expected {
    registry: Arc<Registry>,
    change: Uuid,
}

impl Expected {
    /// Waits until each of `peers` has acknowledged the change or its lease is over, at most `bound`. `reread` says which
    /// peers are still live: a peer that has stopped or was taken over is not waited for. A lease renewed meanwhile
    /// extends nothing: it can hold only if the change was processed first.
    pub(crate) fn wait(&self, peers: &[Peer], bound: Duration, mut reread: impl FnMut() -> Option<Vec<Peer>>) {
        let begun = Instant::now();
        let mut pending: HashMap<Uuid, Instant> =
            peers.iter().map(|peer| (peer.boot_id, begun + peer.remaining().min(bound))).collect();
        let mut next_reread = begun + REREAD;
        while self.still_pending(&mut pending, next_reread) {
            if Instant::now() >= next_reread {
                if let Some(live) = reread() {
                    pending.retain(|boot_id, _| live.iter().any(|peer| peer.boot_id == *boot_id));
                }
                next_reread = Instant::now() + REREAD;
            }
        }
    }

    /// Takes off what was acknowledged or is over, sleeping at most until `until` for the first news.
    fn still_pending(&self, pending: &mut HashMap<Uuid, Instant>, until: Instant) -> bool {
        let mut state = self.registry.state();
        state.waiting += 1;
        self.registry.listener.notify_all();
        loop {
            let now = Instant::now();
            let acknowledged = state.expected.get(&self.change);
            pending.retain(|boot_id, end| now < *end && !acknowledged.is_some_and(|nodes| nodes.contains(boot_id)));
            let Some(first_end) = pending.values().min().copied().filter(|_| now < until) else { break };
            let nap = first_end.min(until).saturating_duration_since(now);
            state = self.registry.acknowledged.wait_timeout(state, nap).unwrap_or_else(PoisonError::into_inner).0;
        }
        state.waiting -= 1;
        !pending.is_empty()
    }
}

impl Drop for Expected {
    fn drop(&mut self) {
        self.registry.state().expected.remove(&self.change);
    }
}

fn parse_key(text: &str) -> Option<KeyAddress> {
    match text.split('/').collect::<Vec<_>>().as_slice() {
        [region, account, key_id] => parse_address(region, account, key_id).ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kms_core::{AccountId, KeyId, Region};

    fn address() -> KeyAddress {
        KeyAddress {
            region: Region::parse("eu-central-1").unwrap(),
            account: AccountId::parse("111122223333").unwrap(),
            key_id: KeyId::random(),
        }
    }

    #[test]
    fn a_change_comes_back_as_it_was_notified() {
        let change = Change { id: Uuid::new_v4(), publisher: Uuid::new_v4(), keys: Some(vec![address(), address()]) };
        assert_eq!(Change::parse(&change.to_payload()), Some(change));
    }

    #[test]
    fn too_many_keys_are_notified_as_all_within_the_size_of_a_payload() {
        for count in [90, 200] {
            let keys = (0..count).map(|_| address()).collect();
            let change = Change { id: Uuid::new_v4(), publisher: Uuid::new_v4(), keys: Some(keys) };
            assert!(change.to_payload().len() < 8000);
            let parsed = Change::parse(&change.to_payload()).unwrap();
            assert_eq!(parsed.keys.is_none(), count == 200);
        }
    }

    #[test]
    fn a_text_that_is_no_change_is_none() {
        let id = Uuid::new_v4();
        for text in ["".to_owned(), format!("{id}"), format!("{id} {id} x"), format!("{id} {id} eu-central-1/1/2")] {
            assert_eq!(Change::parse(&text), None, "{text}");
        }
    }

    #[test]
    fn own_messages_come_back() {
        let acknowledged = OwnMessage::Acknowledged { change: Uuid::new_v4(), boot_id: Uuid::new_v4() };
        for message in [OwnMessage::Echo(7), acknowledged] {
            assert_eq!(OwnMessage::parse(&message.to_payload()), Some(message));
        }
        assert_eq!(OwnMessage::parse("echo x"), None);
    }
}
