//! A bound on how many requests do something dear at once.

use std::sync::atomic::{AtomicUsize, Ordering};

use kms_core::KmsError;

/// So many may pass at once. Who finds no place is throttled at once instead of waiting with a worker in hand.
#[derive(Debug)]
pub(crate) struct Gate {
    free: AtomicUsize,
}

/// A place behind the gate; free again when dropped.
pub(crate) struct Place<'a>(&'a Gate);

impl Gate {
    pub(crate) const fn of(places: usize) -> Self {
        Self { free: AtomicUsize::new(places) }
    }

    /// Takes a place.
    ///
    /// # Errors
    /// `ThrottlingException` if there is none.
    pub(crate) fn enter(&self) -> Result<Place<'_>, KmsError> {
        let took = self.free.fetch_update(Ordering::AcqRel, Ordering::Acquire, |free| free.checked_sub(1));
        took.map(|_| Place(self)).map_err(|_| KmsError::Throttling)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.free.fetch_add(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_finds_no_place_is_throttled_until_one_is_free() {
        let gate = Gate::of(2);
        let first = gate.enter().unwrap();
        let _second = gate.enter().unwrap();
        assert_eq!(gate.enter().err().unwrap().exception(), "ThrottlingException");
        drop(first);
        assert!(gate.enter().is_ok());
    }
}
