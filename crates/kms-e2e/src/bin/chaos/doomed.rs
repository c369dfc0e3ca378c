//! Keys whose deletion is due. `serve` has no clock that could be moved, so the date in the row is.

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use aws_sdk_kms::Client;
use aws_sdk_kms::error::ProvideErrorMetadata;
use aws_sdk_kms::types::OriginType;
use kms_e2e::{import, material};

use crate::key::WINDOW_DAYS;
use crate::world::World;

/// Attempts to make one while a node may be slow.
const ATTEMPTS: usize = 4;
/// The reconciler comes by every 30 seconds, with jitter.
const PATIENCE: Duration = Duration::from_secs(60);

/// Keys that must go, each with an alias that must go with it.
#[derive(Default)]
pub(crate) struct Doomed(Vec<DoomedKey>);

struct DoomedKey {
    id: String,
    alias: String,
}

impl Doomed {
    /// Makes a key with imported material and an alias, whose deletion is due at once.
    ///
    /// # Errors
    /// The node makes none, several times.
    pub(crate) async fn add(&mut self, world: &World, client: &Client) -> anyhow::Result<()> {
        let mut made = Err(anyhow::anyhow!("there was no attempt"));
        for _ in 0..ATTEMPTS {
            made = self.make(client).await;
            if made.is_ok() {
                break;
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        let key = made.context("no key could be made to be deleted")?;
        // Nobody else knows of the key, so nobody holds its row.
        ensure!(world.make_due(&key.id), "the deletion of key {} could not be made due", key.id);
        self.0.push(key);
        Ok(())
    }

    async fn make(&self, client: &Client) -> anyhow::Result<DoomedKey> {
        let made = client.create_key().origin(OriginType::External).send().await?;
        let id = made.key_metadata.context("no metadata")?.key_id;
        let alias = format!("alias/doomed-{id}");
        import(client, &id, &material(9)).await?;
        client.create_alias().alias_name(&alias).target_key_id(&id).send().await?;
        client.schedule_key_deletion().key_id(&id).pending_window_in_days(WINDOW_DAYS).send().await?;
        Ok(DoomedKey { id, alias })
    }

    /// At the end: every node says of each of them, and of its alias, that it does not exist, within a minute.
    pub(crate) async fn are_gone(&self, world: &World) {
        let begun = Instant::now();
        for DoomedKey { id, alias } in &self.0 {
            for node in world.up() {
                let client = &world.nodes[node].client;
                while !is_unknown(client, id).await {
                    if begun.elapsed() > PATIENCE {
                        world.violated(format!("key {id} is still there on node {}, its deletion was due", node + 1));
                        return;
                    }
                    tokio::time::sleep(Duration::from_millis(250)).await;
                }
                if !is_unknown(client, alias).await {
                    world.violated(format!("{alias} leads somewhere on node {}, its key is gone", node + 1));
                }
            }
        }
    }
}

async fn is_unknown(client: &Client, name: &str) -> bool {
    let found = client.describe_key().key_id(name).send().await;
    found.is_err_and(|error| error.code() == Some("NotFoundException"))
}
