//! What a crash or a lost answer around COMMIT leaves behind (object-protocol.md A6). A binary of its own, because
//! failpoints count for a whole process.

#![expect(clippy::unwrap_used, reason = "these are tests; clippy sees it only in functions marked as such")]

#[path = "metadata/fixture.rs"]
#[expect(dead_code, reason = "shared with the other tests, which use the rest")]
mod fixture;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use fail::FailScenario;
use kms_core::KeyFacts;
use kms_metadata::{KeyChange, MetadataError};

use fixture::{One, database, node_with_lease, one};

fn disable(one: &One, facts: &KeyFacts) -> Result<(), MetadataError> {
    one.node.write(|tx| tx.update_key(facts, &KeyChange { enabled: Some(false), ..KeyChange::default() }))
}

fn version(one: &One, facts: &KeyFacts) -> i64 {
    let row = one.node.read(|tx| tx.find_key(facts.address.region, facts.address.key_id)).unwrap().unwrap();
    row.facts.version
}

#[test]
fn a_thread_that_dies_before_commit_leaves_nothing_and_no_lock() {
    let scenario = FailScenario::setup();
    let one = one();
    let facts = one.node.with_key();
    fail::cfg("metadata.before_commit", "1*panic").unwrap();
    assert!(catch_unwind(AssertUnwindSafe(|| disable(&one, &facts))).is_err());
    assert_eq!(version(&one, &facts), 1);
    disable(&one, &facts).unwrap();
    scenario.teardown();
}

#[test]
fn a_thread_that_dies_after_commit_leaves_the_change() {
    let scenario = FailScenario::setup();
    let one = one();
    let facts = one.node.with_key();
    fail::cfg("metadata.after_commit", "1*panic").unwrap();
    assert!(catch_unwind(AssertUnwindSafe(|| disable(&one, &facts))).is_err());
    assert_eq!(version(&one, &facts), 2);
    assert_eq!(disable(&one, &facts), Err(MetadataError::VersionChanged));
    scenario.teardown();
}

#[test]
fn a_lost_answer_to_commit_is_unknown_never_repeated_and_the_cache_forgets_the_key() {
    let scenario = FailScenario::setup();
    let one = one();
    let facts = one.node.with_key();
    let heard = one.node.notes.heard_of(&facts.address);
    fail::cfg("metadata.commit_lost", "1*return").unwrap();
    let outcome = disable(&one, &facts);
    assert!(matches!(outcome, Err(MetadataError::OutcomeUnknown(_))), "{outcome:?}");
    assert_eq!(version(&one, &facts), 2);
    assert!(one.node.notes.heard_of(&facts.address) > heard);
    scenario.teardown();
}

#[test]
fn a_node_that_does_not_acknowledge_is_waited_for_until_its_lease_is_over() {
    let scenario = FailScenario::setup();
    let lease = Duration::from_millis(1200);
    let database = database();
    let (here, _silent) = (node_with_lease(&database, lease), node_with_lease(&database, lease));
    fail::cfg("metadata.before_acknowledge", "return").unwrap();
    let begun = Instant::now();
    here.with_key();
    let waited = begun.elapsed();
    assert!(waited > lease / 2, "{waited:?}");
    assert!(waited < lease + Duration::from_secs(2), "{waited:?}");
    scenario.teardown();
}
