//! Batches that one write makes durable.

use std::sync::{Arc, OnceLock};

use crate::error::AuditError;

/// The callers that wait for the same write share one of these.
#[derive(Debug, Default, Clone)]
pub(crate) struct Group(Arc<OnceLock<Result<(), AuditError>>>);

impl Group {
    /// What became of the write; none if it is not over.
    pub(crate) fn outcome(&self) -> Option<Result<(), AuditError>> {
        self.0.get().cloned()
    }

    /// Tells all that wait. A group gets its outcome from one leader, once.
    pub(crate) fn settle(&self, outcome: Result<(), AuditError>) {
        let first = self.0.set(outcome);
        debug_assert!(first.is_ok(), "a group is settled once");
    }
}

/// Bodies that wait for the next write, one after the other in one buffer.
#[derive(Debug, Default)]
pub(crate) struct Bodies {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Bodies {
    /// Adds a batch.
    pub(crate) fn push(&mut self, batch: &[Vec<u8>]) {
        for body in batch {
            self.bytes.extend_from_slice(body);
            self.ends.push(self.bytes.len());
        }
    }

    /// The bodies in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &[u8]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, end)| &self.bytes[start..*end])
    }

    /// Bytes of all bodies.
    pub(crate) fn len(&self) -> u64 {
        self.bytes.len() as u64
    }

    /// Empties it and keeps its memory.
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
    }
}
