//! The clients: for each of a few keys two at a time, so that operations on one key race.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::key::{Key, end_of_window};
use crate::model::Op;
use crate::random::Random;
use crate::world::{World, lock};

/// Keys at a time whose material is imported, and others.
const EXTERNAL: usize = 4;
const GENERATED: usize = 2;
const CLIENTS_PER_KEY: usize = 2;
/// How long a client waits for another server after one gave it no answer, while servers are not killed.
const AFTER_A_BREAK: Duration = Duration::from_secs(2);
/// Keys that were put aside and are looked at again at the end.
const MOST_RETIRED: usize = 300;

/// The keys at hand, and those put aside.
#[derive(Default)]
pub(crate) struct Keys {
    slots: Mutex<Vec<Arc<Key>>>,
    retired: Mutex<Vec<Arc<Key>>>,
}

impl Keys {
    /// Makes the first keys.
    ///
    /// # Errors
    /// A server that nothing disturbs makes no key.
    pub(crate) async fn create(world: &World) -> anyhow::Result<Arc<Self>> {
        let keys = Self::default();
        for slot in 0..EXTERNAL + GENERATED {
            let key = Key::create(world, 0, slot < EXTERNAL).await;
            let key = key.ok_or_else(|| anyhow::anyhow!("the first keys could not be made"))?;
            lock(&keys.slots).push(key);
        }
        Ok(Arc::new(keys))
    }

    /// Every key that was ever made, as far as they are kept.
    pub(crate) fn all(&self) -> Vec<Arc<Key>> {
        lock(&self.slots).iter().chain(lock(&self.retired).iter()).cloned().collect()
    }

    /// Whether operations that got no answer may still be going on in a server.
    pub(crate) fn have_lost(&self, world: &World) -> bool {
        self.all().iter().any(|key| lock(&key.checker).has_lost(|process| world.has_ended(process)))
    }

    /// By now no operation that got no answer can be going on.
    pub(crate) fn settle(&self, world: &World) {
        for key in self.all() {
            if let Err(text) = lock(&key.checker).settle(|_| true, &world.clock) {
                world.violated(text);
            }
        }
    }

    /// Starts the clients; they end with the task set.
    pub(crate) fn start_clients(self: &Arc<Self>, world: &Arc<World>, random: &Random) -> tokio::task::JoinSet<()> {
        let mut clients = tokio::task::JoinSet::new();
        for client in 0..(EXTERNAL + GENERATED) * CLIENTS_PER_KEY {
            let (keys, world) = (Arc::clone(self), Arc::clone(world));
            let random = random.fork(client as u64 + 1_000);
            clients.spawn(async move { keys.serve_slot(&world, client / CLIENTS_PER_KEY, random).await });
        }
        clients
    }

    async fn serve_slot(&self, world: &World, slot: usize, mut random: Random) {
        while !world.has_violations() {
            let open = world.gate.read().await;
            let Some(node) = random.pick(&world.up()).copied() else {
                drop(open);
                tokio::time::sleep(Duration::from_millis(10)).await;
                continue;
            };
            let process = world.process(node);
            let key = Arc::clone(&lock(&self.slots)[slot]);
            let was_answered = if key.is_gone.load(Ordering::SeqCst) || random.chance(2) {
                self.replace(world, node, slot, &key).await
            } else {
                key.run(world, node, choose(&key, world, &mut random), &mut random).await
            };
            drop(open);
            if !was_answered && world.nodes.len() == 1 {
                let other = world.wait_for_other(process);
                // A server that lives on after a fault is used again.
                let patience = if world.must_answer.load(Ordering::SeqCst) { AFTER_A_BREAK } else { Duration::MAX };
                let _either_way = tokio::time::timeout(patience, other).await;
            }
            tokio::time::sleep(Duration::from_millis(random.below(12))).await;
        }
    }

    /// Puts a new key into the slot; the old one is kept for the end.
    async fn replace(&self, world: &World, node: usize, slot: usize, old: &Arc<Key>) -> bool {
        let Some(new) = Key::create(world, node, old.is_external).await else { return false };
        let mut slots = lock(&self.slots);
        if Arc::ptr_eq(&slots[slot], old) {
            slots[slot] = new;
            let mut retired = lock(&self.retired);
            if retired.len() < MOST_RETIRED {
                retired.push(Arc::clone(old));
            }
        }
        true
    }
}

/// What a client does next.
fn choose(key: &Key, world: &World, random: &mut Random) -> Op {
    let everywhere = [
        (8, Op::Enable),
        (6, Op::Disable),
        (3, Op::Schedule { not_before: end_of_window(world.clock.earliest()) }),
        (6, Op::Cancel),
        (7, Op::Describe(key.next_description())),
        (10, Op::Look),
        (18, Op::Encrypt),
        (5, Op::DataKey),
        (16, Op::Decrypt),
        (6, Op::ReEncrypt),
    ];
    let imported = [(22, import(world, random)), (10, Op::Delete)];
    let choices: Vec<(u64, Op)> =
        if key.is_external { everywhere.into_iter().chain(imported).collect() } else { everywhere.to_vec() };
    let mut at = random.below(choices.iter().map(|(weight, _)| weight).sum());
    for (weight, op) in choices {
        if at < weight {
            return op;
        }
        at -= weight;
    }
    Op::Look
}

/// Mostly the same material; some of it expires soon.
fn import(world: &World, random: &mut Random) -> Op {
    let number = if random.chance(12) { 2 } else { 1 };
    let soon = 800 + i64::try_from(random.below(4_000)).unwrap_or_default();
    Op::Import { number, valid_to: random.chance(30).then(|| world.clock.latest() + soon) }
}
