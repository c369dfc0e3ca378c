//! `cargo xtask test`: everything, on real parts.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use crate::kryoptic;
use crate::run::{self, FAILPOINTS, build_all, cargo, root, take_flag, target_folder};
use crate::serve::e2e_command;
use crate::setup::{Purpose, install_missing};

/// How long the killing goes on in a run for a change: long enough to reach each step several times.
const CHAOS_SECONDS: &str = "180";
/// The same with a second token, whose steps are those of the first.
const SECOND_CHAOS_SECONDS: &str = "60";
/// Names the PKCS#11 module of the second token to tests.
const SECOND_MODULE: &str = "STRONGROOM_PQ_MODULE";
/// The scripts that run clients written by others, below the top folder.
const CLIENT_SUITES: [&str; 3] = ["clients/run", "clients/js/run", "clients/rusoto/run"];

/// `cargo xtask test [--yes] [--chaos | --pq]`
pub(crate) fn run(arguments: &[String]) -> Result<(), String> {
    let mut arguments = arguments.to_vec();
    let consent = take_flag(&mut arguments, "--yes");
    let second_token = take_flag(&mut arguments, "--pq");
    let chaos = take_flag(&mut arguments, "--chaos") || std::env::var_os("CI").is_some();
    if let Some(other) = arguments.first() {
        return Err(format!("test knows no argument {other}; usage: cargo xtask test [--yes] [--chaos | --pq]"));
    }
    install_missing(&[Purpose::Test], consent)?;
    // Before the rest, so that a module that cannot be built is told at once.
    let module = if second_token { Some(kryoptic::build(consent)?) } else { None };
    build_all()?;
    let programs = target_folder()?.join("debug");
    let mut count = Count::default();
    // Each part runs even if one before it fails: a red run should show all that is red.
    let parts = match module {
        Some(module) => with_second_token(&programs, &module, chaos, &mut count),
        None => vec![
            cargo_test(&programs, &mut count),
            client_suites(&programs, &mut count),
            if chaos { run::run(e2e_command(&programs, "chaos").args(["--seconds", CHAOS_SECONDS])) } else { Ok(()) },
        ],
    };
    let failures: Vec<String> = parts.into_iter().filter_map(Result::err).collect();
    eprintln!("{} passed, {} failed", count.passed, count.failed);
    if failures.is_empty() { Ok(()) } else { Err(failures.join("; ")) }
}

/// The conformance suite on both tokens, the tests that need a second one, those that go over every served operation,
/// clients, and a while of chaos. The whole workspace is named each time, so that nothing is compiled anew with other features.
fn with_second_token(programs: &Path, module: &Path, chaos: bool, count: &mut Count) -> Vec<Result<(), String>> {
    let mut conformance = cargo();
    // With what the tests print: the table of what each token serves is among it.
    conformance.args(["test", "--workspace"]).args(FAILPOINTS);
    conformance.args(["--test", "token", "conformance::", "--", "--nocapture"]);
    let beside_postgres = |tests: &[&str]| {
        let mut command = Command::new(programs.join("with-test-cluster"));
        command.arg("--").arg(cargo().get_program()).args(["test", "--workspace", "--no-fail-fast"]).args(FAILPOINTS);
        command.args(tests);
        command
    };
    let needing_it = beside_postgres(&["--test", "kryoptic", "--test", "e2e", "--", "--ignored"]);
    let every_operation =
        beside_postgres(&["--test", "e2e", "--test", "wire", "--", "states::", "audit::", "audit_table::"]);
    let mut python = Command::new(root().join("clients/run"));
    python.arg("tests/test_post_quantum.py");
    let mut javascript = Command::new(root().join("clients/js/run"));
    javascript.arg("post_quantum.test.js");
    let run = |mut command: Command| {
        command.env("STRONGROOM_BIN", programs.join("strongroom")).env(SECOND_MODULE, module).current_dir(root());
        run_counted(&mut command, count)
    };
    let mut parts: Vec<_> = [conformance, needing_it, every_operation, python, javascript].map(run).into();
    if chaos {
        let mut chaos = e2e_command(programs, "chaos");
        parts.push(run::run(chaos.args(["--seconds", SECOND_CHAOS_SECONDS, "--pq-module"]).arg(module)));
    }
    parts
}

/// All tests in Rust, beside one Postgres and one template token.
fn cargo_test(programs: &Path, count: &mut Count) -> Result<(), String> {
    let mut command = Command::new(programs.join("with-test-cluster"));
    command.arg("--").arg(cargo().get_program()).args(["test", "--workspace", "--no-fail-fast"]).args(FAILPOINTS);
    command.env("STRONGROOM_BIN", programs.join("strongroom")).current_dir(root());
    run_counted(&mut command, count)
}

/// The tests with clients in other languages; each script sees to its packages. All run even if one before them fails.
fn client_suites(programs: &Path, count: &mut Count) -> Result<(), String> {
    let run = |suite: &&str| {
        let mut command = Command::new(root().join(suite));
        run_counted(command.env("STRONGROOM_BIN", programs.join("strongroom")).current_dir(root()), count)
            .map_err(|reason| format!("{suite}: {reason}"))
    };
    let failures: Vec<String> = CLIENT_SUITES.iter().map(run).filter_map(Result::err).collect();
    if failures.is_empty() { Ok(()) } else { Err(failures.join("; ")) }
}

/// Tests that passed and failed, as their runners tell.
#[derive(Default, Debug, PartialEq, Eq)]
struct Count {
    passed: u64,
    failed: u64,
}

impl Count {
    /// Adds the summary of one runner: `test result: ok. 16 passed; 0 failed; …` of cargo, a line that starts or ends like
    /// `3 passed, 1 failed` (pytest: `= 1 failed, 3 passed in 2.1s =`), or `ℹ pass 3` and `ℹ fail 1` of node. Other lines
    /// count nothing.
    fn add(&mut self, line: &str) {
        if let Some((what, Ok(number))) = line
            .strip_prefix("ℹ ")
            .and_then(|rest| rest.split_once(' '))
            .map(|(what, number)| (what, number.parse::<u64>()))
        {
            match what {
                "pass" => self.passed += number,
                "fail" | "cancelled" => self.failed += number,
                _ => {}
            }
            return;
        }
        let line = line.strip_prefix("test result:").map_or(line, |rest| rest.split_once('.').map_or(rest, |(_, s)| s));
        let words: Vec<&str> = line.split([' ', ',', ';', '=']).filter(|word| !word.is_empty()).collect();
        let Some(Ok(_)) = words.first().map(|word| word.parse::<u64>()) else { return };
        for pair in words.windows(2) {
            match (pair[0].parse::<u64>(), pair[1]) {
                (Ok(number), "passed") => self.passed += number,
                (Ok(number), "failed") => self.failed += number,
                _ => {}
            }
        }
    }
}

/// Runs a command, shows what it prints and counts the tests in it.
#[expect(clippy::print_stdout, reason = "hands on the output of the tests")]
fn run_counted(command: &mut Command, count: &mut Count) -> Result<(), String> {
    let name = Path::new(command.get_program()).file_name().unwrap_or_default().to_string_lossy().into_owned();
    eprintln!("> {name}");
    let before = count.passed;
    let mut child = command.stdout(Stdio::piped()).spawn().map_err(|error| format!("{name} cannot be run: {error}"))?;
    let output = child.stdout.take().ok_or_else(|| format!("{name} has no output"))?;
    for line in BufReader::new(output).split(b'\n') {
        let line = line.map_err(|error| format!("{name}: {error}"))?;
        let line = String::from_utf8_lossy(&line);
        println!("{line}");
        count.add(&line);
    }
    let status = child.wait().map_err(|error| format!("{name}: {error}"))?;
    match status.success() {
        false => Err(format!("{name} failed ({status})")),
        true if count.passed == before => Err(format!("{name} ran no test")),
        true => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::Count;

    #[test]
    fn the_summaries_of_runners_are_added_up_and_nothing_else() {
        let mut count = Count::default();
        count.add("test result: ok. 16 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.24s");
        count.add("test result: FAILED. 9 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out");
        count.add("======= 1 failed, 3 passed in 2.10s =======");
        count.add("12 passed, 0 failed");
        count.add("test the_login_passed ... ok");
        count.add("it says that 5 passed");
        assert_eq!(count, Count { passed: 40, failed: 2 });
        for line in
            ["ℹ tests 13", "ℹ pass 11", "ℹ fail 1", "ℹ cancelled 1", "ℹ duration_ms 3421.49", "✔ it passed 7 (5ms)"]
        {
            count.add(line);
        }
        assert_eq!(count, Count { passed: 51, failed: 4 });
    }
}
