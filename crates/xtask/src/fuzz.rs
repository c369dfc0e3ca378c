//! `cargo xtask fuzz`: libFuzzer on the readers of strangers' bytes, with a stable compiler.

use std::path::Path;
use std::process::Command;

use crate::run::{cargo, root, run, stdout, target_folder};
use crate::setup::{Purpose, install_missing};

/// The programs below `fuzz/src/bin`.
const TARGETS: [&str; 7] = ["pkcs8", "spki", "ecdsa_der", "verify", "ciphertext_blob", "request_body", "key_ref"];

/// Counters in every branch and traces of comparisons, without the address sanitizer, which needs a nightly compiler.
const RUSTFLAGS: &str = "--cfg fuzzing -Cpasses=sancov-module -Ccodegen-units=1 \
    -Cllvm-args=-sanitizer-coverage-level=4 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
    -Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares";

/// Seconds for each target unless told.
const SECONDS: u32 = 30;

/// `cargo xtask fuzz [--yes] [--seconds N] [TARGET…]`: all targets one after the other, or those named.
pub(crate) fn fuzz(arguments: &[String]) -> Result<(), String> {
    let wanted = Wanted::parse(arguments)?;
    install_missing(&[Purpose::Fuzz], wanted.consent)?;
    let folder = target_folder()?.join("fuzz");
    write_seeds(&folder.join("corpus"))?;
    let programs = build(&folder)?;
    let failures: Vec<String> = wanted
        .targets
        .iter()
        .filter_map(|target| run_target(&programs, &folder, target, wanted.seconds).err())
        .collect();
    if failures.is_empty() { Ok(()) } else { Err(failures.join("; ")) }
}

#[derive(Debug, PartialEq, Eq)]
struct Wanted {
    consent: bool,
    seconds: u32,
    targets: Vec<&'static str>,
}

impl Wanted {
    fn parse(arguments: &[String]) -> Result<Self, String> {
        let mut wanted = Self { consent: false, seconds: SECONDS, targets: Vec::new() };
        let mut arguments = arguments.iter();
        while let Some(argument) = arguments.next() {
            if argument == "--yes" {
                wanted.consent = true;
            } else if argument == "--seconds" {
                let number = arguments.next().and_then(|number| number.parse().ok()).filter(|number| *number > 0);
                wanted.seconds = number.ok_or("--seconds wants a number above 0")?;
            } else {
                let known = TARGETS.iter().find(|target| *target == argument);
                let unknown = || format!("there is no target {argument}; there are: {}", TARGETS.join(", "));
                wanted.targets.push(known.ok_or_else(unknown)?);
            }
        }
        if wanted.targets.is_empty() {
            wanted.targets = TARGETS.to_vec();
        }
        Ok(wanted)
    }
}

fn write_seeds(corpus: &Path) -> Result<(), String> {
    run(cargo().args(["run", "--quiet", "--package", "kms-keypair", "--example", "fuzz_seeds", "--"]).arg(corpus))
}

/// Builds all targets, and gives the folder of the programs. A named host makes cargo leave build scripts and macros without
/// the counters.
fn build(folder: &Path) -> Result<std::path::PathBuf, String> {
    let version = stdout(Command::new("rustc").arg("-vV"))?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: ")).ok_or("rustc names no host")?;
    let mut command = cargo();
    command.args(["build", "--release", "--locked", "--target", host, "--manifest-path"]);
    command.arg(root().join("fuzz/Cargo.toml")).env("RUSTFLAGS", RUSTFLAGS).env("CARGO_TARGET_DIR", folder);
    run(&mut command)?;
    Ok(folder.join(host).join("release"))
}

/// Runs one target; what made it fail stays below `artifacts`.
fn run_target(programs: &Path, folder: &Path, target: &str, seconds: u32) -> Result<(), String> {
    let artifacts = folder.join("artifacts").join(target);
    std::fs::create_dir_all(&artifacts).map_err(|error| format!("{}: {error}", artifacts.display()))?;
    let mut command = Command::new(programs.join(target));
    command.arg(format!("-max_total_time={seconds}")).arg(format!("-artifact_prefix={}/", artifacts.display()));
    command.args(["-timeout=20", "-rss_limit_mb=2048", "-max_len=6144", "-print_final_stats=1", "-verbosity=0"]);
    run(command.arg(folder.join("corpus").join(target)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&str]) -> Result<Wanted, String> {
        Wanted::parse(&arguments.iter().map(|argument| (*argument).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn all_targets_run_for_half_a_minute_unless_told_otherwise() {
        assert_eq!(parse(&[]), Ok(Wanted { consent: false, seconds: 30, targets: TARGETS.to_vec() }));
        let one = Wanted { consent: true, seconds: 5, targets: vec!["spki"] };
        assert_eq!(parse(&["--yes", "--seconds", "5", "spki"]), Ok(one));
        for wrong in [&["--seconds"][..], &["--seconds", "0"], &["--seconds", "x"], &["nothing"]] {
            assert!(parse(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn every_program_of_the_folder_is_a_target() {
        let programs = std::fs::read_dir(root().join("fuzz/src/bin")).unwrap();
        let mut names: Vec<String> =
            programs.map(|entry| entry.unwrap().file_name().to_string_lossy().replace(".rs", "")).collect();
        names.sort();
        let mut targets = TARGETS.to_vec();
        targets.sort_unstable();
        assert_eq!(names, targets);
    }
}
