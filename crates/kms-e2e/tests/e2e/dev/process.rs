//! A `strongroom` process that is expected to end by itself.

use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// Runs `strongroom` with these arguments to its end.
///
/// # Panics
/// If it runs for longer than 30 seconds: it was expected to refuse.
pub(super) fn run(arguments: &[&str]) -> Output {
    let mut child = spawn(arguments, Stdio::piped());
    let deadline = Instant::now() + Duration::from_secs(30);
    while child.try_wait().unwrap().is_none() {
        if Instant::now() > deadline {
            let _already_dead = child.kill();
            panic!("strongroom {arguments:?} does not end");
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    child.wait_with_output().unwrap()
}

/// Starts `strongroom` with these arguments.
pub(super) fn spawn(arguments: &[&str], stderr: Stdio) -> Child {
    let mut command = Command::new(kms_e2e::strongroom_binary().unwrap());
    command.args(arguments).env_remove("SOFTHSM2_CONF").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(stderr);
    command.spawn().unwrap()
}

/// It failed, printed nothing for programs, and one sentence for people, which is returned.
#[track_caller]
pub(super) fn sentence(output: &Output) -> String {
    assert!(!output.status.success(), "{output:?}");
    assert!(output.stdout.is_empty(), "{output:?}");
    let text = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!(text.lines().count(), 1, "{text}");
    text.trim_end().strip_prefix("strongroom: ").unwrap_or_else(|| panic!("{text}")).to_owned()
}

/// The path as text.
pub(super) fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// The ids of all processes that have this text in their command line.
pub(super) fn processes_with(text: &str) -> Vec<u32> {
    let is_meant = |pid: &u32| {
        let command_line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&command_line).contains(text)
    };
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).filter(is_meant).collect()
}
