//! `cargo xtask check`: all that can be said about the code without running it.

use crate::run::{FAILPOINTS, build_all, cargo, run as run_command};
use crate::{generated, licences, sources};

/// `cargo xtask check`. Goes on after a failure, so that one run shows all of them.
pub(crate) fn run(arguments: &[String]) -> Result<(), String> {
    if let Some(other) = arguments.first() {
        return Err(format!("check knows no argument {other}; usage: cargo xtask check"));
    }
    type Check = (&'static str, fn() -> Result<(), String>);
    let checks: [Check; 8] = [
        ("house rules", sources::check),
        ("licences", licences::check),
        ("format", || run_command(cargo().args(["fmt", "--all", "--check"]))),
        ("clippy", || clippy(&[])),
        ("clippy with failpoints", || clippy(&FAILPOINTS)),
        ("rustdoc", rustdoc),
        ("shapes of the API", generated::check_model),
        ("table of operations", || build_all().and_then(|()| generated::check_operations())),
    ];
    let mut failed = Vec::new();
    for (name, check) in checks {
        eprintln!("== {name}");
        if let Err(reason) = check() {
            eprintln!("{name}: {reason}");
            failed.push(name);
        }
    }
    if failed.is_empty() { Ok(()) } else { Err(format!("failed: {}", failed.join(", "))) }
}

fn clippy(features: &[&str]) -> Result<(), String> {
    run_command(
        cargo().args(["clippy", "--workspace", "--all-targets"]).args(features).args(["--", "--deny", "warnings"]),
    )
}

fn rustdoc() -> Result<(), String> {
    run_command(cargo().args(["doc", "--workspace", "--no-deps"]).env("RUSTDOCFLAGS", "--deny warnings"))
}
