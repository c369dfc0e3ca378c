//! Chores of the developer. Std and a JSON reader only, so that it builds in seconds.

mod check;
mod fuzz;
mod generated;
mod kryoptic;
mod licences;
mod model;
mod run;
mod serve;
mod setup;
mod sources;
mod test;

use std::process::ExitCode;

const USAGE: &str = "\
usage: cargo xtask COMMAND

  dev [--release] [--pq] [ARGS]
                             build, then run `strongroom dev ARGS`: a whole key service for development; with --pq the
                             second token too
  demo [ARGS]                the life of imported key material on a throw-away server, step by step
  bench [ARGS]               the table of costs, built with optimisation
  chaos [ARGS]               kill the server at every step and look for what is lost
  test [--chaos | --pq]      all tests on real Postgres, real SoftHSM and real AWS SDKs, or those with a second token
  fuzz [--seconds N] [NAME]  libFuzzer on everything that reads bytes of strangers
  check [NAME]               house rules, licences, format, clippy, rustdoc, generated files
  model FILE [--check]       make the shapes of the API from the published KMS service model
  kryoptic                   build the second token's PKCS#11 module (ML-DSA, ML-KEM) and print its path
  setup                      install the system packages that all of these need

dev, demo, bench, chaos, test, fuzz, kryoptic and setup install missing Debian or Ubuntu packages. They ask first, unless
there is no terminal or --yes is given.";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match dispatch(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("xtask: {reason}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(arguments: &[String]) -> Result<(), String> {
    let (command, rest) = arguments.split_first().ok_or(USAGE)?;
    match command.as_str() {
        "dev" => serve::dev(rest),
        "demo" => serve::demo(rest),
        "bench" => serve::bench(rest),
        "chaos" => serve::chaos(rest),
        "test" => test::run(rest),
        "fuzz" => fuzz::fuzz(rest),
        "check" => check::run(rest),
        "kryoptic" => kryoptic::run(rest),
        "model" => model::run(rest),
        "setup" => setup::run(rest),
        "help" | "--help" | "-h" => {
            eprintln!("{USAGE}");
            Ok(())
        }
        _ => Err(format!("there is no command {command}\n\n{USAGE}")),
    }
}
