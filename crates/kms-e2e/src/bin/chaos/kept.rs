//! What clients keep of the answers about a key, to see later that they still hold.

use std::sync::Mutex;

use crate::random::Random;
use crate::world::lock;

/// Things that are kept of one key.
const MOST: usize = 24;

/// A list that its owner adds to and picks from.
pub(crate) struct Kept<T>(Mutex<Vec<T>>);

impl<T> Default for Kept<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T: Clone> Kept<T> {
    /// The oldest are worth most; a full list gives up a younger one.
    pub(crate) fn keep(&self, thing: T, random: &mut Random) {
        let mut kept = lock(&self.0);
        if kept.len() >= MOST {
            let young = kept.len() / 2 + usize::try_from(random.below(kept.len() as u64 / 2)).unwrap_or_default();
            kept.remove(young);
        }
        kept.push(thing);
    }

    /// One of them.
    pub(crate) fn pick(&self, random: &mut Random) -> Option<T> {
        random.pick(&lock(&self.0)).cloned()
    }

    /// Whether there is none. A list that has one once always has.
    pub(crate) fn is_empty(&self) -> bool {
        lock(&self.0).is_empty()
    }
}
