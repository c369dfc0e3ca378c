//! The clock of a node's process, moved by libfaketime: of no other process, and never this machine's.
//!
//! Only CLOCK_REALTIME as read through libc moves: leases go by CLOCK_BOOTTIME, which no step of a clock moves.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// Where Debian and Ubuntu put the library for programs with threads.
const LIBRARIES: [&str; 2] =
    ["/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1", "/usr/lib/aarch64-linux-gnu/faketime/libfaketimeMT.so.1"];

/// A clock that processes share which are started with its environment.
pub(crate) struct FakeClock {
    library: &'static str,
    file: PathBuf,
}

impl FakeClock {
    /// A clock that goes right, moved by this file.
    ///
    /// # Errors
    /// The library is not installed.
    pub(crate) fn new(file: &Path) -> Result<Self> {
        let library = LIBRARIES.into_iter().find(|library| Path::new(library).exists());
        let library = library.context("steps of the clock need libfaketime: apt-get install libfaketime")?;
        let clock = Self { library, file: file.to_owned() };
        clock.set(0)?;
        Ok(clock)
    }

    /// Moves the clock so many seconds ahead of the right time.
    pub(crate) fn set(&self, seconds: i64) -> Result<()> {
        let draft = self.file.with_extension("new");
        std::fs::write(&draft, format!("{seconds:+}\n"))?;
        Ok(std::fs::rename(&draft, &self.file)?)
    }

    /// For a process that shall go by it. Source: README of libfaketime, "Advanced usage".
    pub(crate) fn environment(&self) -> Vec<(String, String)> {
        let file = self.file.display().to_string();
        let settings = [
            ("LD_PRELOAD", self.library),
            ("FAKETIME_TIMESTAMP_FILE", &file),
            // The file is read each time, so that a step is one for all threads at once.
            ("FAKETIME_NO_CACHE", "1"),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
            // Nothing is shared but the file, so that nothing is left behind by a kill.
            ("FAKETIME_DISABLE_SHM", "1"),
        ];
        settings.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec()
    }
}
