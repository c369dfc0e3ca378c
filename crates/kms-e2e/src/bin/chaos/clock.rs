//! The server's clock as chaos knows it: the real one, moved by `DATA/clock`.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::UNIX_EPOCH;

use kms_e2e::Server;

/// Milliseconds since 1970 on the server's clock.
pub(crate) type Millis = i64;

/// Rounding on the way of a time to the server and back.
const ROUNDING: Millis = 5;

/// While the clock is being moved it may stand at either place, so there are two readings.
#[derive(Debug, Default)]
pub(crate) struct ServerClock {
    earliest: AtomicI64,
    latest: AtomicI64,
}

impl ServerClock {
    /// The server's clock shows this or more.
    pub(crate) fn earliest(&self) -> Millis {
        real() + self.earliest.load(Ordering::SeqCst) - ROUNDING
    }

    /// The server's clock shows this or less.
    pub(crate) fn latest(&self) -> Millis {
        real() + self.latest.load(Ordering::SeqCst) + ROUNDING
    }

    /// Lets time pass, for tests of what looks at the clock.
    #[cfg(test)]
    pub(crate) fn pass(&self, millis: Millis) {
        self.latest.fetch_add(millis, Ordering::SeqCst);
        self.earliest.fetch_add(millis, Ordering::SeqCst);
    }

    /// Moves the server's clock ahead.
    ///
    /// # Errors
    /// The file of the clock cannot be written.
    pub(crate) fn jump(&self, server: &Server, seconds: i64) -> anyhow::Result<()> {
        let offset = self.latest.load(Ordering::SeqCst) + seconds * 1_000;
        self.latest.store(offset, Ordering::SeqCst);
        server.set_clock_offset(offset / 1_000)?;
        self.earliest.store(offset, Ordering::SeqCst);
        Ok(())
    }
}

#[expect(clippy::disallowed_methods, reason = "chaos looks at the server from outside, where no Clock is shared")]
fn real() -> Millis {
    let elapsed = std::time::SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(elapsed.as_millis()).unwrap_or(Millis::MAX)
}
