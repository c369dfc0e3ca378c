//! What the reader sees at the end.

use std::collections::BTreeMap;
use std::io::Write;
use std::time::Duration;

use crate::world::{Count, World};

/// What takes a token that has ML-KEM, which SoftHSM has not.
const OF_ANOTHER_TOKEN: [&str; 2] = ["Decapsulate", "Encapsulate"];

/// The list of what is served.
const OPERATIONS: &str = include_str!("../../../../../docs/operations.md");

/// What happened to the servers.
#[derive(Default)]
pub(crate) struct Report {
    /// By place: disturbances that hit, and those whose point was not passed in time.
    places: BTreeMap<&'static str, (usize, usize)>,
    /// From the start of the process to its ready line.
    starts: Vec<Duration>,
    /// From the moment clients stopped to the moment rows and token were one.
    calms: Vec<Duration>,
    /// Servers that ended by themselves.
    ended: Vec<String>,
}

impl Report {
    /// A kill or a stop at a place; `hit` if the point was passed.
    pub(crate) fn disturbed(&mut self, place: &'static str, hit: bool) {
        let counts = self.places.entry(place).or_default();
        if hit { counts.0 += 1 } else { counts.1 += 1 }
    }

    /// A start that came to its ready line.
    pub(crate) fn started(&mut self, time: Duration) {
        self.starts.push(time);
    }

    /// Rows and token were one again.
    pub(crate) fn calmed(&mut self, time: Duration) {
        self.calms.push(time);
    }

    /// A server ended by itself.
    pub(crate) fn ended(&mut self, what: String) {
        self.ended.push(what);
    }

    /// Prints everything; whether nothing was wrong.
    pub(crate) fn print(&self, world: &World, seed: u64) -> bool {
        say("\nplace                                hit   not passed");
        for (place, (hit, missed)) in &self.places {
            say(&format!("  {place:<33} {hit:>4} {missed:>8}"));
        }
        // What stands in parentheses tells more of places counted above.
        let counted = self.places.iter().filter(|(place, _)| !place.starts_with("(of"));
        let hits: usize = counted.map(|(_, (hit, _))| hit).sum();
        say(&format!("  {:<33} {hits:>4}", "all"));
        table("operation", world.counts());
        let never = never_done(&world.counts(), world.kinds.has_second_token());
        if !never.is_empty() {
            say(&format!("    served, but never done here: {}", never.join(", ")));
        }
        if !world.kinds.has_second_token() {
            say(&format!("    not of this token: {}", OF_ANOTHER_TOKEN.join(", ")));
        }
        for (why, count) in world.unknown() {
            say(&format!("    unknown because of {why}: {count}"));
        }
        table("uses of keys by their kind", world.uses());
        say(&format!("\nstarts until ready:                {}", times(&self.starts)));
        say(&format!("calm until rows and token are one: {}", times(&self.calms)));
        for text in &self.ended {
            say(&format!("a server ended by itself: {text}"));
        }
        let (violations, count) = world.violations();
        say(&format!("\nviolations: {count} (seed {seed})"));
        for text in violations {
            say(&format!("- {text}"));
        }
        count == 0
    }
}

/// Prints a line; a reader who went away is no error.
pub(crate) fn say(line: &str) {
    let _reader_gone = writeln!(std::io::stdout(), "{line}");
}

/// What came back, by name, and of all together.
fn table<N: std::fmt::Display>(title: &str, counts: BTreeMap<N, Count>) {
    let row = |name: &dyn std::fmt::Display, count: Count| {
        let Count { done, refused, unknown } = count;
        say(&format!("  {name:<47} {:>7} {done:>7} {refused:>8} {unknown:>8}", count.calls()));
    };
    say(&format!("\n{title:<49}   calls    done  refused  unknown"));
    let mut all = Count::default();
    for (name, count) in counts {
        row(&name, count);
        all += count;
    }
    row(&"all", all);
}

/// The operations that these tokens serve, without a success, so that nobody takes a run for more than it was.
fn never_done(counts: &BTreeMap<&'static str, Count>, has_second_token: bool) -> Vec<&'static str> {
    let served = OPERATIONS.lines().filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" | served |"));
    let ours = served.filter(|name| has_second_token || !OF_ANOTHER_TOKEN.contains(name));
    ours.filter(|name| counts.get(name).is_none_or(|count| count.done == 0)).collect()
}

fn times(all: &[Duration]) -> String {
    let mut sorted = all.to_vec();
    sorted.sort();
    match (sorted.get(sorted.len() / 2), sorted.last()) {
        (Some(median), Some(longest)) => format!(
            "{} times, median {:.2} s, longest {:.2} s",
            sorted.len(),
            median.as_secs_f64(),
            longest.as_secs_f64()
        ),
        _ => "never".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_served_operation_that_never_succeeded_is_named() {
        let count = |done| Count { done, ..Count::default() };
        let counts = BTreeMap::from([("Encrypt", count(3)), ("Decrypt", count(0))]);
        assert!(never_done(&counts, true).contains(&"Decapsulate"));
        let never = never_done(&counts, false);
        assert!(!never.contains(&"Decapsulate"), "{never:?}");
        assert!(never.contains(&"Decrypt") && never.contains(&"CreateAlias"), "{never:?}");
        assert!(!never.contains(&"Encrypt") && !never.contains(&"CreateCustomKeyStore"), "{never:?}");
    }
}
