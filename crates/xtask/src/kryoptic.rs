//! `cargo xtask kryoptic`: the second token, as a PKCS#11 module built from source. It is no part of what is shipped.

use std::path::PathBuf;
use std::process::Command;

use crate::run::{cargo, root, run as run_command, stdout, take_flag, target_folder};
use crate::setup::{Purpose, install_missing};

/// `cargo xtask kryoptic [--yes]`: builds the module and prints its path.
#[expect(clippy::print_stdout, reason = "the path is what the command is for")]
pub(crate) fn run(arguments: &[String]) -> Result<(), String> {
    let mut arguments = arguments.to_vec();
    let consent = take_flag(&mut arguments, "--yes");
    if let Some(other) = arguments.first() {
        return Err(format!("kryoptic knows no argument {other}; usage: cargo xtask kryoptic [--yes]"));
    }
    println!("{}", build(consent)?.display());
    Ok(())
}

/// Builds the module and gives its path; a module that is up to date is not built again. From nothing it takes about four
/// minutes of one processor, most of it for OpenSSL and SQLite.
pub(crate) fn build(consent: bool) -> Result<PathBuf, String> {
    install_missing(&[Purpose::Module], consent)?;
    // A folder of its own, so that neither build waits for the other's lock.
    let folder = target_folder()?.join("kryoptic");
    let manifest = root().join("tokens/kryoptic/Cargo.toml");
    let mut command = cargo();
    command.args(["build", "--release", "--locked", "--manifest-path"]).arg(manifest).arg("--target-dir").arg(&folder);
    // libclang comes without the headers of the compiler, such as stddef.h.
    let headers = stdout(Command::new("cc").arg("-print-file-name=include"))?;
    run_command(command.env("BINDGEN_EXTRA_CLANG_ARGS", format!("-I{}", headers.trim())))?;
    let module = folder.join("release/libstrongroom_kryoptic.so");
    if module.is_file() { Ok(module) } else { Err(format!("the build made no {}", module.display())) }
}
