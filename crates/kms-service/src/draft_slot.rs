//! Where the draft of an audit record waits for whoever decides its request.

use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::audit_event::EventDraft;

/// The draft of a request's record, for whoever decides the request: the lane as it answers, or the request itself when
/// it gives up. Who comes first records it, so each request has one record.
pub(crate) struct DraftSlot(Mutex<Draft>);

struct Draft {
    /// Stays here after the lane has recorded it, for the thread that made it: freed where it was allocated, it costs less.
    event: Option<Box<EventDraft>>,
    is_decided: bool,
}

impl DraftSlot {
    pub(crate) fn new(event: Box<EventDraft>) -> Arc<Self> {
        Arc::new(Self(Mutex::new(Draft { event: Some(event), is_decided: false })))
    }

    /// Takes the draft out, unless the request is decided; this decides it.
    pub(crate) fn take(&self) -> Option<Box<EventDraft>> {
        let mut draft = self.undecided()?;
        draft.event.take()
    }

    /// Decides the request by recording its draft, unless it is decided; says whether it did.
    pub(crate) fn decide(&self, record: impl FnOnce(&EventDraft)) -> bool {
        let Some(draft) = self.undecided() else { return false };
        draft.event.as_deref().map(record).is_some()
    }

    /// The draft, which is decided from now on; none if it was.
    fn undecided(&self) -> Option<MutexGuard<'_, Draft>> {
        let mut draft = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let was_decided = mem::replace(&mut draft.is_decided, true);
        (!was_decided).then_some(draft)
    }
}
