//! Whether the answers that clients got can be explained: linearizability of one key, with operations that may or may not
//! have happened.
//!
//! A possible world is the facts of the key and the answers of those operations under way that took effect in it. Between
//! its beginning and its answer an operation takes effect at one moment, in any order with others; when it is answered, the
//! worlds in which it would have got another answer are ruled out. No world left: the answer cannot be explained.
//! Source: Wing and Gong, "Testing and verifying concurrent objects" (1993), with the set of worlds kept as it goes.

use std::collections::{BTreeMap, HashSet, VecDeque};

use crate::clock::{Millis, ServerClock};
use crate::model::{Answer, Facts, Op};

/// Past events that a report shows.
const REMEMBERED: usize = 60;
/// Worlds that are followed at most; more would mean too many operations without an answer.
const MOST_WORLDS: usize = 200_000;

/// Names an operation under way.
pub(crate) type OpId = u64;

/// The process that an operation was sent to: node and how often it has been started.
pub(crate) type Process = (usize, u64);

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct World {
    facts: Facts,
    /// What the operations under way that took effect were answered.
    answered: BTreeMap<OpId, Answer>,
}

struct Pending {
    id: OpId,
    op: Op,
    process: Process,
    begun_at: Millis,
    /// Its client got no answer; it can still take effect as long as the process lives.
    is_lost: bool,
}

/// The answers of one key.
pub(crate) struct Checker {
    worlds: HashSet<World>,
    pending: Vec<Pending>,
    next: OpId,
    /// Every ValidTo that was asked for.
    expiries: Vec<Millis>,
    /// Deletes under way that have met no import.
    quiet_deletes: HashSet<OpId>,
    is_deleted: bool,
    history: VecDeque<String>,
}

impl Checker {
    /// A key in these facts.
    pub(crate) fn new(facts: Facts) -> Self {
        let world = World { facts, answered: BTreeMap::new() };
        Self {
            worlds: HashSet::from([world]),
            pending: Vec::new(),
            next: 0,
            expiries: Vec::new(),
            quiet_deletes: HashSet::new(),
            is_deleted: false,
            history: VecDeque::new(),
        }
    }

    /// An operation is about to be sent.
    pub(crate) fn begin(&mut self, op: Op, process: Process, clock: &ServerClock) -> OpId {
        self.next += 1;
        self.note_imports(op);
        let now = clock.earliest();
        self.worlds =
            self.worlds.drain().map(|world| World { facts: world.facts.at_least_after_time(now), ..world }).collect();
        if let Op::Import { valid_to: Some(at), .. } = op {
            self.expiries.push(at);
        }
        self.pending.push(Pending { id: self.next, op, process, begun_at: now, is_lost: false });
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
        self.forget(id);
        Ok(())
    }

    /// The client got no answer; the operation may take effect until its process ends.
    pub(crate) fn lost(&mut self, id: OpId, why: &str) {
        self.note(format!("{id:>4} -> no answer: {why}"));
        match self.pending.iter_mut().find(|pending| pending.id == id) {
            Some(pending) if pending.op.is_change() => pending.is_lost = true,
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
            over.into_iter().for_each(|id| self.forget(id));
        }
        Ok(())
    }

    /// Whether a delete was acknowledged that met no import, and none has begun since: no object may be there.
    pub(crate) fn is_deleted(&self) -> bool {
        self.is_deleted
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
        !pending.op.is_change() && self.expiries.iter().any(|at| during.contains(at))
    }

    fn note_imports(&mut self, begun: Op) {
        let is_import = |op: Op| matches!(op, Op::Import { .. });
        if is_import(begun) {
            self.quiet_deletes.clear();
            self.is_deleted = false;
        } else if begun == Op::Delete && !self.pending.iter().any(|pending| is_import(pending.op)) {
            self.quiet_deletes.insert(self.next);
        }
    }

    /// Lets every operation under way, and time, take effect in every world where they have not.
    fn expand(&mut self, clock: &ServerClock) -> Result<(), String> {
        let now = clock.latest();
        let mut open: Vec<World> = self.worlds.iter().cloned().collect();
        while let Some(world) = open.pop() {
            let by_time = world.facts.after_time(now).into_iter();
            let mut after: Vec<World> = by_time.map(|facts| World { facts, ..world.clone() }).collect();
            for Pending { id, op, .. } in
                self.pending.iter().filter(|pending| !world.answered.contains_key(&pending.id))
            {
                for (facts, answer) in world.facts.after(*op) {
                    let mut answered = world.answered.clone();
                    answered.insert(*id, answer);
                    after.push(World { facts, answered });
                }
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
mod tests {
    use super::*;

    const IMPORT: Op = Op::Import { number: 1, valid_to: None };
    const NODE: Process = (0, 1);

    struct Case(Checker, ServerClock);

    impl Case {
        fn new() -> Self {
            Self(Checker::new(Facts::created(true)), ServerClock::default())
        }

        fn begin(&mut self, op: Op) -> OpId {
            self.0.begin(op, NODE, &self.1)
        }

        fn answered(&mut self, id: OpId, answer: Answer) -> bool {
            self.0.answered(id, answer, &self.1).is_ok()
        }

        fn now(&mut self, op: Op, answer: Answer) -> bool {
            let id = self.begin(op);
            self.answered(id, answer)
        }
    }

    #[test]
    fn a_use_after_an_acknowledged_delete_cannot_be_explained() {
        let mut case = Case::new();
        assert!(case.now(IMPORT, Answer::Done));
        assert!(case.now(Op::Encrypt, Answer::Done));
        assert!(case.now(Op::Delete, Answer::Done));
        assert!(!case.now(Op::Encrypt, Answer::Done));
    }

    #[test]
    fn a_use_that_began_before_the_delete_was_answered_can_be_explained() {
        let mut case = Case::new();
        assert!(case.now(IMPORT, Answer::Done));
        let (delete, encrypt) = (case.begin(Op::Delete), case.begin(Op::Encrypt));
        assert!(case.answered(delete, Answer::Done));
        assert!(case.answered(encrypt, Answer::Done));
        assert!(!case.now(Op::Encrypt, Answer::Done));
    }

    #[test]
    fn an_operation_without_answer_may_have_happened_but_not_both() {
        for happened in [true, false] {
            let mut case = Case::new();
            let import = case.begin(IMPORT);
            case.0.lost(import, "killed");
            case.0.settle(|_| true, &case.1).unwrap();
            let (seen, other) = if happened { ("Enabled", "PendingImport") } else { ("PendingImport", "Enabled") };
            assert!(case.now(Op::Look, Answer::Looked(seen, 0)));
            assert!(!case.now(Op::Look, Answer::Looked(other, 0)));
        }
    }

    #[test]
    fn a_lost_operation_of_a_living_process_may_still_happen() {
        let mut case = Case::new();
        let import = case.begin(IMPORT);
        case.0.lost(import, "timed out");
        assert!(case.now(Op::Look, Answer::Looked("PendingImport", 0)));
        assert!(case.now(Op::Look, Answer::Looked("Enabled", 0)));
    }

    #[test]
    fn a_delete_that_met_an_import_says_nothing_of_objects() {
        let mut case = Case::new();
        let delete = case.begin(Op::Delete);
        assert!(case.now(IMPORT, Answer::Done));
        assert!(case.answered(delete, Answer::Done));
        assert!(!case.0.is_deleted());
        assert!(case.now(Op::Delete, Answer::Done));
        assert!(case.0.is_deleted());
        case.begin(IMPORT);
        assert!(!case.0.is_deleted());
    }

    #[test]
    fn an_acknowledged_change_that_is_lost_cannot_be_explained() {
        let mut case = Case::new();
        assert!(case.now(Op::Describe(7), Answer::Done));
        assert!(!case.now(Op::Look, Answer::Looked("PendingImport", 0)));
    }
}
