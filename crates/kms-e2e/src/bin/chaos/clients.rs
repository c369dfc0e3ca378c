//! The clients: for each of a few keys and families two at a time, so that operations on one of them race.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use kms_core::hsm::KeyKind;

use crate::family::{self, Family};
use crate::key::{Key, end_of_window};
use crate::op::{Op, TAGS};
use crate::random::Random;
use crate::reply::Heard;
use crate::world::{World, lock};

/// Keys at a time: symmetric ones, and as many that take turns in being of every other kind.
const SLOTS: [Slot; 8] = [
    Slot { is_symmetric: true, is_external: true },
    Slot { is_symmetric: true, is_external: true },
    Slot { is_symmetric: true, is_external: false },
    Slot { is_symmetric: false, is_external: true },
    Slot { is_symmetric: false, is_external: true },
    Slot { is_symmetric: false, is_external: true },
    Slot { is_symmetric: false, is_external: false },
    Slot { is_symmetric: false, is_external: false },
];
/// Families at a time.
const FAMILIES: usize = 2;
const CLIENTS_PER_SLOT: usize = 2;
/// How long a client waits for another server after one gave it no answer, while servers are not killed.
const AFTER_A_BREAK: Duration = Duration::from_secs(2);
/// How long a client rests after it did not hear whether something happened. Hundreds of such operations within a fault would
/// be more than the checker can follow.
const AFTER_DOUBT: Duration = Duration::from_millis(50);
/// Keys, and families, that were put aside and are looked at again at the end.
const MOST_RETIRED: usize = 300;

/// What the keys are that come one after the other.
struct Slot {
    is_symmetric: bool,
    /// Whether their material is imported.
    is_external: bool,
}

impl Slot {
    async fn create(&self, world: &World, node: usize) -> Result<Arc<Key>, Heard> {
        let kind = if self.is_symmetric { KeyKind::SYMMETRIC } else { world.kinds.next(self.is_external) };
        Key::create(world, node, kind, self.is_external).await
    }
}

/// The keys at hand, and those put aside.
#[derive(Default)]
pub(crate) struct Keys {
    keys: Slots<Key>,
    families: Slots<Family>,
}

/// What clients work on, and what they did before.
struct Slots<T> {
    current: Mutex<Vec<Arc<T>>>,
    retired: Mutex<Vec<Arc<T>>>,
}

impl<T> Default for Slots<T> {
    fn default() -> Self {
        Self { current: Mutex::default(), retired: Mutex::default() }
    }
}

impl<T> Slots<T> {
    fn all(&self) -> Vec<Arc<T>> {
        lock(&self.current).iter().chain(lock(&self.retired).iter()).cloned().collect()
    }

    fn at(&self, slot: usize) -> Arc<T> {
        Arc::clone(&lock(&self.current)[slot])
    }

    /// Puts a new one into the slot; the old one is kept for the end.
    fn replace(&self, slot: usize, old: &Arc<T>, new: Arc<T>) {
        let mut current = lock(&self.current);
        if Arc::ptr_eq(&current[slot], old) {
            current[slot] = new;
            let mut retired = lock(&self.retired);
            if retired.len() < MOST_RETIRED {
                retired.push(Arc::clone(old));
            }
        }
    }
}

impl Keys {
    /// Makes the first keys.
    ///
    /// # Errors
    /// A server that nothing disturbs makes no key.
    pub(crate) async fn create(world: &World) -> anyhow::Result<Arc<Self>> {
        let none = |heard| anyhow::anyhow!("the first keys could not be made ({heard:?})");
        let keys = Self::default();
        for slot in &SLOTS {
            let key = slot.create(world, 0).await.map_err(none)?;
            lock(&keys.keys.current).push(key);
        }
        for _ in 0..FAMILIES {
            let family = Family::create(world, 0).await.map_err(none)?;
            lock(&keys.families.current).push(family);
        }
        Ok(Arc::new(keys))
    }

    /// Every key that was ever made, as far as they are kept.
    pub(crate) fn all(&self) -> Vec<Arc<Key>> {
        self.keys.all()
    }

    /// Every family that was ever made, as far as they are kept.
    pub(crate) fn families(&self) -> Vec<Arc<Family>> {
        self.families.all()
    }

    /// Whether operations that got no answer may still be going on in a server.
    pub(crate) fn have_lost(&self, world: &World) -> bool {
        self.all().iter().any(|key| key.judge.has_lost(world))
            || self.families().iter().any(|family| family.judge.has_lost(world))
    }

    /// By now no operation that got no answer can be going on.
    pub(crate) fn settle(&self, world: &World) {
        self.all().iter().for_each(|key| key.judge.settle(world, |_| true));
        self.families().iter().for_each(|family| family.judge.settle(world, |_| true));
    }

    /// Starts the clients; they end with the task set.
    pub(crate) fn start_clients(self: &Arc<Self>, world: &Arc<World>, random: &Random) -> tokio::task::JoinSet<()> {
        let mut clients = tokio::task::JoinSet::new();
        for client in 0..(SLOTS.len() + FAMILIES) * CLIENTS_PER_SLOT {
            let (keys, world) = (Arc::clone(self), Arc::clone(world));
            let random = random.fork(client as u64 + 1_000);
            clients.spawn(async move { keys.serve_slot(&world, client / CLIENTS_PER_SLOT, random).await });
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
            let heard = match slot.checked_sub(SLOTS.len()) {
                None => self.use_key(world, node, slot, &mut random).await,
                Some(family) => self.use_family(world, node, family, &mut random).await,
            };
            drop(open);
            if heard == Heard::Nothing && world.nodes.len() == 1 {
                let other = world.wait_for_other(process);
                // A server that lives on after a fault is used again.
                let patience = if world.must_answer.load(Ordering::SeqCst) { AFTER_A_BREAK } else { Duration::MAX };
                let _either_way = tokio::time::timeout(patience, other).await;
            }
            let rest = if heard == Heard::Answer { Duration::from_millis(random.below(12)) } else { AFTER_DOUBT };
            tokio::time::sleep(rest).await;
        }
    }

    async fn use_key(&self, world: &World, node: usize, slot: usize, random: &mut Random) -> Heard {
        let key = self.keys.at(slot);
        if key.is_gone.load(Ordering::SeqCst) || random.chance(2) {
            let new = match SLOTS[slot].create(world, node).await {
                Ok(new) => new,
                Err(heard) => return heard,
            };
            self.keys.replace(slot, &key, new);
            key.retire(world, node, random).await;
            return Heard::Answer;
        }
        key.run(world, node, choose(&key, world, random), random).await
    }

    async fn use_family(&self, world: &World, node: usize, slot: usize, random: &mut Random) -> Heard {
        let family = self.families.at(slot);
        if family.is_gone() || random.chance(1) {
            let new = match Family::create(world, node).await {
                Ok(new) => new,
                Err(heard) => return heard,
            };
            self.families.replace(slot, &family, new);
            family.retire(world, node).await;
            return Heard::Answer;
        }
        family.run(world, node, family::choose(world, random)).await
    }
}

/// What a client does next.
fn choose(key: &Key, world: &World, random: &mut Random) -> Op {
    let which = [[true, false], [false, true], [true, true]];
    let which = *random.pick(&which).unwrap_or(&[true; TAGS]);
    let mut choices = vec![
        (11, Op::Enable),
        (4, Op::Disable),
        (2, Op::Schedule { not_before: end_of_window(world.clock.earliest()) }),
        (9, Op::Cancel),
        (5, Op::Describe(key.next_value())),
        (5, Op::Tag { which, value: key.next_value() }),
        (3, Op::Untag { which }),
        (9, Op::Look),
        (5, Op::Tags),
        (1, Op::Policy),
        (1, Op::Policies),
        (1, Op::List),
        (1, Op::Random),
    ];
    choices.extend(key.uses.choices());
    if key.is_external {
        choices.extend([(24, import(world, random)), (8, Op::Delete)]);
    }
    random.weighted(&choices)
}

/// Mostly the same material; some of it expires soon.
fn import(world: &World, random: &mut Random) -> Op {
    let number = if random.chance(12) { 2 } else { 1 };
    let soon = 800 + i64::try_from(random.below(4_000)).unwrap_or_default();
    Op::Import { number, valid_to: random.chance(20).then(|| world.clock.latest() + soon) }
}
