//! The one write lock of a token (design.md 4, object-protocol.md A7): threads of this process first, then other
//! processes by `flock` on a file beside the token folder. Both waits are bounded.
//!
//! Searches take the first half: on SoftHSM 2.6.1 `C_FindObjects` in one thread makes `C_GenerateKey` in another fail
//! with GeneralError (15 of 627 measured; none beside attribute reads and signing, which therefore take no lock).

use std::fs::{File, OpenOptions};
use std::ops::Deref;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use kms_core::HsmError;
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use crate::config::{OpenError, TokenConfig};

/// How long a writer waits for the lock before the token counts as unavailable.
const LONGEST_WAIT: Duration = Duration::from_secs(8);
/// How long the lock may be held. A holder past it hangs in the token or in Postgres and keeps every writer of every node
/// waiting: the process ends, which gives the lock back (design.md 4).
const LONGEST_HOLD: Duration = Duration::from_secs(60);
/// The pause between two tries for the lock file: about the time of one create on tmpfs.
const POLL: Duration = Duration::from_micros(500);

/// The lock; clones share it.
#[derive(Clone)]
pub(crate) struct WriteLock(Arc<Inner>);

struct Inner {
    held: Mutex<bool>,
    /// Since when the lock file is locked by this process.
    locked_since: Mutex<Option<Instant>>,
    released: Condvar,
    /// None where the token needs no lock across processes.
    file: Option<File>,
}

/// Proof that no other thread of this process writes or searches; dropping it gives the lock back.
pub(crate) struct SearchGuard<'a>(&'a Inner);

/// Proof that nobody else writes, in any process; dropping it gives the lock back.
pub(crate) struct WriteGuard<'a>(SearchGuard<'a>);

impl WriteLock {
    /// The lock of the token whose SoftHSM folder is given, or of a token that needs a lock within this process only.
    ///
    /// # Errors
    /// [`OpenError::TokenMissing`] if the place beside the folder does not exist, [`OpenError::File`].
    pub(crate) fn open(softhsm_folder: Option<&Path>) -> Result<Self, OpenError> {
        let file = softhsm_folder.map(open_lock_file).transpose()?;
        let (held, locked_since) = (Mutex::new(false), Mutex::new(None));
        let inner = Arc::new(Inner { held, locked_since, released: Condvar::new(), file });
        watch(Arc::downgrade(&inner));
        Ok(Self(inner))
    }

    /// Waits for the lock, at most 8 seconds.
    ///
    /// # Errors
    /// [`HsmError::Busy`] when the wait is over, [`HsmError::Unavailable`] when the lock file cannot be locked.
    pub(crate) fn acquire(&self) -> Result<WriteGuard<'_>, HsmError> {
        self.acquire_within(LONGEST_WAIT)
    }

    /// Waits until no other thread of this process writes or searches, at most 8 seconds.
    ///
    /// # Errors
    /// [`HsmError::Busy`] when the wait is over.
    pub(crate) fn acquire_for_search(&self) -> Result<SearchGuard<'_>, HsmError> {
        self.exclude_threads(LONGEST_WAIT)
    }

    fn acquire_within(&self, longest: Duration) -> Result<WriteGuard<'_>, HsmError> {
        let deadline = Instant::now() + longest;
        // From here the guard gives the lock back on every path.
        let guard = WriteGuard(self.exclude_threads(longest)?);
        if let Some(file) = &self.0.file {
            lock_file(file, deadline)?;
            guard.0.0.note(Some(Instant::now()));
        }
        fail::fail_point!("hsm.locked");
        Ok(guard)
    }

    fn exclude_threads(&self, longest: Duration) -> Result<SearchGuard<'_>, HsmError> {
        let held = self.0.held.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut held, _) =
            self.0.released.wait_timeout_while(held, longest, |held| *held).unwrap_or_else(PoisonError::into_inner);
        if *held {
            return Err(HsmError::Busy("thread"));
        }
        *held = true;
        Ok(SearchGuard(&self.0))
    }
}

impl<'a> Deref for WriteGuard<'a> {
    type Target = SearchGuard<'a>;

    fn deref(&self) -> &SearchGuard<'a> {
        &self.0
    }
}

impl Drop for WriteGuard<'_> {
    fn drop(&mut self) {
        if let Some(file) = &self.0.0.file {
            self.0.0.note(None);
            // Unlocking a file that is not locked is no error, and no other one is possible on an open file. The inner
            // guard is dropped after this, so no other thread of this process locks the file in between.
            let _unlocked = flock(file, FlockOperation::Unlock);
        }
    }
}

impl Drop for SearchGuard<'_> {
    fn drop(&mut self) {
        *self.0.held.lock().unwrap_or_else(PoisonError::into_inner) = false;
        self.0.released.notify_one();
    }
}

impl Inner {
    fn note(&self, since: Option<Instant>) {
        *self.locked_since.lock().unwrap_or_else(PoisonError::into_inner) = since;
    }

    fn is_held_too_long(&self) -> bool {
        let since = self.locked_since.lock().unwrap_or_else(PoisonError::into_inner);
        since.is_some_and(|since| since.elapsed() > LONGEST_HOLD)
    }
}

/// Looks at the lock every second, as long as there is one; ends the process when it is held too long.
fn watch(lock: Weak<Inner>) {
    let look = move || {
        while let Some(lock) = lock.upgrade() {
            if lock.is_held_too_long() {
                tracing::error!("the token's write lock is held too long: the process ends and gives it back");
                std::process::exit(70);
            }
            drop(lock);
            std::thread::sleep(Duration::from_secs(1));
        }
    };
    if std::thread::Builder::new().name("token-lock".to_owned()).spawn(look).is_err() {
        tracing::warn!("nobody watches how long the token's write lock is held");
    }
}

fn open_lock_file(folder: &Path) -> Result<File, OpenError> {
    let path = TokenConfig::lock_file(folder);
    let opened = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(&path);
    opened.map_err(|source| match source.kind() {
        std::io::ErrorKind::NotFound => OpenError::TokenMissing(format!("no folder for {}", path.display())),
        _ => OpenError::File { path, source },
    })
}

fn lock_file(file: &File, deadline: Instant) -> Result<(), HsmError> {
    loop {
        match flock(file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Ok(()),
            Err(Errno::WOULDBLOCK | Errno::INTR) if Instant::now() < deadline => std::thread::sleep(POLL),
            Err(Errno::WOULDBLOCK) => {
                return Err(HsmError::Busy("process"));
            }
            Err(error) => return Err(HsmError::Unavailable(format!("flock: {error}"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_lock_on_the_same_file_waits_and_then_gives_up() {
        let place = tempfile::tempdir_in("/dev/shm").unwrap();
        let folder = place.path().join("tokens");
        let (first, second) = (WriteLock::open(Some(&folder)).unwrap(), WriteLock::open(Some(&folder)).unwrap());
        let guard = first.acquire().unwrap();
        let refused = second.acquire_within(Duration::from_millis(30)).err().unwrap();
        assert!(refused.to_string().contains("another process"));
        assert!(second.0.held.try_lock().is_ok_and(|held| !*held), "a failed wait gives the inner lock back");
        drop(guard);
        second.acquire_within(Duration::from_millis(30)).unwrap();
    }

    #[test]
    fn a_lock_is_held_too_long_only_while_it_is_held() {
        let place = tempfile::tempdir_in("/dev/shm").unwrap();
        let lock = WriteLock::open(Some(&place.path().join("tokens"))).unwrap();
        let guard = lock.acquire().unwrap();
        assert!(lock.0.locked_since.lock().unwrap().is_some());
        assert!(!lock.0.is_held_too_long());
        drop(guard);
        assert!(lock.0.locked_since.lock().unwrap().is_none());
    }

    #[test]
    fn threads_of_one_process_exclude_each_other() {
        let lock = WriteLock::open(None).unwrap();
        let inside = std::sync::atomic::AtomicU32::new(0);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..200 {
                        let _guard = lock.acquire().unwrap();
                        assert_eq!(inside.fetch_add(1, std::sync::atomic::Ordering::SeqCst), 0);
                        inside.fetch_sub(1, std::sync::atomic::Ordering::SeqCst);
                    }
                });
            }
        });
        let _guard = lock.acquire().unwrap();
        assert!(lock.acquire_within(Duration::from_millis(5)).is_err());
    }
}
