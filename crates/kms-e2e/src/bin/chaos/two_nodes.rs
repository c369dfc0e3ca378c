//! Two nodes, both under load. One of them is killed at each failpoint, at random moments and while it starts; or it is
//! stopped at a failpoint and goes on later, or is killed there.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crate::Options;
use crate::clients::Keys;
use crate::cluster::Cluster;
use crate::doomed::Doomed;
use crate::expiring::Expiring;
use crate::plan::{self, FAILPOINTS, KILLS, KILLS_PER_LOOK, Kill, Lead, PASSAGE};
use crate::random::Random;
use crate::report::say;
use crate::world::World;

/// How long a node stands still: within the lease of 5 s and past it, within the deadline of 9 s and past it.
const STOPS: [u64; 4] = [1_500, 4_000, 6_500, 11_000];
/// Clients use a node again for so long before everything is looked at.
const BEFORE_A_LOOK: Duration = Duration::from_millis(1_200);
/// The whole audit is read after so many looks: it grows with the run.
const LOOKS_PER_AUDIT: usize = 5;

struct Run {
    cluster: Cluster,
    world: Arc<World>,
    keys: Arc<Keys>,
    doomed: Doomed,
    expiring: Expiring,
    random: Random,
    looks: usize,
}

/// What happens to a node.
#[derive(Clone, Copy)]
enum Disturbance {
    Kill(Kill),
    Stop(&'static str, Lead),
}

/// Kills and stops as planned; whether nothing was wrong.
pub(crate) async fn run(options: &Options, folder: &Path) -> anyhow::Result<bool> {
    let random = Random::new(options.seed);
    let mut cluster = crate::blocking(|| Cluster::new(folder, 2))?;
    cluster.start_nodes()?;
    let world = Arc::clone(&cluster.world);
    let keys = Keys::create(&world).await?;
    let clients = keys.start_clients(&world, &random);
    let (doomed, expiring) = (Doomed::default(), Expiring::default());
    let mut run = Run { cluster, world, keys, doomed, expiring, random: random.fork(1), looks: 0 };
    let begun = Instant::now();
    let end = options.seconds.map(|seconds| begun + Duration::from_secs(seconds));
    let mut kills = 0;
    for disturbance in plan(options, &random) {
        if run.world.has_violations() || end.is_some_and(|end| Instant::now() > end) {
            break;
        }
        let what = run.disturb(disturbance).await?;
        kills += usize::from(matches!(disturbance, Disturbance::Kill(_)));
        say(&format!("kill {kills:>3}: {what} ({:.0} s)", begun.elapsed().as_secs_f64()));
        if matches!(disturbance, Disturbance::Stop(..)) || kills % KILLS_PER_LOOK == 0 {
            run.look().await?;
        }
    }
    if !run.world.has_violations() {
        run.doomed.are_gone(&run.world).await;
        run.expiring.have_expired(&run.world).await;
    }
    let ended = run.cluster.end(&run.keys, clients, run.random.fork(2)).await;
    say(&format!("all in {:.0} s", begun.elapsed().as_secs_f64()));
    let clean = run.cluster.report.print(&run.world, options.seed);
    ended.map(|()| clean)
}

/// All kills, with the stops spread among them.
fn plan(options: &Options, random: &Random) -> Vec<Disturbance> {
    let kills = options.kills_or(KILLS);
    let stops = options.stops_beside(kills);
    let mut order = random.fork(4);
    let mut points = Vec::new();
    let mut plan = Vec::new();
    let mut stopped = 0;
    let kill_plan = plan::kills(kills, 2, random.fork(3)).into_iter().map(Disturbance::Kill).map(Some);
    for (number, kill) in kill_plan.chain(std::iter::once(None)).enumerate() {
        while stopped < stops && stopped * (kills + 1) < stops * (number + 1) {
            if points.is_empty() {
                points = FAILPOINTS.to_vec();
                order.shuffle(&mut points);
            }
            plan.extend(points.pop().map(|(point, lead)| Disturbance::Stop(point, lead)));
            stopped += 1;
        }
        plan.extend(kill);
    }
    plan
}

impl Run {
    async fn disturb(&mut self, disturbance: Disturbance) -> anyhow::Result<String> {
        let node = usize::from(self.random.chance(50));
        match disturbance {
            Disturbance::Kill(kill) => {
                self.kill(node, kill).await?;
                Ok(format!("{}, node {}", kill.name(), node + 1))
            }
            Disturbance::Stop(point, lead) => {
                let what = self.stop(node, point, lead).await?;
                Ok(format!("{point}, node {} {what}", node + 1))
            }
        }
    }

    /// Kills a node and starts it again, while the other one serves.
    async fn kill(&mut self, node: usize, kill: Kill) -> anyhow::Result<()> {
        let hit = match kill {
            Kill::At(point, lead) => {
                self.lead(lead).await?;
                self.cluster.kill_at(node, point, PASSAGE).await?
            }
            Kill::Running(after) => {
                tokio::time::sleep(after).await;
                self.cluster.kill(node)?;
                true
            }
            Kill::Starting(after) => {
                self.cluster.kill(node)?;
                self.cluster.start_and_kill(node, after)?;
                true
            }
        };
        self.cluster.report.disturbed(kill.name(), hit);
        self.cluster.start_node(node)?;
        self.cluster.revive(1 - node)
    }

    /// Stops a node at a point, lets the other one serve alone, and lets the first go on or kills it.
    async fn stop(&mut self, node: usize, point: &'static str, lead: Lead) -> anyhow::Result<String> {
        let lasts = Duration::from_millis(*self.random.pick(&STOPS).unwrap_or(&STOPS[0]));
        let shall_die = self.random.chance(35);
        self.world.is_disturbed.store(true, Ordering::SeqCst);
        self.lead(lead).await?;
        let is_there = self.cluster.stop_at(node, point, PASSAGE).await?;
        self.cluster.report.disturbed("(stopped at a failpoint)", is_there);
        self.world.avoid(node);
        let begun = Instant::now();
        while is_there && begun.elapsed() < lasts {
            tokio::time::sleep(Duration::from_millis(50)).await;
            self.cluster.revive(1 - node)?;
        }
        let what = if shall_die {
            self.cluster.report.disturbed("(of these, killed there)", is_there);
            self.cluster.kill(node)?;
            self.cluster.start_node(node)?;
            format!("stood still for {lasts:?} and was killed")
        } else if is_there {
            self.cluster.go_on(node)?;
            self.world.use_again(node);
            format!("stood still for {lasts:?}")
        } else {
            self.world.use_again(node);
            "did not pass it".to_owned()
        };
        tokio::time::sleep(BEFORE_A_LOOK).await;
        for node in 0..2 {
            self.cluster.revive(node)?;
        }
        Ok(what)
    }

    /// Sees to it that a node will come by a point.
    async fn lead(&mut self, lead: Lead) -> anyhow::Result<()> {
        let client = &self.world.nodes[0].client;
        match lead {
            Lead::Clock => self.doomed.add(&self.world, client).await,
            Lead::Expiry => self.expiring.add(&self.world, client).await,
            Lead::Clients | Lead::Peer => Ok(()),
        }
    }

    /// Lets all clients rest and looks at everything.
    async fn look(&mut self) -> anyhow::Result<()> {
        tokio::time::sleep(BEFORE_A_LOOK).await;
        self.looks += 1;
        self.cluster.expire_pairs()?;
        self.cluster.rest(&self.keys).await?;
        if self.looks.is_multiple_of(LOOKS_PER_AUDIT) && !self.world.has_violations() {
            self.cluster.audit_at_rest().await?;
        }
        Ok(())
    }
}
