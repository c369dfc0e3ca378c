//! The clocks: the only code that reads them.

use std::path::PathBuf;
use std::time::Duration;

use kms_core::{Clock, Timestamp};

/// The clock of production.
#[derive(Debug)]
pub(crate) struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        self.real_now()
    }

    #[expect(clippy::disallowed_methods, reason = "this is the Clock that everybody else must use")]
    fn real_now(&self) -> Timestamp {
        Timestamp::now_utc()
    }

    fn boottime(&self) -> Duration {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
        let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
        Duration::new(seconds, u32::try_from(time.tv_nsec).unwrap_or(0))
    }
}

/// The clock of `dev`: an offset in seconds in the file `DATA/clock`, read at each use, moves expiry, import tokens and
/// deletion windows, never the clock of SigV4.
#[derive(Debug)]
pub(crate) struct DevClock {
    file: PathBuf,
}

impl DevClock {
    pub(crate) fn new(file: PathBuf) -> Self {
        Self { file }
    }

    fn offset(&self) -> time::Duration {
        let text = std::fs::read_to_string(&self.file).unwrap_or_default();
        let seconds = text.trim().parse::<f64>().ok().filter(|seconds| seconds.abs() < 3.2e10).unwrap_or(0.0);
        time::Duration::seconds_f64(seconds)
    }
}

impl Clock for DevClock {
    fn now(&self) -> Timestamp {
        let now = self.real_now();
        now.checked_add(self.offset()).unwrap_or(now)
    }

    fn real_now(&self) -> Timestamp {
        SystemClock.real_now()
    }

    fn boottime(&self) -> Duration {
        SystemClock.boottime()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_moves_now_and_never_the_real_clock() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("clock");
        let clock = DevClock::new(file.clone());
        let ahead = |clock: &DevClock| (clock.now() - clock.real_now()).whole_minutes();
        assert_eq!(ahead(&clock), 0);
        std::fs::write(&file, "86400\n").unwrap();
        assert!((1439..=1440).contains(&ahead(&clock)));
        std::fs::write(&file, "nonsense").unwrap();
        assert_eq!(ahead(&clock), 0);
    }
}
