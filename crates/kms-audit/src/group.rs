//! A group of batches that one fdatasync makes durable.

use std::io;
use std::sync::{Arc, OnceLock};

use crate::error::AuditError;

/// The callers that wait for the same fdatasync share one of these.
#[derive(Debug, Default, Clone)]
pub(crate) struct Group(Arc<OnceLock<Result<(), Arc<io::Error>>>>);

impl Group {
    /// What the fdatasync answered; none if it has not yet.
    pub(crate) fn outcome(&self) -> Option<Result<(), AuditError>> {
        self.0.get().map(|outcome| outcome.clone().map_err(AuditError::Sync))
    }

    /// Tells all that wait. A group gets its outcome from one leader, once.
    pub(crate) fn settle(&self, outcome: Result<(), Arc<io::Error>>) {
        let first = self.0.set(outcome);
        debug_assert!(first.is_ok(), "a group is settled once");
    }
}
