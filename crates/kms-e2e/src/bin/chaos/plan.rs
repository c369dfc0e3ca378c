//! Where and when the server is killed: all of it follows from the seed.

use std::time::Duration;

use crate::random::Random;

/// Kills unless the arguments say otherwise: every failpoint at least once, and as many random moments.
pub(crate) const KILLS: usize = 60;
/// How long a failpoint may take to be passed before the server is killed anyway.
pub(crate) const PASSAGE: Duration = Duration::from_secs(12);
/// After so many kills the clients rest and everything is looked at.
pub(crate) const KILLS_PER_LOOK: usize = 4;

/// Every point between two steps where the server may be killed or stopped: those that `strongroom` arms in builds with
/// failpoints. The second word says what leads there.
pub(crate) const FAILPOINTS: [(&str, Lead); 25] = [
    ("hsm.after_create", Lead::Clients),
    ("hsm.after_destroy", Lead::Clients),
    ("hsm.before_create", Lead::Clients),
    ("hsm.before_destroy", Lead::Clients),
    ("hsm.locked", Lead::Clients),
    ("material.delete.condemned", Lead::Clients),
    ("material.expiry.condemned", Lead::Expiry),
    ("material.finish.before_destroy", Lead::Clients),
    ("material.finish.before_destroyed", Lead::Clients),
    ("material.generate.announced", Lead::Clients),
    ("material.generate.made", Lead::Clients),
    ("material.import.announced", Lead::Clients),
    ("material.import.before_commit", Lead::Clients),
    ("material.import.before_reimport", Lead::Clients),
    ("material.import.claimed", Lead::Clients),
    ("material.import.made", Lead::Clients),
    ("material.pair.announced", Lead::Clients),
    ("material.pair.made", Lead::Clients),
    ("material.purge.condemned", Lead::Clock),
    ("material.purge.finished", Lead::Clock),
    ("metadata.after_commit", Lead::Clients),
    ("metadata.before_acknowledge", Lead::Peer),
    ("metadata.before_commit", Lead::Clients),
    ("audit.after_write", Lead::Clients),
    ("audit.before_write", Lead::Clients),
];

/// What makes a server pass a point.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Lead {
    /// What clients do anyway.
    Clients,
    /// A deletion window that ends: the clock must be moved.
    Clock,
    /// Material whose `ValidTo` passes.
    Expiry,
    /// A change on another node.
    Peer,
}

/// One kill.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kill {
    /// At the next passage of a failpoint.
    At(&'static str, Lead),
    /// So long after it became ready.
    Running(Duration),
    /// So long after it was started, before it may be ready.
    Starting(Duration),
}

/// Kills in turns: a failpoint, a random moment. Every failpoint comes before one comes again.
pub(crate) fn kills(count: usize, nodes: usize, mut random: Random) -> Vec<Kill> {
    let is_passed = |lead: Lead| lead != Lead::Peer || nodes > 1;
    let mut points: Vec<(&'static str, Lead)> = Vec::new();
    let mut plan = Vec::new();
    for number in 0..count {
        plan.push(if number % 2 == 0 {
            if points.is_empty() {
                points = FAILPOINTS.into_iter().filter(|(_, lead)| is_passed(*lead)).collect();
                random.shuffle(&mut points);
            }
            points.pop().map_or(Kill::Running(Duration::ZERO), |(name, lead)| Kill::At(name, lead))
        } else if random.chance(30) {
            Kill::Starting(Duration::from_millis(random.below(900)))
        } else {
            Kill::Running(Duration::from_millis(10 + random.below(1_500)))
        });
    }
    plan
}

impl Kill {
    /// For the table.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::At(name, _) => name,
            Self::Running(_) => "a random moment",
            Self::Starting(_) => "a random moment of the start",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_point_that_the_server_arms_is_in_the_plan() {
        let source = include_str!("../../../../strongroom/src/failpoints.rs");
        let quoted = source.split('"').skip(1).step_by(2).filter(|text| text.contains('.'));
        let mut armed: Vec<&str> = quoted.collect();
        let mut planned: Vec<&str> = FAILPOINTS.iter().map(|(name, _)| *name).collect();
        armed.sort_unstable();
        planned.sort_unstable();
        assert_eq!(planned, armed);
    }

    #[test]
    fn the_seed_decides_and_sixty_kills_pass_every_point_of_one_node() {
        let plan = kills(60, 1, Random::new(1));
        assert_eq!(plan, kills(60, 1, Random::new(1)));
        assert_ne!(plan, kills(60, 1, Random::new(2)));
        for (name, _) in FAILPOINTS.into_iter().filter(|(_, lead)| *lead != Lead::Peer) {
            assert!(plan.iter().any(|kill| kill.name() == name), "{name}");
        }
        assert!(kills(60, 2, Random::new(1)).iter().any(|kill| matches!(kill, Kill::At(_, Lead::Peer))));
    }
}
