//! The listener: one connection on a thread of its own that hears of changes, drops what is cached of them, acknowledges,
//! and moves the lease (object-protocol.md 5, S2).

use std::sync::Arc;
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection;
use diesel::pg::PgConnection;
use kms_core::Clock;
use uuid::Uuid;

use crate::error::{MetadataError, from_diesel};
use crate::lease::Invalidator;
use crate::nodes::{self, Node};
use crate::pool;
use crate::publish::{self, CHANGES, Change, OwnMessage, Registry};

/// How long to wait before connecting again.
const RETRY: Duration = Duration::from_millis(250);

/// How many heartbeats may be on their way before the connection counts as broken.
const MAX_ECHOES: usize = 20;

/// All that the listener's thread owns.
pub(crate) struct Listener {
    pub(crate) url: String,
    pub(crate) node: Node,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) invalidator: Invalidator,
    pub(crate) registry: Arc<Registry>,
}

/// Why the listener left its loop.
enum Left {
    /// It was asked to.
    Stopped,
    /// Another process runs under this node id.
    TakenOver,
    /// The connection failed; a new one is needed.
    Lost(MetadataError),
}

impl From<MetadataError> for Left {
    fn from(error: MetadataError) -> Self {
        Self::Lost(error)
    }
}

impl Listener {
    /// Connects for the first time and takes the node's row over. From here on the lease holds.
    pub(crate) fn start(&self) -> Result<PgConnection, MetadataError> {
        let mut connection = self.listen()?;
        let listening = self.clock.boottime();
        nodes::take_over(&mut connection, &self.node)?;
        self.begin_lease(listening);
        Ok(connection)
    }

    /// The thread: serves until it is stopped, connecting again whenever the connection is lost.
    pub(crate) fn run(self, connection: PgConnection) {
        let mut connection = Some(connection);
        // A stop that comes before the first round still finds the connection, and gives the lease up over it.
        while connection.is_some() || !self.registry.is_stopping() {
            let left = match connection.take().map_or_else(|| self.come_back(), Ok) {
                Ok(connection) => self.serve(connection),
                Err(left) => left,
            };
            match left {
                Left::Stopped => break,
                Left::TakenOver => {
                    self.invalidator.lease.end();
                    tracing::error!(node_id = %self.node.node_id, "another process has taken over this node's lease");
                    break;
                }
                Left::Lost(error) => {
                    tracing::warn!(%error, "the listener lost its connection and connects again");
                    self.registry.sleep_before_retry(RETRY);
                }
            }
        }
        self.registry.listener_has_stopped();
    }

    fn come_back(&self) -> Result<PgConnection, Left> {
        let mut connection = self.listen()?;
        let listening = self.clock.boottime();
        if !nodes::come_back(&mut connection, &self.node)? {
            return Err(Left::TakenOver);
        }
        self.begin_lease(listening);
        Ok(connection)
    }

    fn listen(&self) -> Result<PgConnection, MetadataError> {
        let mut connection = pool::connect_limited(&self.url, "strongroom listener")?;
        let own = publish::own_channel(self.node.boot_id);
        connection.batch_execute(&format!("LISTEN {CHANGES}; LISTEN {own}")).map_err(from_diesel)?;
        Ok(connection)
    }

    /// In this order: listening is committed, the row tells others to wait, all is flushed, and only then the lease
    /// begins, at the moment when listening had begun. A record filled after the flush is read after the row was there.
    fn begin_lease(&self, listening: Duration) {
        self.invalidator.drop_all();
        self.invalidator.lease.prove(listening);
    }

    fn serve(&self, mut connection: PgConnection) -> Left {
        let mut heart = Heart::new(self.node.lease);
        loop {
            if self.registry.is_stopping() {
                return match nodes::give_up(&mut connection, &self.node) {
                    Ok(()) => Left::Stopped,
                    Err(error) => Left::Lost(error),
                };
            }
            match self.step(&mut connection, &mut heart) {
                Ok(0) => self.registry.sleep_between_polls(),
                Ok(_) => (),
                Err(left) => return left,
            }
        }
    }

    /// One heartbeat if it is due, and all notifications that are there. Returns how many there were.
    fn step(&self, connection: &mut PgConnection, heart: &mut Heart) -> Result<usize, Left> {
        if heart.is_due() {
            let sent_at = self.clock.boottime();
            let message = OwnMessage::Echo(heart.beat(sent_at)?).to_payload();
            let channel = publish::own_channel(self.node.boot_id);
            if !nodes::renew_and_notify(connection, &self.node, &channel, &message)? {
                return Err(Left::Lost(MetadataError::NotFound));
            }
        }
        let arrived = connection.notifications_iter().collect::<Result<Vec<_>, _>>().map_err(from_diesel)?;
        for notification in &arrived {
            if notification.channel == CHANGES {
                self.hear_change(connection, &notification.payload)?;
            } else {
                self.hear_own(heart, &notification.payload);
            }
        }
        Ok(arrived.len())
    }

    /// Drops what is cached of the keys, then acknowledges. The publisher is told nothing by itself, but its own changes
    /// are dropped too: the answer to a COMMIT can be lost while its notification arrives.
    fn hear_change(&self, connection: &mut PgConnection, payload: &str) -> Result<(), MetadataError> {
        let Some(change) = Change::parse(payload) else {
            tracing::warn!("a notification is not one of ours; everything cached is dropped");
            self.invalidator.drop_all();
            return Ok(());
        };
        match &change.keys {
            Some(keys) => self.invalidator.drop_keys(keys),
            None => self.invalidator.drop_all(),
        }
        if change.publisher == self.node.boot_id {
            return Ok(());
        }
        fail::fail_point!("metadata.before_acknowledge", |_| Ok(()));
        let message = OwnMessage::Acknowledged { change: change.id, boot_id: self.node.boot_id };
        publish::notify(connection, &publish::own_channel(change.publisher), &message.to_payload())
    }

    fn hear_own(&self, heart: &mut Heart, payload: &str) {
        match OwnMessage::parse(payload) {
            Some(OwnMessage::Echo(nonce)) => {
                if let Some(sent_at) = heart.echo(nonce) {
                    self.invalidator.lease.prove(sent_at);
                }
            }
            Some(OwnMessage::Acknowledged { change, boot_id }) => self.registry.acknowledge(change, boot_id),
            None => tracing::warn!("a message to this node is not one of ours"),
        }
    }
}

/// The heartbeats of one connection: which are on their way, and when each was sent.
struct Heart {
    interval: Duration,
    next: Instant,
    nonce: u64,
    on_their_way: Vec<(u64, Duration)>,
}

impl Heart {
    /// Beats each second, or four times within a shorter lease.
    fn new(lease: Duration) -> Self {
        // Echoes of an earlier connection cannot arrive here, but a random start makes sure that none could be taken for ours.
        let nonce = Uuid::new_v4().as_u64_pair().0 >> 1;
        Self {
            interval: (lease / 4).min(Duration::from_secs(1)),
            next: Instant::now(),
            nonce,
            on_their_way: Vec::new(),
        }
    }

    fn is_due(&self) -> bool {
        Instant::now() >= self.next
    }

    fn beat(&mut self, sent_at: Duration) -> Result<u64, MetadataError> {
        if self.on_their_way.len() >= MAX_ECHOES {
            return Err(MetadataError::Unavailable("no heartbeat comes back".to_owned()));
        }
        self.next = Instant::now() + self.interval;
        self.nonce += 1;
        self.on_their_way.push((self.nonce, sent_at));
        Ok(self.nonce)
    }

    /// When the heartbeat was sent; those before it are done with.
    fn echo(&mut self, nonce: u64) -> Option<Duration> {
        let place = self.on_their_way.iter().position(|(sent, _)| *sent == nonce)?;
        self.on_their_way.drain(..=place).next_back().map(|(_, sent_at)| sent_at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_echo_of_this_connection_proves_anything_and_only_its_sending_time() {
        let mut heart = Heart::new(Duration::from_secs(5));
        let first = heart.beat(Duration::from_secs(10)).unwrap();
        let second = heart.beat(Duration::from_secs(11)).unwrap();
        assert_eq!(heart.echo(first.wrapping_sub(1)), None);
        assert_eq!(heart.echo(second), Some(Duration::from_secs(11)));
        assert_eq!(heart.echo(first), None, "an older echo after a newer one proves nothing more");
    }

    #[test]
    fn a_connection_on_which_no_heartbeat_comes_back_is_given_up() {
        let mut heart = Heart::new(Duration::from_secs(5));
        let beats = (0..=MAX_ECHOES).map(|_| heart.beat(Duration::ZERO)).filter(Result::is_ok).count();
        assert_eq!(beats, MAX_ECHOES);
    }
}
