//! The clocks: the only code that reads them.

use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use kms_core::{Clock, Timestamp};
use rustix::fs::inotify::{self, CreateFlags, WatchFlags};

/// The clock of this machine.
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

/// The clock of `serve`: expiry and windows go by the time that the database last told, carried on by CLOCK_BOOTTIME. So a
/// step of this machine's clock moves none of them, and nodes agree. SigV4 and the audit go by this machine's clock.
#[derive(Debug, Default)]
pub(crate) struct DatabaseClock {
    /// Nanoseconds from 1970 to the boot of this machine by the database's clock; 0 before it told.
    boot: AtomicI64,
}

impl Clock for DatabaseClock {
    fn now(&self) -> Timestamp {
        let boot = i128::from(self.boot.load(Ordering::SeqCst));
        let now = boot + i128::try_from(self.boottime().as_nanos()).unwrap_or(0);
        match Timestamp::from_unix_timestamp_nanos(now) {
            Ok(now) if boot != 0 => now,
            _ => self.real_now(),
        }
    }

    fn real_now(&self) -> Timestamp {
        SystemClock.real_now()
    }

    fn boottime(&self) -> Duration {
        SystemClock.boottime()
    }

    /// The answer bounds the moment of the boot from both sides. What is within stays, so that no slow answer moves the
    /// clock; what is not goes to the nearer bound.
    fn hear(&self, database: Timestamp, asked: Duration, answered: Duration) {
        let boot_if_told_at = |moment: Duration| {
            let moment = i128::try_from(moment.as_nanos()).unwrap_or(0);
            i64::try_from(database.unix_timestamp_nanos() - moment).unwrap_or(0)
        };
        let (earliest, latest) = (boot_if_told_at(answered), boot_if_told_at(asked));
        let boot = match self.boot.load(Ordering::SeqCst) {
            0 => boot_if_told_at(asked + answered.saturating_sub(asked) / 2),
            known if earliest <= latest => known.clamp(earliest, latest),
            known => known,
        };
        self.boot.store(boot, Ordering::SeqCst);
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
    fn the_database_says_what_time_it_is_and_boottime_carries_it_on() {
        let clock = DatabaseClock::default();
        assert!((clock.now() - clock.real_now()).abs() < time::Duration::seconds(1));
        let midnight = time::macros::datetime!(2031-05-06 00:00 UTC);
        let asked = clock.boottime();
        let first = |clock: &DatabaseClock| {
            clock.hear(midnight, asked, asked);
            clock.boot.load(Ordering::SeqCst)
        };
        let told = |after: i64, within: u64| {
            let clock = DatabaseClock::default();
            let boot = first(&clock);
            clock.hear(midnight + time::Duration::seconds(after), asked, asked + Duration::from_secs(within));
            (clock.boot.load(Ordering::SeqCst) - boot) / 1_000_000_000
        };
        // Answers that took long say too little to move the clock; what they rule out, moves it.
        assert_eq!([told(3, 4), told(0, 9)], [0, 0]);
        assert_eq!([told(30, 0), told(30, 4), told(-20, 5)], [30, 26, -20]);
        first(&clock);
        let passed = clock.now() - midnight;
        assert!((time::Duration::ZERO..time::Duration::minutes(1)).contains(&passed), "{passed}");
    }

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
