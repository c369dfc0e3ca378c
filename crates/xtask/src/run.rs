//! Runs other programs and says which one failed.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Every cargo call of `test` and `check` uses these, so that one set of features is compiled.
pub(crate) const FAILPOINTS: [&str; 2] = ["--features", "strongroom/failpoints"];

/// The top folder of the repository.
pub(crate) fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_path_buf()
}

/// Cargo's target folder. Asking cargo for it respects its configuration files and the environment.
pub(crate) fn target_folder() -> Result<PathBuf, String> {
    let metadata = metadata(&["--no-deps"])?;
    let folder = metadata["target_directory"].as_str().ok_or("cargo metadata names no target folder")?;
    Ok(PathBuf::from(folder))
}

/// What `cargo metadata` says.
pub(crate) fn metadata(arguments: &[&str]) -> Result<serde_json::Value, String> {
    let text = stdout(cargo().args(["metadata", "--format-version", "1"]).args(arguments))?;
    serde_json::from_str(&text).map_err(|error| format!("cargo metadata: {error}"))
}

/// The cargo that runs this, in the top folder.
pub(crate) fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root());
    command
}

/// Builds every program and test of the workspace as `cargo test` will want them.
pub(crate) fn build_all() -> Result<(), String> {
    run(cargo().args(["build", "--workspace", "--bins", "--tests"]).args(FAILPOINTS))
}

/// Runs a command to its end.
pub(crate) fn run(command: &mut Command) -> Result<(), String> {
    eprintln!("> {}", text_of(command));
    let status = command.status().map_err(|error| format!("{} cannot be run: {error}", name_of(command)))?;
    if status.success() { Ok(()) } else { Err(format!("`{}` failed ({status})", text_of(command))) }
}

/// Runs a command and gives what it printed.
pub(crate) fn stdout(command: &mut Command) -> Result<String, String> {
    let output = command.output().map_err(|error| format!("{} cannot be run: {error}", name_of(command)))?;
    if !output.status.success() {
        let detail = String::from_utf8_lossy(&output.stderr);
        return Err(format!("`{}` failed: {}", text_of(command), detail.trim()));
    }
    String::from_utf8(output.stdout).map_err(|_| format!("{} printed something that is no text", name_of(command)))
}

/// Whether a command can be run and succeeds, in silence.
pub(crate) fn succeeds(program: &str, arguments: &[&str]) -> bool {
    Command::new(program).args(arguments).output().is_ok_and(|output| output.status.success())
}

/// Becomes the command, so that signals reach it and its exit status is ours. Returns only if that fails.
pub(crate) fn become_command(command: &mut Command) -> String {
    use std::os::unix::process::CommandExt;
    let error = command.exec();
    format!("{} cannot be run: {error}", name_of(command))
}

/// Takes a flag out of the arguments before a `--`; true if it was there.
pub(crate) fn take_flag(arguments: &mut Vec<String>, flag: &str) -> bool {
    let end = arguments.iter().position(|argument| argument == "--").unwrap_or(arguments.len());
    let Some(at) = arguments[..end].iter().position(|argument| argument == flag) else { return false };
    arguments.remove(at);
    true
}

fn name_of(command: &Command) -> String {
    Path::new(command.get_program()).file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn text_of(command: &Command) -> String {
    let arguments = command.get_args().map(|argument| argument.to_string_lossy().into_owned());
    std::iter::once(name_of(command)).chain(arguments).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_flag_after_two_dashes_belongs_to_the_program() {
        let mut arguments = ["--listen", "x", "--yes", "--", "--release"].map(str::to_owned).to_vec();
        assert!(super::take_flag(&mut arguments, "--yes"));
        assert!(!super::take_flag(&mut arguments, "--release"));
        assert_eq!(arguments, ["--listen", "x", "--", "--release"]);
    }

    #[test]
    fn the_top_folder_holds_the_workspace() {
        assert!(super::root().join("crates/xtask/Cargo.toml").is_file());
    }
}
