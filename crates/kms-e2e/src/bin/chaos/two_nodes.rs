//! Two nodes, of which one is stopped at each failpoint and goes on later, or is killed there.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use kms_e2e::import;

use crate::Options;
use crate::clients::Keys;
use crate::cluster::Cluster;
use crate::plan::{FAILPOINTS, Lead};
use crate::random::Random;
use crate::report::say;
use crate::world::World;

/// How long a node may take to pass a failpoint.
const PASSAGE: Duration = Duration::from_secs(15);
/// How long a node stands still: within the lease of 5 s and past it, within the deadline of 9 s and past it.
const STOPS: [u64; 4] = [1_500, 4_000, 6_500, 11_000];

struct Run {
    cluster: Cluster,
    world: Arc<World>,
    keys: Arc<Keys>,
    random: Random,
}

/// Stops and kills as planned; whether nothing was wrong.
pub(crate) async fn run(options: &Options, folder: &Path) -> anyhow::Result<bool> {
    let random = Random::new(options.seed);
    let mut cluster = crate::blocking(|| Cluster::new(folder, 2))?;
    cluster.start_nodes()?;
    let world = Arc::clone(&cluster.world);
    let keys = Keys::create(&world).await?;
    let clients = keys.start_clients(&world, &random);
    let mut run = Run { cluster, world, keys, random: random.fork(1) };
    let begun = Instant::now();
    let end = options.seconds.map(|seconds| begun + Duration::from_secs(seconds));
    let mut points = Vec::new();
    for number in 0..options.kills_or(FAILPOINTS.len()) {
        if run.world.has_violations() || end.is_some_and(|end| Instant::now() > end) {
            break;
        }
        if points.is_empty() {
            points = FAILPOINTS.to_vec();
            run.random.shuffle(&mut points);
        }
        let Some((point, lead)) = points.pop() else { break };
        let what = run.disturb(point, lead).await?;
        say(&format!("{:>3}: {point}: {what} ({:.0} s)", number + 1, begun.elapsed().as_secs_f64()));
    }
    let ended = run.cluster.end(&run.keys, clients, run.random.fork(2)).await;
    let clean = run.cluster.report.print(&run.world, options.seed);
    ended.map(|()| clean)
}

impl Run {
    /// Stops one node at a point, lets the other one serve alone, and lets the first go on or kills it.
    async fn disturb(&mut self, point: &'static str, lead: Lead) -> anyhow::Result<String> {
        let victim = usize::from(self.random.chance(50));
        let stop = Duration::from_millis(*self.random.pick(&STOPS).unwrap_or(&STOPS[0]));
        let shall_die = self.random.chance(35);
        self.world.is_disturbed.store(true, Ordering::SeqCst);
        if lead == Lead::Clock {
            self.doom_a_key().await?;
        }
        let is_there = self.cluster.stop_at(victim, point, PASSAGE).await?;
        self.cluster.report.disturbed(point, is_there);
        self.world.avoid(victim);
        let begun = Instant::now();
        while is_there && begun.elapsed() < stop {
            tokio::time::sleep(Duration::from_millis(50)).await;
            self.cluster.revive(1 - victim)?;
        }
        let what = match (is_there, shall_die) {
            (true, false) => {
                self.cluster.go_on(victim)?;
                self.world.use_again(victim);
                format!("node {} stood still for {stop:?}", victim + 1)
            }
            (_, true) => {
                self.cluster.report.disturbed("(of these, killed there)", is_there);
                self.cluster.kill_and_start(victim)?;
                format!("node {} stood still for {stop:?} and was killed", victim + 1)
            }
            (false, false) => {
                self.world.use_again(victim);
                "was not passed".to_owned()
            }
        };
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        for node in 0..2 {
            self.cluster.revive(node)?;
        }
        self.cluster.rest(&self.keys).await?;
        Ok(what)
    }

    /// A key whose deletion is due: `serve` has no clock that could be moved, so the date is moved instead.
    async fn doom_a_key(&self) -> anyhow::Result<()> {
        let client = &self.world.nodes[0].client;
        let made = client.create_key().origin(aws_sdk_kms::types::OriginType::External).send().await?;
        let id = made.key_metadata.map(|key| key.key_id).unwrap_or_default();
        import(client, &id, &kms_e2e::material(9)).await?;
        client.schedule_key_deletion().key_id(&id).pending_window_in_days(7).send().await?;
        self.cluster
            .execute(&format!("UPDATE keys SET deletion_date = now() - interval '1 hour' WHERE key_id = '{id}'"))?;
        Ok(())
    }
}
