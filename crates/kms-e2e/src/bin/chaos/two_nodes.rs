//! Two nodes, of which one is stopped at each failpoint and goes on later, or is killed there.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use kms_e2e::import;

use crate::clients::Keys;
use crate::pair::Pair;
use crate::plan::{FAILPOINTS, Lead};
use crate::random::Random;
use crate::report::say;
use crate::world::World;
use crate::{Options, calm};

/// How long a node may take to pass a failpoint.
const PASSAGE: Duration = Duration::from_secs(15);
/// How long a node stands still: within the lease of 5 s and past it, within the deadline of 9 s and past it.
const STOPS: [u64; 4] = [1_500, 4_000, 6_500, 11_000];
/// What the server may still be doing for a client that was told to give up.
const ABANDONED_JOBS: Duration = Duration::from_secs(15);

struct Run {
    pair: Pair,
    world: Arc<World>,
    keys: Arc<Keys>,
    random: Random,
}

/// Stops and kills as planned; whether nothing was wrong.
pub(crate) async fn run(options: &Options, folder: &Path) -> anyhow::Result<bool> {
    let random = Random::new(options.seed);
    std::fs::create_dir_all(folder)?;
    let pair = crate::blocking(|| Pair::start(folder))?;
    let world = Arc::clone(&pair.world);
    let keys = Keys::create(&world).await?;
    let clients = keys.start_clients(&world, &random);
    let mut run = Run { pair, world, keys, random: random.fork(1) };
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
    let ended = run.end(clients).await;
    let clean = run.pair.report.print(&run.world, options.seed);
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
        let is_there = self.pair.stop_at(victim, point, PASSAGE).await?;
        self.pair.report.disturbed(point, is_there);
        self.world.avoid(victim);
        let begun = Instant::now();
        while is_there && begun.elapsed() < stop {
            tokio::time::sleep(Duration::from_millis(50)).await;
            self.pair.revive(1 - victim)?;
        }
        let what = match (is_there, shall_die) {
            (true, false) => {
                self.pair.go_on(victim)?;
                self.world.use_again(victim);
                format!("node {} stood still for {stop:?}", victim + 1)
            }
            (_, true) => {
                self.pair.report.disturbed("(of these, killed there)", is_there);
                self.pair.kill_and_start(victim)?;
                format!("node {} stood still for {stop:?} and was killed", victim + 1)
            }
            (false, false) => {
                self.world.use_again(victim);
                "was not passed".to_owned()
            }
        };
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        for node in 0..2 {
            self.pair.revive(node)?;
        }
        self.rest().await?;
        Ok(what)
    }

    /// Lets all clients rest and looks at everything.
    async fn rest(&mut self) -> anyhow::Result<()> {
        let world = Arc::clone(&self.world);
        let _rest = world.gate.write().await;
        calm::deleted_is_gone(&world, &self.pair.place(), &self.keys)?;
        if self.keys.have_lost(&world) {
            tokio::time::sleep(ABANDONED_JOBS).await;
            self.keys.settle(&world);
        }
        world.is_disturbed.store(false, Ordering::SeqCst);
        if world.has_violations() {
            return Ok(());
        }
        calm::objects_settle(&world, &self.pair.place(), &mut self.pair.report).await?;
        self.audit_holds()
    }

    fn audit_holds(&self) -> anyhow::Result<()> {
        let folders = self.pair.audits();
        calm::audit_holds(&self.world, &folders.iter().map(std::path::PathBuf::as_path).collect::<Vec<_>>())
    }

    /// A key whose deletion is due: `serve` has no clock that could be moved, so the date is moved instead.
    async fn doom_a_key(&self) -> anyhow::Result<()> {
        let client = &self.world.nodes[0].client;
        let made = client.create_key().origin(aws_sdk_kms::types::OriginType::External).send().await?;
        let id = made.key_metadata.map(|key| key.key_id).unwrap_or_default();
        import(client, &id, &kms_e2e::material(9)).await?;
        client.schedule_key_deletion().key_id(&id).pending_window_in_days(7).send().await?;
        self.pair
            .execute(&format!("UPDATE keys SET deletion_date = now() - interval '1 hour' WHERE key_id = '{id}'"))?;
        Ok(())
    }

    /// The last looks, on both nodes.
    async fn end(&mut self, mut clients: tokio::task::JoinSet<()>) -> anyhow::Result<()> {
        let world = Arc::clone(&self.world);
        let rest = world.gate.write().await;
        clients.shutdown().await;
        if world.has_violations() {
            return Ok(());
        }
        calm::every_key_answers(&world, &self.keys, self.random.fork(2)).await;
        drop(rest);
        self.rest().await?;
        self.pair.stop()?;
        self.audit_holds()
    }
}
