//! What clients do around each operation on a key or a family: tell the checker before it and after it, count, and report.

use std::sync::Mutex;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use aws_sdk_kms::types::{KeyMetadata, KeySpec, KeyUsageType, OriginType};
use kms_core::hsm::KeyKind;
use kms_core::key_spec::Origin;

use crate::answer::Answer;
use crate::checker::{Checker, OpId, Process};
use crate::machine::Model;
use crate::reply::{Heard, Reply};
use crate::world::{World, lock};

/// An answer as late as this is given while the job may still be going on (the server's deadline is 9 s).
const ABANDONED_AFTER: Duration = Duration::from_secs(8);
/// Every answer comes within 10 s; the rest is for a busy machine.
const LONGEST_ANSWER: Duration = Duration::from_millis(10_500);
/// A client gives up later than any server would.
pub(crate) const PATIENCE: Duration = Duration::from_secs(40);

/// Possible worlds of a key among which no client makes more of them. Each change without an answer may double them, and each
/// answer to a look rules out all but a few.
const MOST_TO_CHANGE_IN: usize = 400;

/// What a call gave, and the id of the request if a server answered.
pub(crate) type Called = (Reply, Option<String>);

/// Hears all answers about one key or family.
pub(crate) struct Judge<M: Model> {
    name: String,
    checker: Mutex<Checker<M>>,
}

impl<M: Model> Judge<M> {
    /// A judge of what has this name in reports, and is in these facts.
    pub(crate) fn new(name: String, facts: M) -> Self {
        Self { name, checker: Mutex::new(Checker::new(facts)) }
    }

    /// Runs a call as this operation of the API, and judges the answer.
    pub(crate) async fn judged(
        &self,
        world: &World,
        process: Process,
        (op, name): (M::Op, &'static str),
        call: impl Future<Output = Called>,
    ) -> Reply {
        let id = self.begin(world, op, process);
        let begun = Instant::now();
        let (reply, request_id) = within_patience(call).await;
        note_reply(world, name, &reply, request_id);
        self.judge(world, id, op, &reply, begun.elapsed());
        reply
    }

    /// Lost operations of processes that have ended have taken effect or never will.
    pub(crate) fn settle(&self, world: &World, has_ended: impl Fn(Process) -> bool) {
        if let Err(text) = lock(&self.checker).settle(has_ended, &world.clock) {
            self.violated(world, &text);
        }
    }

    /// Whether an operation of a living process has got no answer.
    pub(crate) fn has_lost(&self, world: &World) -> bool {
        lock(&self.checker).has_lost(|process| world.has_ended(process))
    }

    /// Whether so much is unknown that another change would be one too many to follow: looks tell what is true.
    pub(crate) fn is_unsure(&self) -> bool {
        lock(&self.checker).possible() > MOST_TO_CHANGE_IN
    }

    /// Whether a delete was acknowledged that met no import, and none has begun since: no object may be there.
    pub(crate) fn is_deleted(&self) -> bool {
        lock(&self.checker).is_deleted()
    }

    /// Something about this key or family is wrong.
    pub(crate) fn violated(&self, world: &World, text: &str) {
        world.violated(format!("{}: {text}", self.name));
    }

    fn begin(&self, world: &World, op: M::Op, process: Process) -> OpId {
        self.settle(world, |process| world.has_ended(process));
        lock(&self.checker).begin(op, process, &world.clock)
    }

    /// Tells the checker, and tells the world what cannot be explained.
    fn judge(&self, world: &World, id: OpId, op: M::Op, reply: &Reply, took: Duration) {
        let mut checker = lock(&self.checker);
        let judged = match reply {
            Reply::Known(answer) => checker.answered(id, *answer, &world.clock),
            Reply::Unknown { why, was_told: true } if took < ABANDONED_AFTER => checker.over(id, why, &world.clock),
            Reply::Unknown { why, .. } => {
                checker.lost(id, why);
                Ok(())
            }
            Reply::NotTaken => {
                checker.not_taken(id);
                let may_be = world.is_clock_off.load(Ordering::SeqCst);
                if may_be { Ok(()) } else { Err(format!("{op:?} was refused for a clock that goes right")) }
            }
            Reply::Wrong(text) => Err(format!("{op:?} was answered with {text}")),
        };
        drop(checker);
        if let Err(text) = judged {
            self.violated(world, &text);
        }
        if took > LONGEST_ANSWER && world.must_answer.load(Ordering::SeqCst) {
            self.violated(world, &format!("{op:?} was answered after {took:?}"));
        }
        let is_internal = matches!(reply, Reply::Unknown { why, .. } if why == "KMSInternalException");
        if is_internal && !world.is_disturbed.load(Ordering::SeqCst) {
            self.violated(world, &format!("{op:?} got KMSInternalException from a server that nothing disturbed"));
        }
    }
}

/// Counts an answer, and remembers the request for the look at the audit.
pub(crate) fn note_reply(world: &World, operation: &'static str, reply: &Reply, request_id: Option<String>) {
    world.count(operation, reply);
    // An error that says "unknown" may be given because the audit could not be written, so nothing is claimed of it.
    if let (Reply::Known(_), Some(id)) = (reply, request_id) {
        world.acknowledged(id);
    }
}

/// A call that a client waits for as long as it waits for any.
pub(crate) async fn within_patience(call: impl Future<Output = Called>) -> Called {
    let gave_up = |_| (Reply::Unknown { why: "the client gave up".to_owned(), was_told: false }, None);
    tokio::time::timeout(PATIENCE, call).await.unwrap_or_else(gave_up)
}

/// Makes a key.
///
/// # Errors
/// What the client heard instead of a key.
pub(crate) async fn create_key(
    world: &World,
    node: usize,
    kind: KeyKind,
    origin: Origin,
) -> Result<KeyMetadata, Heard> {
    let call = world.nodes[node].client.create_key().origin(OriginType::from(origin.name()));
    let call = call.key_spec(KeySpec::from(kind.spec.name())).key_usage(KeyUsageType::from(kind.usage.name()));
    let result = tokio::time::timeout(PATIENCE, call.send()).await.map_err(|_| Heard::Nothing)?;
    let (reply, request_id) = crate::reply::read(&result, |_| Answer::Done);
    note_reply(world, "CreateKey", &reply, request_id);
    if let Reply::Wrong(text) = &reply {
        world.violated(format!("CreateKey of {kind:?} was answered with {text}"));
    }
    result.ok().and_then(|output| output.key_metadata).ok_or(reply.heard())
}
