//! Keys whose material expires while nobody else uses them: what leads a node to the failpoint of expiry.

use std::time::{Duration, Instant};

use anyhow::Context;
use aws_sdk_kms::Client;
use aws_sdk_kms::primitives::DateTime;
use aws_sdk_kms::types::{KeyState, OriginType};
use kms_e2e::{import_until, material};

use crate::clock::Millis;
use crate::world::World;

/// Keys made at a time, that expire one after the other: either node may be the one that destroys the material.
const KEYS: Millis = 5;
/// From the import to the first expiry, and from one to the next, in milliseconds.
const STEP: Millis = 1_500;
/// Attempts to make one while a node may be slow; each gives the import twice the time of the one before.
const ATTEMPTS: u32 = 6;
/// How long after its `ValidTo` a node may still say that the material is there.
const PATIENCE: Duration = Duration::from_secs(15);

/// The keys that were made.
#[derive(Default)]
pub(crate) struct Expiring(Vec<String>);

impl Expiring {
    /// Makes keys with imported material that expires soon.
    ///
    /// # Errors
    /// The node makes none, several times.
    pub(crate) async fn add(&mut self, world: &World, client: &Client) -> anyhow::Result<()> {
        for number in 1..=KEYS {
            let mut made = Err(anyhow::anyhow!("there was no attempt"));
            for attempt in 0..ATTEMPTS {
                made = make(world, client, (STEP * number) << attempt).await;
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
        let begun = Instant::now();
        for id in &self.0 {
            for node in world.up() {
                while !is_pending_import(&world.nodes[node].client, id).await {
                    if begun.elapsed() > PATIENCE {
                        world.violated(format!("key {id} is usable on node {}, its material expired", node + 1));
                        return;
                    }
                    tokio::time::sleep(Duration::from_millis(250)).await;
                }
            }
        }
    }
}

async fn make(world: &World, client: &Client, lasts: Millis) -> anyhow::Result<String> {
    let made = client.create_key().origin(OriginType::External).send().await?;
    let id = made.key_metadata.context("no metadata")?.key_id;
    let valid_to = DateTime::from_millis(world.clock.latest() + lasts);
    import_until(client, &id, &material(8), Some(valid_to)).await?;
    Ok(id)
}

async fn is_pending_import(client: &Client, id: &str) -> bool {
    let described = client.describe_key().key_id(id).send().await;
    described.is_ok_and(|described| {
        described.key_metadata.is_some_and(|metadata| metadata.key_state == Some(KeyState::PendingImport))
    })
}
