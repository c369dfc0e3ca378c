//! What the checker can explain, and what it cannot.

use super::*;
use crate::model::Facts;
use crate::op::{Op, Use};

const IMPORT: Op = Op::Import { number: 1, valid_to: None };
const NODE: Process = (0, 1);

struct Case(Checker<Facts>, ServerClock);

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

    fn on_other_node(&mut self, op: Op, answer: Answer) -> bool {
        let id = self.0.begin(op, (1, 1), &self.1);
        self.answered(id, answer)
    }
}

#[test]
fn another_node_may_use_what_it_holds_until_the_change_is_acknowledged() {
    let mut case = Case::new();
    assert!(case.now(IMPORT, Answer::Done));
    let disable = case.begin(Op::Disable);
    assert!(case.on_other_node(Op::Look, Answer::Looked("Disabled", 0)));
    assert!(case.on_other_node(Op::Use(Use::Encrypt), Answer::Done));
    assert!(case.answered(disable, Answer::Done));
    assert!(!case.on_other_node(Op::Use(Use::Encrypt), Answer::Done));
}

#[test]
fn the_node_of_a_change_may_use_what_it_holds_until_it_knows_of_its_own_commit() {
    let mut case = Case::new();
    assert!(case.now(IMPORT, Answer::Done));
    let disable = case.begin(Op::Disable);
    assert!(case.on_other_node(Op::Look, Answer::Looked("Disabled", 0)));
    assert!(case.now(Op::Use(Use::Encrypt), Answer::Done));
    assert!(case.answered(disable, Answer::Done));
    assert!(!case.now(Op::Use(Use::Encrypt), Answer::Done));
}

#[test]
fn a_process_that_ended_leaves_nothing_to_the_next_one_of_its_node() {
    let mut case = Case::new();
    assert!(case.now(IMPORT, Answer::Done));
    let disable = case.begin(Op::Disable);
    case.0.lost(disable, "killed");
    case.0.settle(|_| true, &case.1).unwrap();
    assert!(case.on_other_node(Op::Look, Answer::Looked("Disabled", 0)));
    let encrypt = case.0.begin(Op::Use(Use::Encrypt), (NODE.0, NODE.1 + 1), &case.1);
    assert!(!case.answered(encrypt, Answer::Done));
}

#[test]
fn all_reads_are_held_to_the_new_facts_at_once() {
    for other in [false, true] {
        let mut case = Case::new();
        assert!(case.now(IMPORT, Answer::Done));
        let _disable = case.begin(Op::Disable);
        assert!(case.now(Op::Look, Answer::Looked("Disabled", 0)));
        let (op, answer) = (Op::Look, Answer::Looked("Enabled", 0));
        assert!(!if other { case.on_other_node(op, answer) } else { case.now(op, answer) });
    }
}

#[test]
fn after_a_lease_every_node_knows_of_a_change_that_nobody_acknowledged() {
    let mut case = Case::new();
    assert!(case.now(IMPORT, Answer::Done));
    let disable = case.begin(Op::Disable);
    case.0.lost(disable, "killed");
    case.0.settle(|_| true, &case.1).unwrap();
    assert!(case.on_other_node(Op::Look, Answer::Looked("Disabled", 0)));
    assert!(case.on_other_node(Op::Use(Use::Encrypt), Answer::Done));
    case.1.pass(LEASE + 100);
    assert!(!case.on_other_node(Op::Use(Use::Encrypt), Answer::Done));
}

#[test]
fn a_use_after_an_acknowledged_delete_cannot_be_explained() {
    let mut case = Case::new();
    assert!(case.now(IMPORT, Answer::Done));
    assert!(case.now(Op::Use(Use::Encrypt), Answer::Done));
    assert!(case.now(Op::Delete, Answer::Done));
    assert!(!case.now(Op::Use(Use::Encrypt), Answer::Done));
}

#[test]
fn a_use_that_began_before_the_delete_was_answered_can_be_explained() {
    let mut case = Case::new();
    assert!(case.now(IMPORT, Answer::Done));
    let (delete, encrypt) = (case.begin(Op::Delete), case.begin(Op::Use(Use::Encrypt)));
    assert!(case.answered(delete, Answer::Done));
    assert!(case.answered(encrypt, Answer::Done));
    assert!(!case.now(Op::Use(Use::Encrypt), Answer::Done));
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

#[test]
fn what_was_quicker_than_an_expiry_can_be_explained_though_it_is_answered_after_it() {
    for is_quicker in [true, false] {
        let mut case = Case::new();
        let valid_to = Some(case.1.latest() + 10_000);
        assert!(case.now(Op::Import { number: 1, valid_to }, Answer::Done));
        let quick = is_quicker.then(|| case.begin(Op::Enable));
        case.1.pass(20_000);
        let look = case.begin(Op::Look);
        let enable = quick.unwrap_or_else(|| case.begin(Op::Enable));
        assert_eq!(case.answered(enable, Answer::Done), is_quicker);
        assert_eq!(case.answered(look, Answer::Looked("PendingImport", 0)), is_quicker);
    }
}
