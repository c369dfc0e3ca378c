//! The clocks: the only code that reads them.

use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use kms_core::{Clock, Timestamp};
use rustix::fs::inotify::{self, CreateFlags, WatchFlags};

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

/// The clock of `dev`: an offset in seconds in the file `DATA/clock` moves expiry, import tokens and deletion windows, never
/// the clock of SigV4. Each use asks the kernel whether anything in the folder has changed, which costs a tenth of looking
/// for a file that mostly is not there, and reads the file if so.
#[derive(Debug)]
pub(crate) struct DevClock {
    file: PathBuf,
    /// None where the folder cannot be watched: then every use reads the file.
    watch: Option<OwnedFd>,
    offset: Mutex<Option<Offset>>,
}

#[derive(Clone, Copy, Debug)]
struct Offset {
    value: time::Duration,
    read_at: Duration,
}

/// A folder that is shared from another machine has changes that the kernel does not report.
const LONGEST_TRUST: Duration = Duration::from_secs(1);

impl DevClock {
    pub(crate) fn new(file: PathBuf) -> Self {
        let watch = file.parent().and_then(|folder| watch(folder).ok());
        Self { file, watch, offset: Mutex::default() }
    }

    fn offset(&self) -> time::Duration {
        let mut offset = self.offset.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.boottime();
        // Asked before the file is read: a change in between is reported again at the next use.
        let has_changed = self.watch.as_ref().is_none_or(has_changed);
        match *offset {
            Some(known) if !has_changed && now.saturating_sub(known.read_at) < LONGEST_TRUST => known.value,
            _ => offset.insert(Offset { value: self.read(), read_at: now }).value,
        }
    }

    fn read(&self) -> time::Duration {
        let text = std::fs::read_to_string(&self.file).unwrap_or_default();
        let seconds = text.trim().parse::<f64>().ok().filter(|seconds| seconds.abs() < 3.2e10).unwrap_or(0.0);
        time::Duration::seconds_f64(seconds)
    }
}

fn watch(folder: &Path) -> std::io::Result<OwnedFd> {
    let watch = inotify::init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC)?;
    let changes = WatchFlags::CREATE | WatchFlags::MODIFY | WatchFlags::MOVE | WatchFlags::DELETE;
    inotify::add_watch(&watch, folder, changes)?;
    Ok(watch)
}

/// Takes what was reported since the last call.
fn has_changed(watch: &OwnedFd) -> bool {
    let mut buffer = [MaybeUninit::uninit(); 1_024];
    let mut reports = inotify::Reader::new(watch, &mut buffer);
    let mut any = false;
    loop {
        match reports.next() {
            Ok(_) => any = true,
            Err(rustix::io::Errno::AGAIN) => return any,
            Err(_) => return true,
        }
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
        std::fs::write(folder.path().join("draft"), "-3600").unwrap();
        std::fs::rename(folder.path().join("draft"), &file).unwrap();
        assert!((-60..=-59).contains(&ahead(&clock)));
        std::fs::remove_file(&file).unwrap();
        assert_eq!(ahead(&clock), 0);
    }
}
