//! Faults of the world that a server stands on: Postgres, the token's folder, the audit's disk, the clock. The server is not killed; if
//! it ends by itself, as one does whose token library is blind for good, it is started again as a supervisor would.
//!
//! One node, so that answers have one order: of two, one shows a change from its commit on and the other one from its
//! acknowledgement on, which is all that is promised before the change itself is answered.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use aws_sdk_kms::primitives::Blob;

use crate::Options;
use crate::clients::Keys;
use crate::cluster::Cluster;
use crate::fake_clock::FakeClock;
use crate::fault::{FAULTS, Fault};
use crate::mount::Mount;
use crate::random::Random;
use crate::report::say;

/// How long a fault lasts: within the lease of 5 s and past it, within the deadline of 9 s and past it.
const LASTS: [u64; 4] = [1_000, 3_500, 7_000, 12_000];
/// How long after a fault the service may be away.
const BACK_WITHIN: Duration = Duration::from_secs(60);

/// Faults one after the other, each several times; whether nothing was wrong.
pub(crate) async fn run(options: &Options, folder: &Path) -> anyhow::Result<bool> {
    let mut random = Random::new(options.seed);
    let mut cluster = crate::blocking(|| Cluster::new(folder, 1))?;
    let audit_disk = Mount::disk(&cluster.audits()[0], &folder.join("audit-disk"))?;
    cluster.clock = Some(FakeClock::new(&folder.join("clock"))?);
    cluster.start_nodes()?;
    let world = Arc::clone(&cluster.world);
    world.must_answer.store(true, Ordering::SeqCst);
    let keys = Keys::create(&world).await?;
    let clients = keys.start_clients(&world, &random);
    let begun = Instant::now();
    let end = options.seconds.map(|seconds| begun + Duration::from_secs(seconds));
    let mut plan = Vec::new();
    for number in 0..options.kills_or(2 * FAULTS.len()) {
        if world.has_violations() || end.is_some_and(|end| Instant::now() > end) {
            break;
        }
        if plan.is_empty() {
            plan = FAULTS.to_vec();
            random.shuffle(&mut plan);
        }
        let Some(fault) = plan.pop() else { break };
        let lasts = Duration::from_millis(*random.pick(&LASTS).unwrap_or(&LASTS[0]));
        world.is_disturbed.store(true, Ordering::SeqCst);
        fault.strike(&mut cluster, lasts).await?;
        let back = wait_until_back(&mut cluster, fault).await?;
        cluster.report.disturbed(fault.name(), true);
        say(&format!(
            "{:>3}: {} for {lasts:?}, back after {:.1} s ({:.0} s)",
            number + 1,
            fault.name(),
            back.as_secs_f64(),
            begun.elapsed().as_secs_f64()
        ));
        cluster.rest(&keys).await?;
        cluster.audit_at_rest().await?;
    }
    let ended = cluster.end(&keys, clients, random.fork(2)).await;
    let clean = cluster.report.print(&world, options.seed);
    drop(audit_disk);
    ended.map(|()| clean)
}

/// How long it takes until a new key can be made and used; a server that ended by itself is started.
async fn wait_until_back(cluster: &mut Cluster, fault: Fault) -> anyhow::Result<Duration> {
    let begun = Instant::now();
    let world = Arc::clone(&cluster.world);
    loop {
        let mut works = true;
        for node in 0..world.nodes.len() {
            cluster.revive(node)?;
            let client = &world.nodes[node].client;
            let made = client.create_key().send().await.ok().and_then(|made| made.key_metadata);
            works &= match made {
                Some(key) => client.encrypt().key_id(key.key_id).plaintext(Blob::new("x")).send().await.is_ok(),
                None => false,
            };
        }
        if works || world.has_violations() {
            return Ok(begun.elapsed());
        }
        if begun.elapsed() > BACK_WITHIN {
            world.violated(format!("{BACK_WITHIN:?} after {} the service is not back", fault.name()));
            return Ok(begun.elapsed());
        }
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
}
