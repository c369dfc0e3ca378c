//! `cargo xtask check`: all that can be said about the code without running it.

use crate::run::{FAILPOINTS, build_all, cargo, run as run_command};
use crate::{generated, licences, sources};

type Check = (&'static str, fn() -> Result<(), String>);

/// Cheap ones first.
const CHECKS: [Check; 8] = [
    ("rules", sources::check),
    ("licences", licences::check),
    ("format", format),
    ("clippy", || clippy(&[])),
    ("clippy-failpoints", || clippy(&FAILPOINTS)),
    ("rustdoc", rustdoc),
    ("model", generated::check_model),
    ("operations", || build_all().and_then(|()| generated::check_operations())),
];

/// `cargo xtask check [NAME…]`: all checks, or those named. Goes on after a failure, so that one run shows all of them.
pub(crate) fn run(names: &[String]) -> Result<(), String> {
    if let Some(unknown) = names.iter().find(|name| CHECKS.iter().all(|(known, _)| known != name)) {
        let known: Vec<&str> = CHECKS.iter().map(|(name, _)| *name).collect();
        return Err(format!("there is no check {unknown}; there are: {}", known.join(", ")));
    }
    let mut failed = Vec::new();
    for (name, check) in CHECKS.iter().filter(|(name, _)| names.is_empty() || names.iter().any(|wanted| wanted == name))
    {
        eprintln!("== {name}");
        if let Err(reason) = check() {
            eprintln!("{name}: {reason}");
            failed.push(*name);
        }
    }
    if failed.is_empty() { Ok(()) } else { Err(format!("failed: {}", failed.join(", "))) }
}

/// Also of the packages that are no members of the workspace.
fn format() -> Result<(), String> {
    run_command(cargo().args(["fmt", "--all", "--check"]))?;
    run_command(cargo().args(["fmt", "--check", "--manifest-path", "clients/rusoto/Cargo.toml"]))?;
    run_command(cargo().args(["fmt", "--check", "--manifest-path", "tokens/kryoptic/Cargo.toml"]))?;
    run_command(cargo().args(["fmt", "--check", "--manifest-path", "fuzz/Cargo.toml"]))
}

fn clippy(features: &[&str]) -> Result<(), String> {
    run_command(
        cargo().args(["clippy", "--workspace", "--all-targets"]).args(features).args(["--", "--deny", "warnings"]),
    )
}

/// With the examples: cargo then gives dependencies the features that they have in the tests, and what clippy has checked is
/// not checked again.
fn rustdoc() -> Result<(), String> {
    let targets = ["--lib", "--bins", "--examples"];
    let mut command = cargo();
    command.args(["doc", "--workspace", "--no-deps"]).args(targets).env("RUSTDOCFLAGS", "--deny warnings");
    run_command(&mut command)
}
