//! Two keys that share aliases, and the calls by alias.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

use aws_sdk_kms::Client;
use aws_sdk_kms::primitives::Blob;
use aws_sdk_kms::types::AliasListEntry;
use kms_core::hsm::KeyKind;
use kms_core::key_spec::Origin;

use crate::answer::{Answer, NAMES};
use crate::calls;
use crate::family_model::{Family as Facts, FamilyOp, KEYS};
use crate::judge::{Called, Judge, create_key};
use crate::key::{end_of_window, last_ops};
use crate::op::Op;
use crate::random::Random;
use crate::reply::{Heard, Reply, read};
use crate::world::World;

/// Families made so far by this process: the names of each are its own.
static MADE: AtomicU64 = AtomicU64::new(0);

/// A family under test.
pub(crate) struct Family {
    pub(crate) judge: Judge<Facts>,
    /// Id and ARN of each key.
    keys: [(String, String); KEYS],
    names: [String; NAMES],
    /// Bits of the keys of which a client was told that they do not exist.
    gone: AtomicU8,
}

impl Family {
    /// Makes the keys.
    ///
    /// # Errors
    /// What the client heard instead of a key.
    pub(crate) async fn create(world: &World, node: usize) -> Result<Arc<Self>, Heard> {
        let mut keys = Vec::new();
        for _ in 0..KEYS {
            let made = create_key(world, node, KeyKind::SYMMETRIC, Origin::AwsKms).await?;
            keys.push((made.key_id, made.arn.unwrap_or_default()));
        }
        let number = MADE.fetch_add(1, Ordering::SeqCst);
        Ok(Arc::new(Self {
            judge: Judge::new(format!("family {number} of {keys:?}"), Facts::created()),
            keys: keys.try_into().map_err(|_| Heard::Nothing)?,
            names: std::array::from_fn(|name| format!("alias/chaos-{number}-{name}")),
            gone: AtomicU8::new(0),
        }))
    }

    /// Whether none of its keys is left.
    pub(crate) fn is_gone(&self) -> bool {
        self.gone.load(Ordering::SeqCst) == (1 << KEYS) - 1
    }

    /// Runs an operation on a server and lets the checker judge the answer. While too much is unknown of the family, it is
    /// looked at instead of changed.
    pub(crate) async fn run(&self, world: &World, node: usize, op: FamilyOp) -> Heard {
        let op = if self.judge.is_unsure() { op.or_look() } else { op };
        let call = self.call(world, &world.nodes[node].client, op);
        let reply = self.judge.judged(world, world.process(node), (op, op.name()), call).await;
        if let (Reply::Known(Answer::NotFound), FamilyOp::Key { key, .. } | FamilyOp::List { key }) = (&reply, op) {
            self.gone.fetch_or(1 << key, Ordering::SeqCst);
        }
        reply.heard()
    }

    /// Where dates can be moved: has the keys of a family that is put aside deleted for good.
    pub(crate) async fn retire(&self, world: &World, node: usize) {
        if world.has_rows() {
            for key in (0_u8..).take(KEYS) {
                for op in last_ops(world) {
                    self.run(world, node, FamilyOp::Key { key, op }).await;
                }
            }
        }
    }

    async fn call(&self, world: &World, client: &Client, op: FamilyOp) -> Called {
        let done = Answer::Done;
        match op {
            FamilyOp::Create { name, key } => {
                let call = client.create_alias().alias_name(self.name(name)).target_key_id(self.key(key));
                read(&call.send().await, |_| done)
            }
            FamilyOp::Update { name, key } => {
                let call = client.update_alias().alias_name(self.name(name)).target_key_id(self.key(key));
                read(&call.send().await, |_| done)
            }
            FamilyOp::Delete { name } => {
                read(&client.delete_alias().alias_name(self.name(name)).send().await, |_| done)
            }
            FamilyOp::Look { name } => {
                let result = client.describe_key().key_id(self.name(name)).send().await;
                read(&result, |output| self.by(output.key_metadata().and_then(|key| key.arn())))
            }
            FamilyOp::Use { name } => {
                let call = client.encrypt().key_id(self.name(name)).plaintext(Blob::new("by alias"));
                read(&call.send().await, |output| self.by(output.key_id()))
            }
            FamilyOp::List { key } => {
                let result = client.list_aliases().key_id(self.key(key)).send().await;
                read(&result, |output| self.named(key, output.aliases()))
            }
            FamilyOp::Key { key, op: Op::Look } => calls::look(client, self.key(key), Op::Look).await,
            FamilyOp::Key { key, op } => calls::change(world, client, self.key(key), op).await,
        }
    }

    fn key(&self, key: u8) -> &str {
        &self.keys[usize::from(key)].0
    }

    fn name(&self, name: u8) -> &str {
        &self.names[usize::from(name)]
    }

    /// Which key answered; one that is not of the family is a number that the model never has.
    fn by(&self, arn: Option<&str>) -> Answer {
        let found = (0_u8..).zip(&self.keys).find(|(_, (_, known))| Some(known.as_str()) == arn);
        Answer::By(found.map_or(u8::MAX, |(key, _)| key))
    }

    /// Which names a list of a key's aliases has. One that is listed for another key is not listed.
    fn named(&self, key: u8, aliases: &[AliasListEntry]) -> Answer {
        let is_listed = |name: &String| {
            let is_it = |alias: &AliasListEntry| {
                alias.alias_name() == Some(name) && alias.target_key_id() == Some(self.key(key))
            };
            aliases.iter().any(is_it)
        };
        Answer::Named(std::array::from_fn(|name| is_listed(&self.names[name])))
    }
}

/// Everything that can be looked at in a family.
pub(crate) fn looks() -> Vec<FamilyOp> {
    let names = (0_u8..).take(NAMES).flat_map(|name| [FamilyOp::Look { name }, FamilyOp::Use { name }]);
    let keys = (0_u8..).take(KEYS).flat_map(|key| [FamilyOp::List { key }, FamilyOp::Key { key, op: Op::Look }]);
    names.chain(keys).collect()
}

/// What a client does next with a family.
pub(crate) fn choose(world: &World, random: &mut Random) -> FamilyOp {
    let mut below = |end: usize| u8::try_from(random.below(end as u64)).unwrap_or_default();
    let (name, key) = (below(NAMES), below(KEYS));
    let schedule = Op::Schedule { not_before: end_of_window(world.clock.earliest()) };
    random.weighted(&[
        (16, FamilyOp::Create { name, key }),
        (16, FamilyOp::Update { name, key }),
        (8, FamilyOp::Delete { name }),
        (14, FamilyOp::Look { name }),
        (24, FamilyOp::Use { name }),
        (10, FamilyOp::List { key }),
        (2, FamilyOp::Key { key, op: schedule }),
        (4, FamilyOp::Key { key, op: Op::Cancel }),
        (5, FamilyOp::Key { key, op: Op::Enable }),
        (2, FamilyOp::Key { key, op: Op::Disable }),
    ])
}
