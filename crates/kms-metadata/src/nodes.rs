//! The row of each running node: until when others must wait for it.
//!
//! All times in it are the database's. A step of that clock forwards could end a row's lease before the node's own, so the
//! database host must slew its clock, as NTP daemons do.

use std::time::Duration;

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Double, Text, Uuid as SqlUuid};
use uuid::Uuid;

use crate::error::{MetadataError, from_diesel};

/// What is added to a lease when it is waited for: clocks run at slightly different speeds.
const CLOCK_SLACK: Duration = Duration::from_millis(50);

/// Who this process is to the others.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    /// Its configured id. Two live processes never share one.
    pub(crate) node_id: Uuid,
    /// Fresh for each start.
    pub(crate) boot_id: Uuid,
    /// Its configured name.
    pub(crate) name: String,
    /// How long a proof counts, the same on all nodes.
    pub(crate) lease: Duration,
}

/// Another node whose lease may hold.
#[derive(Clone, Copy, PartialEq, Eq, Debug, QueryableByName)]
pub(crate) struct Peer {
    #[diesel(sql_type = SqlUuid)]
    pub(crate) boot_id: Uuid,
    #[diesel(sql_type = BigInt)]
    remaining_ms: i64,
}

impl Peer {
    /// How long from now its lease can hold at most.
    pub(crate) fn remaining(&self) -> Duration {
        Duration::from_millis(u64::try_from(self.remaining_ms).unwrap_or(0)) + CLOCK_SLACK
    }
}

/// Takes the node's row over, whoever had it: this is a start. Rows of nodes long gone are cleared away.
pub(crate) fn take_over(connection: &mut PgConnection, node: &Node) -> Result<(), MetadataError> {
    diesel::sql_query("DELETE FROM nodes WHERE lease_until < now() - interval '1 day'")
        .execute(connection)
        .map_err(from_diesel)?;
    register(connection, node, "true").map(drop)
}

/// Renews the row after a lost connection; false when another process has taken it over meanwhile.
pub(crate) fn come_back(connection: &mut PgConnection, node: &Node) -> Result<bool, MetadataError> {
    register(connection, node, "nodes.boot_id = excluded.boot_id")
}

/// Renews the row and, in the same transaction, notifies `channel` of `payload`. False when the row is not ours any more,
/// and then nobody is notified: without the echo the lease ends by itself.
pub(crate) fn renew_and_notify(
    connection: &mut PgConnection,
    node: &Node,
    channel: &str,
    payload: &str,
) -> Result<bool, MetadataError> {
    let statement = "WITH renewed AS ( \
            UPDATE nodes SET lease_until = now() + make_interval(secs => $3) \
            WHERE node_id = $1 AND boot_id = $2 RETURNING 1) \
        SELECT pg_notify($4, $5) FROM renewed";
    let renewed = diesel::sql_query(statement)
        .bind::<SqlUuid, _>(node.node_id)
        .bind::<SqlUuid, _>(node.boot_id)
        .bind::<Double, _>(node.lease.as_secs_f64())
        .bind::<Text, _>(channel)
        .bind::<Text, _>(payload)
        .execute(connection)
        .map_err(from_diesel)?;
    Ok(renewed == 1)
}

/// Gives the lease up: nobody waits for this node from now on.
pub(crate) fn give_up(connection: &mut PgConnection, node: &Node) -> Result<(), MetadataError> {
    diesel::sql_query("UPDATE nodes SET lease_until = '-infinity' WHERE node_id = $1 AND boot_id = $2")
        .bind::<SqlUuid, _>(node.node_id)
        .bind::<SqlUuid, _>(node.boot_id)
        .execute(connection)
        .map_err(from_diesel)?;
    Ok(())
}

/// The other nodes whose leases may hold. Ask after the COMMIT of what they must learn.
pub(crate) fn live_peers(connection: &mut PgConnection, node: &Node) -> Result<Vec<Peer>, MetadataError> {
    let statement = "SELECT boot_id, greatest(0, ceil(extract(epoch FROM lease_until - now()) * 1000))::bigint \
            AS remaining_ms \
        FROM nodes WHERE node_id <> $1 AND lease_until > now() - make_interval(secs => $2)";
    diesel::sql_query(statement)
        .bind::<SqlUuid, _>(node.node_id)
        .bind::<Double, _>(CLOCK_SLACK.as_secs_f64())
        .load(connection)
        .map_err(from_diesel)
}

fn register(connection: &mut PgConnection, node: &Node, condition: &str) -> Result<bool, MetadataError> {
    let statement = format!(
        "INSERT INTO nodes (node_id, boot_id, lease_until, name, knows_several_tokens) \
         VALUES ($1, $2, now() + make_interval(secs => $3), $4, true) \
         ON CONFLICT (node_id) DO UPDATE \
         SET boot_id = excluded.boot_id, lease_until = excluded.lease_until, name = excluded.name, \
             knows_several_tokens = true \
         WHERE {condition}"
    );
    let registered = diesel::sql_query(statement)
        .bind::<SqlUuid, _>(node.node_id)
        .bind::<SqlUuid, _>(node.boot_id)
        .bind::<Double, _>(node.lease.as_secs_f64())
        .bind::<Text, _>(&node.name)
        .execute(connection)
        .map_err(from_diesel)?;
    Ok(registered == 1)
}
