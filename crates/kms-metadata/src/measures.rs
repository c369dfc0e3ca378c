//! Figures for the metrics, each by an index.

use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Nullable, Timestamptz};
use kms_core::Timestamp;

use crate::error::MetadataError;
use crate::tx::Tx;

/// What the rows say of the time to come and of work that is left.
#[derive(Clone, PartialEq, Eq, Debug, QueryableByName)]
pub struct Measures {
    /// When the next material that is in the token expires; a moment that has passed if its destruction is late.
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub next_expiry: Option<Timestamp>,
    /// How many materials in the token expire before each of the moments that were asked for.
    #[diesel(sql_type = Array<BigInt>)]
    pub expiring: Vec<i64>,
    /// Audit records that no file is known to hold.
    #[diesel(sql_type = BigInt)]
    pub audit_outbox: i64,
}

impl Tx<'_> {
    /// Measures; `moments` are those that [`Measures::expiring`] counts up to.
    ///
    /// # Errors
    /// Those of any statement.
    pub fn measures(&mut self, moments: &[Timestamp]) -> Result<Measures, MetadataError> {
        let statement = "WITH expiring AS ( \
                SELECT m.valid_to FROM key_materials m JOIN key_objects o \
                    ON o.region = m.region AND o.key_id = m.key_id AND o.material_id = m.material_id AND o.state = 'present' \
                WHERE m.valid_to IS NOT NULL) \
            SELECT (SELECT min(valid_to) FROM expiring) AS next_expiry, \
                ARRAY(SELECT (SELECT count(*) FROM expiring WHERE valid_to <= moment) \
                    FROM unnest($1) WITH ORDINALITY AS moments (moment, position) ORDER BY position) AS expiring, \
                (SELECT count(*) FROM audit_outbox) AS audit_outbox";
        let query = diesel::sql_query(statement).bind::<Array<Timestamptz>, _>(moments);
        self.run(|connection| query.get_result(connection))
    }
}
