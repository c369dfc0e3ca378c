//! A thread that stops at a failpoint until it is told to go on.

use std::sync::Mutex;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

/// The first thread that passes the point stops; all others pass. Dropping the pause lets it go.
pub(crate) struct Pause {
    arrived: Receiver<()>,
    release: Sender<()>,
}

impl Pause {
    /// Arms the point.
    pub(crate) fn at(point: &str) -> Self {
        let (arrive, arrived) = channel();
        let (release, released) = channel::<()>();
        let first = Mutex::new(Some((arrive, released)));
        fail::cfg_callback(point, move || {
            let taken = first.lock().unwrap().take();
            if let Some((arrive, released)) = taken {
                arrive.send(()).unwrap();
                // An error too means to go on: the test is over.
                let _released = released.recv();
            }
        })
        .unwrap();
        Self { arrived, release }
    }

    /// Waits until a thread stands at the point.
    pub(crate) fn wait(&self) {
        self.arrived.recv_timeout(Duration::from_secs(20)).expect("no thread came to the failpoint");
    }

    /// Lets the thread go on.
    pub(crate) fn go(self) {
        drop(self.release);
    }
}

/// The first thread that passes the point dies there, as by a kill: nothing of it goes on, and its Postgres session ends.
pub(crate) fn die_at(point: &str) {
    fail::cfg(point, "1*panic(killed at a failpoint)").unwrap();
}
