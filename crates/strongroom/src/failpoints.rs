//! Failpoints of test builds: a file `$STRONGROOM_FAILPOINT_DIR/<name>` says what happens at the next passage of that
//! point (`kill`, `stop`, `exit`); the file is consumed. Not part of release builds.

use std::path::{Path, PathBuf};

/// Every point between two steps that a kill or a pause may fall on.
pub(crate) const NAMES: &[&str] = &[
    "audit.after_write",
    "audit.before_write",
    "hsm.after_create",
    "hsm.after_destroy",
    "hsm.before_create",
    "hsm.before_destroy",
    "hsm.locked",
    "material.delete.condemned",
    "material.expiry.condemned",
    "material.finish.before_destroy",
    "material.finish.before_destroyed",
    "material.generate.announced",
    "material.generate.made",
    "material.import.announced",
    "material.import.before_commit",
    "material.import.before_reimport",
    "material.import.claimed",
    "material.import.made",
    "material.pair.announced",
    "material.pair.made",
    "material.purge.condemned",
    "material.purge.finished",
    "metadata.after_commit",
    "metadata.before_acknowledge",
    "metadata.before_commit",
];

/// Arms every point with a look at its file.
pub(crate) fn register() {
    let Some(folder) = std::env::var_os("STRONGROOM_FAILPOINT_DIR").map(PathBuf::from) else { return };
    for name in NAMES {
        let file = folder.join(name);
        let _only_of_the_config_string = fail::cfg_callback(*name, move || act(&file));
    }
}

fn act(file: &Path) {
    let Ok(action) = std::fs::read_to_string(file) else { return };
    if std::fs::remove_file(file).is_err() {
        return;
    }
    let pid = rustix::process::getpid();
    match action.trim() {
        "kill" => drop(rustix::process::kill_process(pid, rustix::process::Signal::KILL)),
        "stop" => drop(rustix::process::kill_process(pid, rustix::process::Signal::STOP)),
        _ => std::process::exit(99),
    }
}
