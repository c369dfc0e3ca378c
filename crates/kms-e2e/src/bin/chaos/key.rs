//! One key, what its clients keep of it, and the judge that hears all answers.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use aws_sdk_kms::Client;
use kms_core::hsm::KeyKind;
use kms_core::key_spec::Origin;

use crate::answer::Answer;
use crate::calls;
use crate::clock::Millis;
use crate::import::Importing;
use crate::judge::{Called, Judge, create_key};
use crate::material::materials;
use crate::model::Facts;
use crate::op::Op;
use crate::random::Random;
use crate::reply::{Heard, Reply};
use crate::uses::Uses;
use crate::world::World;

const MINUTE: Millis = 60_000;
const DAY: Millis = 86_400_000;
/// The shortest that there is.
pub(crate) const WINDOW_DAYS: i32 = 7;

/// A key under test.
pub(crate) struct Key {
    pub(crate) id: String,
    pub(crate) is_external: bool,
    pub(crate) uses: Uses,
    pub(crate) judge: Judge<Facts>,
    /// A client was told that it does not exist.
    pub(crate) is_gone: AtomicBool,
    /// What it is, for the report.
    name: String,
    values: AtomicU32,
    importing: Importing,
}

impl Key {
    /// Makes a key.
    ///
    /// # Errors
    /// What the client heard instead of a key.
    pub(crate) async fn create(
        world: &World,
        node: usize,
        kind: KeyKind,
        is_external: bool,
    ) -> Result<Arc<Self>, Heard> {
        let failed = |error| {
            world.violated(format!("there is no material for {kind:?}: {error:#}"));
            Heard::Nothing
        };
        let materials = if is_external { materials(kind.spec).map_err(failed)? } else { Vec::new() };
        let uses = Uses::of(kind, &materials).map_err(failed)?;
        let origin = if is_external { Origin::External } else { Origin::AwsKms };
        let id = create_key(world, node, kind, origin).await?.key_id;
        let name = format!("{} {} {}", kind.spec, kind.usage, origin);
        Ok(Arc::new(Self {
            judge: Judge::new(format!("key {id} ({name})"), Facts::created(is_external)),
            id,
            is_external,
            uses,
            is_gone: AtomicBool::new(false),
            name,
            values: AtomicU32::new(0),
            importing: Importing::new(kind.spec, materials),
        }))
    }

    /// A number that stood in no description and no tag of this key.
    pub(crate) fn next_value(&self) -> u32 {
        self.values.fetch_add(1, Ordering::SeqCst) + 1
    }

    /// Runs an operation on a server and lets the checker judge the answer. While too much is unknown of the key, it is looked
    /// at instead of changed.
    pub(crate) async fn run(&self, world: &World, node: usize, op: Op, random: &mut Random) -> Heard {
        let client = &world.nodes[node].client;
        let op = self.uses.possible(if self.judge.is_unsure() { op.or_look() } else { op });
        if matches!(op, Op::Import { .. }) {
            let heard = self.importing.get_parameters(world, client, &self.id, random).await;
            if heard != Heard::Answer {
                return heard;
            }
        }
        let call = self.call(world, client, op, random);
        let reply = self.judge.judged(world, world.process(node), (op, op.name()), call).await;
        if matches!(op, Op::Use(_)) {
            world.used(&self.name, &reply);
        }
        match reply {
            Reply::Known(Answer::NotFound | Answer::Listed(false)) => self.is_gone.store(true, Ordering::SeqCst),
            Reply::Known(Answer::TooLate) => self.importing.forget(),
            _ => {}
        }
        reply.heard()
    }

    /// Where dates can be moved: has a key that is put aside deleted for good, so that the token does not grow with the run.
    pub(crate) async fn retire(&self, world: &World, node: usize, random: &mut Random) {
        if world.has_rows() {
            for op in last_ops(world) {
                self.run(world, node, op, random).await;
            }
        }
    }

    async fn call(&self, world: &World, client: &Client, op: Op, random: &mut Random) -> Called {
        match op {
            Op::Import { number, valid_to } => self.importing.import(client, &self.id, number, valid_to).await,
            Op::Use(what) => self.uses.call(client, &self.id, what, random).await,
            Op::PublicKey => self.uses.public_key(client, &self.id).await,
            Op::Random => calls::random(client).await,
            Op::Look | Op::Tags | Op::Policy | Op::Policies | Op::List => calls::look(client, &self.id, op).await,
            _ => calls::change(world, client, &self.id, op).await,
        }
    }
}

/// Not before this moment may a deletion scheduled now be final.
///
/// In whole minutes, so that deletions scheduled one after the other, of which nobody knows whether they were, are one fact.
pub(crate) fn end_of_window(now: Millis) -> Millis {
    (now + i64::from(WINDOW_DAYS) * DAY) / MINUTE * MINUTE
}

/// What ends a key now.
pub(crate) fn last_ops(world: &World) -> [Op; 2] {
    let now = world.clock.earliest();
    [Op::Schedule { not_before: end_of_window(now) }, Op::Due { at: now }]
}
