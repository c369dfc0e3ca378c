//! Where the figures come from, in one line.

use std::path::Path;
use std::process::Command;

/// Processor, kernel, and the versions of what the figures depend on.
pub(crate) fn describe() -> String {
    let processor = first_line("/proc/cpuinfo", "model name").unwrap_or_else(|| "unknown processor".to_owned());
    let count = std::thread::available_parallelism().map_or(0, usize::from);
    let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split(' ').next().unwrap_or("?").to_owned();
    format!(
        "{count} x {processor}; Linux {}; SoftHSM {}; {}; load average at the end {load}",
        kernel.trim(),
        said_by("softhsm2-util", &["--version"]),
        said_by(postgres().as_str(), &["--version"]),
    )
}

fn first_line(path: &str, name: &str) -> Option<String> {
    let text = std::fs::read_to_string(path).ok()?;
    let line = text.lines().find(|line| line.starts_with(name))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

fn said_by(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    output.map_or_else(
        |_| format!("{program} unknown"),
        |output| String::from_utf8_lossy(&output.stdout).trim().to_owned(),
    )
}

/// Debian keeps the server's programs outside the search path, by version.
fn postgres() -> String {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut programs: Vec<_> =
        versions.map(|entry| entry.path().join("bin/postgres")).filter(|path| Path::is_file(path)).collect();
    programs.sort();
    programs.pop().map_or_else(|| "postgres".to_owned(), |path| path.to_string_lossy().into_owned())
}
