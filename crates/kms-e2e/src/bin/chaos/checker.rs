//! Whether the answers that clients got can be explained: linearizability of one key or family of keys, with operations that
//! may or may not have happened.
//!
//! A possible world is the facts of the keys and the answers of those operations under way that took effect in it. Between
//! its beginning and its answer an operation takes effect at one moment, in any order with others; when it is answered, the
//! worlds in which it would have got another answer are ruled out. No world left: the answer cannot be explained.
//! Source: Wing and Gong, "Testing and verifying concurrent objects" (1993), with the set of worlds kept as it goes.
//!
//! Caches need one relaxation. A change is in the rows from its COMMIT on, and nodes may use what they hold of the key from
//! before until the change is acknowledged (design.md 6); its own node drops that only when it has the answer to its COMMIT,
//! by which time the other one may have shown the new rows. So of a change that took effect but is not acknowledged, the
//! view from before is kept, and a **use** may **succeed** by it. All else is strict: reads and refusals come from the rows,
//! and from the acknowledgement on the view and all older ones count nowhere. If a change ended without an acknowledgement,
//! its own process knows of it, and on other nodes the view counts for uses that begin within a lease from then: no record
//! counts longer after a COMMIT (object-protocol.md 5, S5).

use std::collections::{BTreeMap, HashSet, VecDeque};

use crate::answer::Answer;
use crate::clock::{Millis, ServerClock};
use crate::machine::Model;

/// Past events that a report shows.
const REMEMBERED: usize = 60;
/// Worlds that are followed at most; more would mean too many operations without an answer.
const MOST_WORLDS: usize = 200_000;

/// How long a node may go by what it holds after it last heard that nothing changed. Source: the default of `lease`.
const LEASE: Millis = 5_000;

/// Names an operation under way.
pub(crate) type OpId = u64;

/// The process that an operation was sent to: node and how often it has been started.
pub(crate) type Process = (usize, u64);

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct World<M: Model> {
    facts: M,
    /// What the operations under way that took effect were answered.
    answered: BTreeMap<OpId, Answer>,
    /// Oldest first: what caches may still hold.
    stale: Vec<Stale<M::View>>,
}

/// What nodes may still see of the time before a change.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Stale<V> {
    view: V,
    changed_by: OpId,
    /// Where it was changed.
    process: Process,
}

struct Pending<O> {
    id: OpId,
    op: O,
    process: Process,
    begun_at: Millis,
    /// Its client got no answer; it can still take effect as long as the process lives.
    is_lost: bool,
}

/// The answers about one key or family.
pub(crate) struct Checker<M: Model> {
    worlds: HashSet<World<M>>,
    pending: Vec<Pending<M::Op>>,
    next: OpId,
    /// Changes that ended without an acknowledgement, and until when other nodes may not know of them.
    unannounced: BTreeMap<OpId, Millis>,
    /// Every ValidTo that was asked for.
    expiries: Vec<Millis>,
    /// Deletes under way that have met no import.
    quiet_deletes: HashSet<OpId>,
    is_deleted: bool,
    history: VecDeque<String>,
}

impl<M: Model> Checker<M> {
    /// Keys in these facts.
    pub(crate) fn new(facts: M) -> Self {
        let world = World { facts, answered: BTreeMap::new(), stale: Vec::new() };
        Self {
            worlds: HashSet::from([world]),
            pending: Vec::new(),
            next: 0,
            unannounced: BTreeMap::new(),
            expiries: Vec::new(),
            quiet_deletes: HashSet::new(),
            is_deleted: false,
            history: VecDeque::new(),
        }
    }

    /// An operation is about to be sent.
    pub(crate) fn begin(&mut self, op: M::Op, process: Process, clock: &ServerClock) -> OpId {
        self.next += 1;
        self.note_imports(op);
        let now = clock.earliest();
        self.let_time_pass(now, clock);
        self.expiries.extend(M::expiry(op));
        self.pending.push(Pending { id: self.next, op, process, begun_at: now, is_lost: false });
        self.drop_old_views();
        self.note(format!("{:>4} {op:?} to node {} (start {})", self.next, process.0 + 1, process.1));
        self.next
    }

    /// The client got an answer.
    ///
    /// # Errors
    /// The answer cannot be explained; what came before it.
    pub(crate) fn answered(&mut self, id: OpId, answer: Answer, clock: &ServerClock) -> Result<(), String> {
        self.note(format!("{id:>4} -> {answer:?}"));
        self.is_deleted |= answer == Answer::Done && self.quiet_deletes.remove(&id);
        if answer == Answer::InvalidState && self.may_have_looked_late(id, clock) {
            return self.over(id, "refused in the moment of a ValidTo", clock);
        }
        self.expand(clock)?;
        let possible: Vec<String> = self.worlds.iter().map(|world| format!("{world:?}")).take(6).collect();
        self.worlds = self.worlds.drain().filter(|world| world.answered.get(&id) == Some(&answer)).collect();
        self.drop_views(id);
        self.forget(id);
        if self.worlds.is_empty() {
            let history: Vec<&str> = self.history.iter().map(String::as_str).collect();
            return Err(format!(
                "the answer {answer:?} to operation {id} cannot be explained\n  {}\npossible were:\n  {}",
                history.join("\n  "),
                possible.join("\n  ")
            ));
        }
        Ok(())
    }

    /// The client knows that the operation is over, but not whether it took effect.
    ///
    /// # Errors
    /// Too many possible worlds.
    pub(crate) fn over(&mut self, id: OpId, why: &str, clock: &ServerClock) -> Result<(), String> {
        self.note(format!("{id:>4} -> over: {why}"));
        self.expand(clock)?;
        self.end_unacknowledged(id, clock);
        Ok(())
    }

    /// The server took the request for none of its clients: nothing happened.
    pub(crate) fn not_taken(&mut self, id: OpId) {
        self.note(format!("{id:>4} -> not taken"));
        // The worlds in which it took effect came from one, which is still there, in which it did not.
        self.worlds.retain(|world| !world.answered.contains_key(&id));
        self.quiet_deletes.remove(&id);
        self.forget(id);
    }

    /// The client got no answer; the operation may take effect until its process ends.
    pub(crate) fn lost(&mut self, id: OpId, why: &str) {
        self.note(format!("{id:>4} -> no answer: {why}"));
        match self.pending.iter_mut().find(|pending| pending.id == id) {
            Some(pending) if M::is_change(pending.op) => pending.is_lost = true,
            _ => self.forget(id),
        }
    }

    /// Lost operations of processes that have ended have taken effect or never will.
    ///
    /// # Errors
    /// Too many possible worlds.
    pub(crate) fn settle(&mut self, has_ended: impl Fn(Process) -> bool, clock: &ServerClock) -> Result<(), String> {
        let over: Vec<OpId> = self
            .pending
            .iter()
            .filter(|pending| pending.is_lost && has_ended(pending.process))
            .map(|pending| pending.id)
            .collect();
        if !over.is_empty() {
            self.expand(clock)?;
            over.into_iter().for_each(|id| self.end_unacknowledged(id, clock));
        }
        Ok(())
    }

    /// Whether a delete was acknowledged that met no import, and none has begun since: no object may be there.
    pub(crate) fn is_deleted(&self) -> bool {
        self.is_deleted
    }

    /// How many worlds the answers up to now leave possible.
    pub(crate) fn possible(&self) -> usize {
        self.worlds.len()
    }

    /// Whether an operation of a living process has got no answer.
    pub(crate) fn has_lost(&self, has_ended: impl Fn(Process) -> bool) -> bool {
        self.pending.iter().any(|pending| pending.is_lost && !has_ended(pending.process))
    }

    /// A use may be refused because it read the rows before a ValidTo and the clock after it, though an import in between
    /// has put the expiry off. The refusal harms nobody, and the next attempt works.
    fn may_have_looked_late(&self, id: OpId, clock: &ServerClock) -> bool {
        let Some(pending) = self.pending.iter().find(|pending| pending.id == id) else { return false };
        let during = pending.begun_at..=clock.latest();
        !M::is_change(pending.op) && self.expiries.iter().any(|at| during.contains(at))
    }

    /// What time must have done is so in every world from now on. What is under way may have been quicker.
    fn let_time_pass(&mut self, now: Millis, clock: &ServerClock) {
        let passes = |world: &World<M>| world.facts.clone().at_least_after_time(now) != world.facts;
        if !self.worlds.iter().any(passes) {
            return;
        }
        // Too many worlds stay too many, and the next answer says so.
        let _told_later = self.expand(clock);
        self.worlds =
            self.worlds.drain().map(|world| World { facts: world.facts.at_least_after_time(now), ..world }).collect();
    }

    fn note_imports(&mut self, begun: M::Op) {
        if M::is_import(begun) {
            self.quiet_deletes.clear();
            self.is_deleted = false;
        } else if M::is_delete(begun) && !self.pending.iter().any(|pending| M::is_import(pending.op)) {
            self.quiet_deletes.insert(self.next);
        }
    }

    /// Lets every operation under way, and time, take effect in every world where they have not.
    fn expand(&mut self, clock: &ServerClock) -> Result<(), String> {
        let now = clock.latest();
        let mut open: Vec<World<M>> = self.worlds.iter().cloned().collect();
        while let Some(world) = open.pop() {
            let by_time = world.facts.after_time(now).into_iter();
            let mut after: Vec<World<M>> = by_time.map(|facts| World { facts, ..world.clone() }).collect();
            for pending in self.pending.iter().filter(|pending| !world.answered.contains_key(&pending.id)) {
                after.extend(self.after(&world, pending));
            }
            for world in after {
                if self.worlds.insert(world.clone()) {
                    open.push(world);
                }
            }
            if self.worlds.len() > MOST_WORLDS {
                return Err("too many operations without an answer to follow".to_owned());
            }
        }
        Ok(())
    }

    /// The worlds in which an operation takes effect next.
    fn after(&self, world: &World<M>, pending: &Pending<M::Op>) -> Vec<World<M>> {
        let id = pending.id;
        let mut worlds = Vec::new();
        let mut push = |facts: &M, answer: Answer, stale: Vec<Stale<M::View>>| {
            let mut answered = world.answered.clone();
            answered.insert(id, answer);
            worlds.push(World { facts: facts.clone(), answered, stale });
        };
        for (facts, answer) in world.facts.after(pending.op) {
            let mut stale = world.stale.clone();
            let view = world.facts.view();
            if facts.view() != view {
                stale.push(Stale { view, changed_by: id, process: pending.process });
            }
            push(&facts, answer, stale);
        }
        for stale in world.stale.iter().filter(|stale| self.may_see(pending, stale)) {
            if let Some(answer) = M::by_view(&stale.view, pending.op, pending.begun_at) {
                push(&world.facts, answer, world.stale.clone());
            }
        }
        worlds
    }

    fn may_see(&self, pending: &Pending<M::Op>, stale: &Stale<M::View>) -> bool {
        if pending.process.0 == stale.process.0 {
            let is_under_way = self.pending.iter().any(|change| change.id == stale.changed_by);
            return is_under_way && pending.process == stale.process;
        }
        let until = self.unannounced.get(&stale.changed_by);
        until.is_none_or(|until| pending.begun_at <= *until)
    }

    /// Nobody was told that the change is everywhere: other nodes know at the end of a lease.
    fn end_unacknowledged(&mut self, id: OpId, clock: &ServerClock) {
        self.unannounced.insert(id, clock.latest() + LEASE);
        self.forget(id);
    }

    /// Forgets the views that no operation under way may have seen.
    fn drop_old_views(&mut self) {
        let oldest = self.pending.iter().map(|pending| pending.begun_at).min().unwrap_or(Millis::MAX);
        let over: Vec<OpId> =
            self.unannounced.iter().filter(|(_, until)| **until < oldest).map(|(id, _)| *id).collect();
        for id in over {
            self.drop_views(id);
            self.unannounced.remove(&id);
        }
    }

    /// Every node knows of this change, and with it of all that were committed before.
    fn drop_views(&mut self, id: OpId) {
        let known =
            |world: &World<M>| world.stale.iter().rposition(|stale| stale.changed_by == id).map_or(0, |at| at + 1);
        self.worlds = self
            .worlds
            .drain()
            .map(|mut world| {
                world.stale.drain(..known(&world));
                world
            })
            .collect();
    }

    fn forget(&mut self, id: OpId) {
        self.pending.retain(|pending| pending.id != id);
        self.worlds = self
            .worlds
            .drain()
            .map(|mut world| {
                world.answered.remove(&id);
                world
            })
            .collect();
    }

    fn note(&mut self, event: String) {
        if self.history.len() == REMEMBERED {
            self.history.pop_front();
        }
        self.history.push_back(event);
    }
}

#[cfg(test)]
mod tests;
