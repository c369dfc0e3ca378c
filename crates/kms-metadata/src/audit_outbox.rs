//! Audit records that are committed with the change they tell of (design.md I4), until a node's file holds them.

use std::time::Duration;

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Double, Text, Uuid as SqlUuid};
use uuid::Uuid;

use crate::error::MetadataError;
use crate::schema::audit_outbox;
use crate::tx::Tx;

/// How long the node that wrote a record has it to itself: longer than any request takes.
const OWN_TIME: Duration = Duration::from_secs(60);

/// How long a node that seems to live has a record to itself: its file cannot be written, or the request hangs.
const LIVE_TIME: Duration = Duration::from_secs(600);

/// A record that no file is known to hold.
#[derive(Clone, PartialEq, Eq, Debug, QueryableByName)]
pub struct OutboxRecord {
    /// Id of the event.
    #[diesel(sql_type = SqlUuid)]
    pub event_id: Uuid,
    /// The name of the node that committed it.
    #[diesel(sql_type = Text)]
    pub node: String,
    /// One JSON document.
    #[diesel(sql_type = Text)]
    pub record: String,
}

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

    /// Locks records that this node must see into its file, oldest first: its own, those of a node that has no lease, a
    /// minute old, and those of any node once they are ten minutes old. What another transaction holds is passed over.
    ///
    /// # Errors
    /// Those of any statement.
    pub fn lock_audit(&mut self, limit: i64) -> Result<Vec<OutboxRecord>, MetadataError> {
        let statement = "SELECT event_id, node, record FROM audit_outbox AS o \
            WHERE o.node = $1 OR o.created_at < now() - make_interval(secs => $3) \
                OR (o.created_at < now() - make_interval(secs => $2) AND NOT EXISTS ( \
                    SELECT 1 FROM nodes WHERE nodes.name = o.node AND nodes.lease_until > now())) \
            ORDER BY o.id LIMIT $4 FOR UPDATE SKIP LOCKED";
        let own = self.node_name;
        self.run(|connection| {
            diesel::sql_query(statement)
                .bind::<Text, _>(own)
                .bind::<Double, _>(OWN_TIME.as_secs_f64())
                .bind::<Double, _>(LIVE_TIME.as_secs_f64())
                .bind::<BigInt, _>(limit)
                .load(connection)
        })
    }

    /// The name of a node that is not this one; none for this node.
    pub fn foreign<'a>(&self, node: &'a str) -> Option<&'a str> {
        (node != self.node_name).then_some(node)
    }

    /// Deletes records that a file holds; ids without a row are passed over.
    ///
    /// # Errors
    /// Those of any statement.
    pub fn delete_audit(&mut self, event_ids: &[Uuid]) -> Result<(), MetadataError> {
        let held = audit_outbox::table.filter(audit_outbox::event_id.eq_any(event_ids));
        self.run(|connection| diesel::delete(held).execute(connection)).map(drop)
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
