//! Builds programs of the workspace and becomes them.

use std::path::Path;
use std::process::Command;

use crate::kryoptic;
use crate::run::{FAILPOINTS, become_command, cargo, run, take_flag, target_folder};
use crate::setup::{Purpose, install_missing};

/// `cargo xtask dev [--release] [--pq] [--yes] ARGS…`
pub(crate) fn dev(arguments: &[String]) -> Result<(), String> {
    let consent = arguments.iter().any(|argument| argument == "--yes");
    let mut arguments = prepare(arguments)?;
    if take_flag(&mut arguments, "--pq") {
        let module = kryoptic::build(consent)?;
        arguments.extend(["--pq-module".to_owned(), module.display().to_string()]);
    }
    let profile = if take_flag(&mut arguments, "--release") { Profile::Release } else { Profile::Dev };
    build(profile, &["--package", "strongroom", "--bin", "strongroom"], &[])?;
    let program = profile.folder()?.join("strongroom");
    Err(become_command(Command::new(program).arg("dev").args(arguments)))
}

/// `cargo xtask demo [--yes] ARGS…`
pub(crate) fn demo(arguments: &[String]) -> Result<(), String> {
    beside_strongroom(Profile::Dev, "demo", &[], arguments)
}

/// `cargo xtask bench [--yes] ARGS…`
pub(crate) fn bench(arguments: &[String]) -> Result<(), String> {
    beside_strongroom(Profile::Release, "bench", &[], arguments)
}

/// `cargo xtask chaos [--yes] ARGS…`
pub(crate) fn chaos(arguments: &[String]) -> Result<(), String> {
    if arguments.iter().any(|argument| argument == "--faults") {
        install_missing(&[Purpose::Faults], arguments.iter().any(|argument| argument == "--yes"))?;
    }
    beside_strongroom(Profile::Dev, "chaos", &FAILPOINTS, arguments)
}

/// The call of a program of kms-e2e, which finds the server by an environment variable.
pub(crate) fn e2e_command(folder: &Path, name: &str) -> Command {
    let mut command = Command::new(folder.join(name));
    command.env("STRONGROOM_BIN", folder.join("strongroom"));
    command
}

#[derive(Clone, Copy)]
enum Profile {
    Dev,
    Release,
}

impl Profile {
    fn folder(self) -> Result<std::path::PathBuf, String> {
        let name = match self {
            Self::Dev => "debug",
            Self::Release => "release",
        };
        Ok(target_folder()?.join(name))
    }
}

fn beside_strongroom(profile: Profile, name: &str, features: &[&str], arguments: &[String]) -> Result<(), String> {
    let arguments = prepare(arguments)?;
    let packages = ["--package", "strongroom", "--package", "kms-e2e", "--bin", "strongroom", "--bin", name];
    build(profile, &packages, features)?;
    Err(become_command(e2e_command(&profile.folder()?, name).args(arguments)))
}

/// Sees to the system packages; gives the arguments that are left.
fn prepare(arguments: &[String]) -> Result<Vec<String>, String> {
    let mut arguments = arguments.to_vec();
    let consent = take_flag(&mut arguments, "--yes");
    install_missing(&[Purpose::Run], consent)?;
    if arguments.first().is_some_and(|argument| argument == "--") {
        arguments.remove(0);
    }
    Ok(arguments)
}

fn build(profile: Profile, what: &[&str], features: &[&str]) -> Result<(), String> {
    let mut command = cargo();
    command.arg("build").args(what).args(features);
    if matches!(profile, Profile::Release) {
        command.arg("--release");
    }
    run(&mut command)
}
