//! One server, killed again and again.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use kms_e2e::{Server, ServerOptions, client, fresh_account};

use crate::clients::Keys;
use crate::kind::Turns;
use crate::objects::Place;
use crate::plan::{self, KILLS, KILLS_PER_LOOK, Kill, Lead, PASSAGE};
use crate::random::Random;
use crate::report::{Report, say};
use crate::world::World;
use crate::{Options, blocking, calm};

/// The start has just put everything in order; what is looked at is what clients did since.
const BEFORE_A_LOOK: Duration = Duration::from_millis(1_200);
const LONGEST_START: Duration = Duration::from_secs(60);
/// A day more than a deletion window.
const PAST_A_WINDOW: i64 = 8 * 86_400;

struct Run<'a> {
    world: Arc<World>,
    data_dir: &'a Path,
    failpoints: PathBuf,
    address: String,
    report: Report,
    server: Option<Server>,
}

/// Kills as planned; whether nothing was wrong.
pub(crate) async fn run(options: &Options, data_dir: &Path) -> anyhow::Result<bool> {
    let random = Random::new(options.seed);
    let failpoints = data_dir.with_extension("failpoints");
    std::fs::create_dir_all(&failpoints)?;
    let begun = Instant::now();
    let first = first_start(options, &failpoints);
    let server = blocking(|| Server::start_at(data_dir, "127.0.0.1:0", &first))?;
    let clients = vec![client(server.endpoint(), &fresh_account(), "eu-central-1")];
    let world = Arc::new(World::new(clients, None, Turns::new(options.pq_module.is_some())));
    let address = server.address().to_owned();
    let mut run = Run { world, data_dir, failpoints, address, report: Report::default(), server: Some(server) };
    run.report.started(begun.elapsed());
    run.world.started(0);
    let keys = Keys::create(&run.world).await?;
    let clients = keys.start_clients(&run.world, &random);
    let plan = plan::kills(options.kills_or(KILLS), 1, random.fork(1));
    let end = options.seconds.map(|seconds| Instant::now() + Duration::from_secs(seconds));
    for (number, kill) in plan.iter().enumerate() {
        if run.world.has_violations() || end.is_some_and(|end| Instant::now() > end) {
            break;
        }
        run.kill(*kill).await?;
        say(&format!("kill {:>3}: {} ({:.0} s)", number + 1, kill.name(), begun.elapsed().as_secs_f64()));
        if (number + 1) % KILLS_PER_LOOK == 0 {
            run.look(&keys).await?;
        }
    }
    let clean = run.end(&keys, clients, random.fork(3)).await;
    let clean_print = run.report.print(&run.world, options.seed);
    clean.map(|()| clean_print)
}

/// A folder that was once given the module of a second token keeps it.
fn first_start(options: &Options, failpoints: &Path) -> ServerOptions {
    let module = options.pq_module.as_ref().map(|module| vec!["--pq-module".to_owned(), module.display().to_string()]);
    ServerOptions { arguments: module.unwrap_or_default(), ..with_failpoints(failpoints) }
}

fn with_failpoints(folder: &Path) -> ServerOptions {
    ServerOptions { failpoint_dir: Some(folder.to_owned()), ..ServerOptions::default() }
}

impl Run<'_> {
    /// Kills the server that runs and starts it again.
    async fn kill(&mut self, kill: Kill) -> anyhow::Result<()> {
        match kill {
            Kill::At(name, lead) => self.kill_at(name, lead).await?,
            Kill::Running(after) => {
                tokio::time::sleep(after).await;
                self.end_server()?;
                self.report.disturbed(kill.name(), true);
            }
            Kill::Starting(after) => {
                self.end_server()?;
                let options = with_failpoints(&self.failpoints);
                blocking(|| Server::start_and_kill(self.data_dir, &self.address, &options, after))?;
                self.report.disturbed(kill.name(), true);
            }
        }
        self.start().await
    }

    async fn kill_at(&mut self, name: &'static str, lead: Lead) -> anyhow::Result<()> {
        let file = self.failpoints.join(name);
        std::fs::write(&file, "kill")?;
        if lead == Lead::Clock
            && let Some(server) = &self.server
        {
            // Some key was scheduled for deletion by now, or will be: move the clock past its window, again and again.
            self.world.clock.jump(server, PAST_A_WINDOW)?;
        }
        let deadline = Instant::now() + PASSAGE;
        let mut next_jump = Instant::now() + Duration::from_secs(3);
        while !self.server.as_mut().is_none_or(Server::has_ended) && Instant::now() < deadline {
            tokio::time::sleep(Duration::from_millis(5)).await;
            if lead == Lead::Clock
                && Instant::now() > next_jump
                && let Some(server) = &self.server
            {
                self.world.clock.jump(server, PAST_A_WINDOW)?;
                next_jump += Duration::from_secs(3);
            }
        }
        let is_unused = std::fs::remove_file(&file).is_ok();
        self.report.disturbed(name, !is_unused);
        self.end_server()
    }

    fn end_server(&mut self) -> anyhow::Result<()> {
        self.world.avoid(0);
        blocking(|| self.server.as_mut().map_or(Ok(()), Server::kill))?;
        self.server = None;
        Ok(())
    }

    async fn start(&mut self) -> anyhow::Result<()> {
        let begun = Instant::now();
        let started = blocking(|| Server::start_at(self.data_dir, &self.address, &with_failpoints(&self.failpoints)));
        match started {
            Ok(server) => {
                if begun.elapsed() > LONGEST_START {
                    self.world.violated(format!("a start took {:?}", begun.elapsed()));
                }
                self.report.started(begun.elapsed());
                self.server = Some(server);
                self.world.started(0);
            }
            Err(error) => {
                let text = format!("{error:#}");
                let end = text.char_indices().rev().nth(4_000).map_or(0, |(at, _)| at);
                self.world.violated(format!("a start failed: {}", &text[end..]));
            }
        }
        Ok(())
    }

    /// Lets all clients rest and looks at everything.
    async fn look(&mut self, keys: &Keys) -> anyhow::Result<()> {
        if self.world.has_violations() {
            return Ok(());
        }
        let world = Arc::clone(&self.world);
        tokio::time::sleep(BEFORE_A_LOOK).await;
        let _rest = world.gate.write().await;
        let place = Place::of_data_dir(self.data_dir);
        calm::deleted_is_gone(&world, &place, keys)?;
        calm::objects_settle(&world, &place, &mut self.report).await?;
        if !world.has_violations() {
            calm::audit_holds(&world, &[&self.data_dir.join("audit")])?;
        }
        Ok(())
    }

    /// The last looks: every key, then the end of every window, then rows, token and audit.
    async fn end(&mut self, keys: &Keys, mut clients: tokio::task::JoinSet<()>, random: Random) -> anyhow::Result<()> {
        let world = Arc::clone(&self.world);
        let _rest = world.gate.write().await;
        clients.shutdown().await;
        if world.has_violations() {
            return Ok(());
        }
        calm::every_key_answers(&world, keys, random.clone()).await;
        let server = self.server.as_ref().context("the server is not there")?;
        world.clock.jump(server, PAST_A_WINDOW)?;
        tokio::time::sleep(Duration::from_secs(3)).await;
        calm::every_key_answers(&world, keys, random).await;
        if !world.has_violations() {
            calm::objects_settle(&world, &Place::of_data_dir(self.data_dir), &mut self.report).await?;
            blocking(|| self.server.as_mut().map_or(Ok(()), Server::stop))?;
            calm::audit_holds(&world, &[&self.data_dir.join("audit")])?;
        }
        Ok(())
    }
}
