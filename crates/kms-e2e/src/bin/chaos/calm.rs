//! The looks at a resting system: rows against token, the audit, and every key once more.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::clients::Keys;
use crate::key::Key;
use crate::objects::{Place, is_pair_under_way};
use crate::op::{Op, Use};
use crate::random::Random;
use crate::reply::Heard;
use crate::report::{Report, say};
use crate::world::World;
use crate::{audit, blocking, family};

/// How long after the last request rows and token may differ.
const PATIENCE: Duration = Duration::from_secs(60);
/// A longer way to one is told of with its reason.
const WORTH_TELLING: Duration = Duration::from_secs(5);
/// How often something that each key's clients have kept is opened or verified at the end.
const AGAIN: usize = 4;

/// With all clients stopped: waits until rows and token are one, at most 60 seconds. A pair for the pool that a node began to
/// make since then is no difference.
///
/// # Errors
/// Postgres or `pkcs11-tool` does not answer.
pub(crate) async fn objects_settle(world: &World, place: &Place, report: &mut Report) -> anyhow::Result<()> {
    let begun = Instant::now();
    let first = blocking(|| place.differences())?;
    loop {
        let mut differences = blocking(|| place.differences())?;
        differences.retain(|text| first.contains(text) || !is_pair_under_way(text));
        if differences.is_empty() {
            report.calmed(begun.elapsed());
            if begun.elapsed() > WORTH_TELLING {
                say(&format!("     {:.0} s until one: {}", begun.elapsed().as_secs_f64(), first.join("; ")));
            }
            return Ok(());
        }
        if begun.elapsed() > PATIENCE {
            let text = differences.join("\n  ");
            world.violated(format!("60 seconds after the last request rows and token differ:\n  {text}"));
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
}

/// With all clients stopped: of material whose deletion was acknowledged no object is there, at once.
///
/// # Errors
/// `pkcs11-tool` does not answer.
pub(crate) fn deleted_is_gone(world: &World, place: &Place, keys: &Keys) -> anyhow::Result<()> {
    let all = keys.all();
    let deleted = all.iter().filter(|key| key.judge.is_deleted()).map(|key| key.id.clone());
    for key in blocking(|| place.held(&deleted.collect::<Vec<_>>()))? {
        world.violated(format!("key {key}: an object is in the token after an acknowledged delete"));
    }
    Ok(())
}

/// With all clients stopped: the audit chains hold and tell of every answered request.
///
/// # Errors
/// A file cannot be read.
pub(crate) fn audit_holds(world: &World, folders: &[&Path]) -> anyhow::Result<()> {
    for fault in blocking(|| audit::faults(folders, world.all_acknowledged()))? {
        world.violated(fault);
    }
    Ok(())
}

/// Looks at every key and family on every server and uses them; the checkers judge. A resting system has no excuse for not
/// answering.
pub(crate) async fn every_key_answers(world: &World, keys: &Keys, mut random: Random) {
    for key in keys.all() {
        for node in world.up() {
            for op in last_looks(&key) {
                if world.has_violations() {
                    return;
                }
                if key.run(world, node, op, &mut random).await == Heard::Nothing {
                    key.judge.violated(world, &format!("{op:?} got no answer from a server that rests"));
                }
            }
        }
    }
    for family in keys.families() {
        for node in world.up() {
            for op in family::looks() {
                if world.has_violations() {
                    return;
                }
                if family.run(world, node, op).await == Heard::Nothing {
                    family.judge.violated(world, &format!("{op:?} got no answer from a server that rests"));
                }
            }
        }
    }
}

/// Everything that a key can be asked for without a change, and what was kept of it several times.
fn last_looks(key: &Key) -> Vec<Op> {
    let uses = key.uses.choices().iter().flat_map(|(_, op)| {
        let is_about_kept = matches!(op, Op::Use(Use::Decapsulate | Use::Decrypt | Use::Verify | Use::VerifyMac));
        std::iter::repeat_n(*op, if is_about_kept { AGAIN } else { 1 })
    });
    [Op::Look, Op::Tags].into_iter().chain(uses).collect()
}
