//! Audit records that are committed with the change they tell of (design.md I4).

use diesel::prelude::*;
use uuid::Uuid;

use crate::error::MetadataError;
use crate::schema::audit_outbox;
use crate::tx::Tx;

impl Tx<'_> {
    /// Inserts the audit record of the change that this transaction makes. `record` is one JSON document in UTF-8.
    ///
    /// # Errors
    /// [`MetadataError::AlreadyExists`] when the event is recorded already; [`MetadataError::Other`] when the record is
    /// no text.
    pub fn insert_audit(&mut self, event_id: Uuid, request_id: &str, record: &[u8]) -> Result<(), MetadataError> {
        let record =
            std::str::from_utf8(record).map_err(|_| MetadataError::Other("an audit record is no UTF-8".to_owned()))?;
        let row = (
            audit_outbox::event_id.eq(event_id),
            audit_outbox::request_id.eq(request_id),
            audit_outbox::record.eq(record),
            audit_outbox::node.eq(self.node_name),
        );
        self.run(|connection| diesel::insert_into(audit_outbox::table).values(row).execute(connection))?;
        Ok(())
    }

    /// The records of a request, oldest first; for tests and support.
    ///
    /// # Errors
    /// Those of any statement.
    pub fn audit_records(&mut self, request_id: &str) -> Result<Vec<String>, MetadataError> {
        self.run(|connection| {
            audit_outbox::table
                .filter(audit_outbox::request_id.eq(request_id))
                .order(audit_outbox::id)
                .select(audit_outbox::record)
                .load(connection)
        })
    }
}
