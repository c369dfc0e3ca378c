//! Keys whose material expires while nobody else uses them: what leads a node to the failpoint of expiry.

use std::time::{Duration, Instant};

use anyhow::Context;
use aws_sdk_kms::Client;
use aws_sdk_kms::primitives::DateTime;
use aws_sdk_kms::types::{KeyState, OriginType};
use kms_e2e::{import_until, material};

use crate::clock::Millis;
use crate::world::World;

/// Keys made at a time, each with another time to expire: either node may be the one that destroys the material.
const KEYS: Millis = 5;
/// From the import of the first to its expiry, and what each further one has more, in milliseconds.
const STEP: Millis = 1_500;
/// Attempts to make one while a node may be slow.
const ATTEMPTS: u32 = 6;
/// How often an attempt gives the import twice the time of the one before: expiry must come while a failpoint waits.
const DOUBLINGS: u32 = 2;
/// How long after its `ValidTo` a node may still say that the material is there.
const PATIENCE: Duration = Duration::from_secs(15);
const LOOK: Duration = Duration::from_millis(250);

/// The keys that were made.
#[derive(Default)]
pub(crate) struct Expiring(Vec<Made>);

struct Made {
    id: String,
    valid_to: Millis,
}

impl Expiring {
    /// Makes keys with imported material that expires soon.
    ///
    /// # Errors
    /// The node makes none, several times.
    pub(crate) async fn add(&mut self, world: &World, client: &Client) -> anyhow::Result<()> {
        for number in 1..=KEYS {
            let mut made = Err(anyhow::anyhow!("there was no attempt"));
            for attempt in 0..ATTEMPTS {
                made = make(world, client, (STEP * number) << attempt.min(DOUBLINGS)).await;
                if made.is_ok() {
                    break;
                }
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
            self.0.push(made.context("no key could be made to expire")?);
        }
        Ok(())
    }

    /// At the end: every node says of each of them that its material is gone.
    pub(crate) async fn have_expired(&self, world: &World) {
        for Made { id, valid_to } in &self.0 {
            while world.clock.earliest() <= *valid_to {
                tokio::time::sleep(LOOK).await;
            }
            let expired = Instant::now();
            for node in world.up() {
                while !is_pending_import(&world.nodes[node].client, id).await {
                    if expired.elapsed() > PATIENCE {
                        world.violated(format!("key {id} is usable on node {}, its material expired", node + 1));
                        return;
                    }
                    tokio::time::sleep(LOOK).await;
                }
            }
        }
    }
}

async fn make(world: &World, client: &Client, lasts: Millis) -> anyhow::Result<Made> {
    let made = client.create_key().origin(OriginType::External).send().await?;
    let id = made.key_metadata.context("no metadata")?.key_id;
    let valid_to = world.clock.latest() + lasts;
    import_until(client, &id, &material(8), Some(DateTime::from_millis(valid_to))).await?;
    Ok(Made { id, valid_to })
}

async fn is_pending_import(client: &Client, id: &str) -> bool {
    let described = client.describe_key().key_id(id).send().await;
    described.is_ok_and(|described| {
        described.key_metadata.is_some_and(|metadata| metadata.key_state == Some(KeyState::PendingImport))
    })
}
