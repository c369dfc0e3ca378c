//! Processor time and memory of processes, as `/proc` tells them. Source: proc_pid_stat(5), proc_pid_status(5).

use std::io::Write;
use std::time::Duration;

use anyhow::Context;

/// User and system time of a process with all its threads, ended ones too.
pub(crate) fn cpu_time(pid: u32) -> anyhow::Result<Duration> {
    let fields = stat(pid)?;
    let ticks = |field: usize| fields.get(field - 3).and_then(|text| text.parse::<u64>().ok());
    let (user, system) = (ticks(14).context("no utime")?, ticks(15).context("no stime")?);
    Ok(Duration::from_secs_f64((user + system) as f64 / rustix::param::clock_ticks_per_second() as f64))
}

/// The memory of a process that is in use, in MiB: pages shared with others count in full.
pub(crate) fn resident(pid: u32) -> anyhow::Result<f64> {
    memory(&format!("/proc/{pid}/status"), "VmRSS:")
}

/// The memory of a process and all its children in MiB, each shared page counted once between those that share it.
pub(crate) fn proportional_with_children(pid: u32) -> anyhow::Result<f64> {
    let mut sum = memory(&format!("/proc/{pid}/smaps_rollup"), "Pss:")?;
    for entry in std::fs::read_dir("/proc")?.flatten() {
        let Some(child) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        // A process that ends between the two looks counts nothing.
        if stat(child).is_ok_and(|fields| fields.get(1).is_some_and(|parent| *parent == pid.to_string())) {
            sum += memory(&format!("/proc/{child}/smaps_rollup"), "Pss:").unwrap_or(0.0);
        }
    }
    Ok(sum)
}

/// Writes a line for people to standard error.
pub(crate) fn say(line: &str) {
    let _nobody_listens = writeln!(std::io::stderr(), "{line}");
}

/// The fields after the name, which may hold blanks and brackets itself: field 3 first.
fn stat(pid: u32) -> anyhow::Result<Vec<String>> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).context("the process has ended")?;
    let (_, fields) = text.rsplit_once(')').context("not a stat file")?;
    Ok(fields.split_whitespace().map(str::to_owned).collect())
}

fn memory(path: &str, name: &str) -> anyhow::Result<f64> {
    let text = std::fs::read_to_string(path).with_context(|| format!("{path} cannot be read"))?;
    let line = text.lines().find_map(|line| line.strip_prefix(name)).with_context(|| format!("no {name} in {path}"))?;
    let kilobytes: f64 = line.trim().trim_end_matches("kB").trim().parse()?;
    Ok(kilobytes / 1024.0)
}
