//! Nodes of `strongroom serve` on one Postgres and one token folder.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use kms_e2e::{NODE_ACCOUNT, NodeFiles, Server, ServerOptions, client};
use kms_local::{DATABASE, Durability, Lifetime, PostgresAddress, PostgresOptions, PrivatePostgres, SoftHsmToken};
use rustix::process::Signal;

use crate::clients::Keys;
use crate::fake_clock::FakeClock;
use crate::kind::Turns;
use crate::objects::Place;
use crate::random::Random;
use crate::report::Report;
use crate::world::World;
use crate::{blocking, calm};

const REGION: &str = "eu-central-1";
const TOKEN_LABEL: &str = "strongroom-chaos";
/// Small, so that files are begun under kills too; and a start, which reads the newest one, stays short in a debug build.
const AUDIT_FILE_MEGABYTES: u32 = 4;
const LONGEST_START: Duration = Duration::from_secs(60);
/// What a server may still be doing for a client that was told to give up.
const ABANDONED_JOBS: Duration = Duration::from_secs(15);
const POSTGRES: PostgresOptions = PostgresOptions { durability: Durability::Durable, lifetime: Lifetime::WithOwner };

/// The nodes and what they stand on.
pub(crate) struct Cluster {
    pub(crate) world: Arc<World>,
    pub(crate) report: Report,
    /// The clock that nodes go by which are started from now on; none for this machine's.
    pub(crate) clock: Option<FakeClock>,
    nodes: Vec<NodeFiles>,
    servers: Vec<Option<Server>>,
    token: SoftHsmToken,
    folder: PathBuf,
    /// None while it is down.
    postgres: Option<PrivatePostgres>,
    address: PostgresAddress,
}

impl Cluster {
    /// Makes Postgres, token and configurations for so many nodes; none is started.
    ///
    /// # Errors
    /// Something could not be made.
    pub(crate) fn new(folder: &Path, count: usize) -> anyhow::Result<Self> {
        std::fs::create_dir_all(folder)?;
        let token = SoftHsmToken::create_or_open(folder, TOKEN_LABEL)?;
        let postgres = PrivatePostgres::start(folder, POSTGRES)?;
        let settings = format!("audit = 'write'\naudit_file_megabytes = {AUDIT_FILE_MEGABYTES}");
        let mut nodes = Vec::new();
        let mut clients = Vec::new();
        for number in 1..=count {
            let files = NodeFiles::make(folder, &format!("n{number}"), (&postgres, &token), &settings)?;
            clients.push(client(&files.endpoint, NODE_ACCOUNT, REGION));
            nodes.push(files);
        }
        let world = Arc::new(World::new(clients, (count > 1).then(|| postgres.address().clone()), Turns::default()));
        Ok(Self {
            world,
            report: Report::default(),
            clock: None,
            servers: nodes.iter().map(|_| None).collect(),
            nodes,
            token,
            folder: folder.to_owned(),
            address: postgres.address().clone(),
            postgres: Some(postgres),
        })
    }

    /// Starts every node that does not run.
    pub(crate) fn start_nodes(&mut self) -> anyhow::Result<()> {
        (0..self.nodes.len())
            .filter(|node| self.servers[*node].is_none())
            .collect::<Vec<_>>()
            .into_iter()
            .try_for_each(|node| self.start_node(node))
    }

    /// A client that knows nothing of the node yet.
    pub(crate) fn new_client(&self, node: usize) -> aws_sdk_kms::Client {
        client(&self.nodes[node].endpoint, NODE_ACCOUNT, REGION)
    }

    /// The folder of the token.
    pub(crate) fn token_folder(&self) -> PathBuf {
        self.token.token_folder()
    }

    /// The postmaster's process id, while it is up.
    pub(crate) fn postmaster(&self) -> anyhow::Result<u32> {
        Ok(self.postgres.as_ref().context("Postgres is down")?.pid())
    }

    /// Shuts Postgres down, or cleans up after one that died.
    pub(crate) fn stop_postgres(&mut self) -> anyhow::Result<()> {
        Ok(blocking(|| self.postgres.take().map_or(Ok(()), PrivatePostgres::stop))?)
    }

    /// Starts Postgres at the same address.
    pub(crate) fn start_postgres(&mut self) -> anyhow::Result<()> {
        self.postgres = Some(blocking(|| PrivatePostgres::start(&self.folder, POSTGRES))?);
        Ok(())
    }

    /// With all clients stopped: ends what is still going on for clients that gave up, and looks at rows and token.
    ///
    /// # Errors
    /// Postgres or `pkcs11-tool` does not answer.
    pub(crate) async fn rest(&mut self, keys: &Keys) -> anyhow::Result<()> {
        let world = Arc::clone(&self.world);
        let _rest = world.gate.write().await;
        calm::deleted_is_gone(&world, &self.place(), keys)?;
        if keys.have_lost(&world) {
            tokio::time::sleep(ABANDONED_JOBS).await;
            keys.settle(&world);
        }
        world.is_disturbed.store(false, Ordering::SeqCst);
        world.is_clock_off.store(false, Ordering::SeqCst);
        if world.has_violations() {
            return Ok(());
        }
        calm::objects_settle(&world, &self.place(), &mut self.report).await
    }

    /// With all clients stopped: looks at the audit of all nodes, all of it.
    ///
    /// # Errors
    /// A file cannot be read.
    pub(crate) async fn audit_at_rest(&self) -> anyhow::Result<()> {
        let _rest = self.world.gate.write().await;
        self.audit_holds()
    }

    /// The last looks, on all nodes.
    ///
    /// # Errors
    /// Something does not answer or does not end.
    pub(crate) async fn end(
        &mut self,
        keys: &Keys,
        mut clients: tokio::task::JoinSet<()>,
        random: Random,
    ) -> anyhow::Result<()> {
        let world = Arc::clone(&self.world);
        let rest = world.gate.write().await;
        clients.shutdown().await;
        if world.has_violations() {
            return Ok(());
        }
        calm::every_key_answers(&world, keys, random).await;
        drop(rest);
        self.rest(keys).await?;
        self.stop()?;
        self.audit_holds()
    }

    fn audit_holds(&self) -> anyhow::Result<()> {
        let folders = self.audits();
        calm::audit_holds(&self.world, &folders.iter().map(PathBuf::as_path).collect::<Vec<_>>())
    }

    /// Where rows and objects are.
    pub(crate) fn place(&self) -> Place {
        Place { token_envs: vec![self.token.dir().join("token.env")], postgres: self.address.clone() }
    }

    /// The audit folders of all nodes.
    pub(crate) fn audits(&self) -> Vec<PathBuf> {
        self.nodes.iter().map(|node| node.data_dir.join("audit")).collect()
    }

    /// Starts a node that does not run. A failure is a violation.
    pub(crate) fn start_node(&mut self, node: usize) -> anyhow::Result<()> {
        let begun = Instant::now();
        let files = &self.nodes[node];
        let options = self.options(files);
        let started = blocking(|| Server::serve(&files.config, &files.data_dir, &self.token.config_file(), &options));
        match started {
            Ok(server) => {
                self.report.started(begun.elapsed());
                self.servers[node] = Some(server);
                self.world.started(node);
            }
            Err(error) => self.world.violated(format!("node {} does not start: {error:#}", node + 1)),
        }
        if begun.elapsed() > LONGEST_START {
            self.world.violated(format!("the start of node {} took {:?}", node + 1, begun.elapsed()));
        }
        Ok(())
    }

    /// Starts a node again that ended by itself, as one does that finds itself blind or hanging.
    pub(crate) fn revive(&mut self, node: usize) -> anyhow::Result<()> {
        let has_ended = self.servers[node].as_mut().is_none_or(Server::has_ended);
        if has_ended && !self.world.has_violations() {
            self.world.avoid(node);
            let log = self.servers[node].as_ref().map(Server::log).unwrap_or_default();
            let last = log.lines().last().unwrap_or("it said nothing").to_owned();
            self.report.ended(format!("node {}: {last}", node + 1));
            self.start_node(node)?;
        }
        Ok(())
    }

    /// Arms a failpoint of a node; true once the node stands stopped there, false if it did not come in time.
    pub(crate) async fn stop_at(&mut self, node: usize, point: &str, patience: Duration) -> anyhow::Result<bool> {
        let file = self.nodes[node].failpoints.join(point);
        std::fs::write(&file, "stop")?;
        let deadline = Instant::now() + patience;
        while Instant::now() < deadline {
            if self.is_stopped(node)? {
                return Ok(true);
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        // The file is consumed just before the stop.
        let was_consumed = std::fs::remove_file(&file).is_err();
        if was_consumed {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        self.is_stopped(node)
    }

    /// Lets a stopped node go on.
    pub(crate) fn go_on(&mut self, node: usize) -> anyhow::Result<()> {
        self.server(node)?.signal(Signal::CONT)
    }

    /// Lets a node be killed at its next passage of a failpoint, or kills it if it does not come there in time; true if it
    /// came. It is not started again.
    pub(crate) async fn kill_at(&mut self, node: usize, point: &str, patience: Duration) -> anyhow::Result<bool> {
        let file = self.nodes[node].failpoints.join(point);
        std::fs::write(&file, "kill")?;
        let deadline = Instant::now() + patience;
        while !self.servers[node].as_mut().is_none_or(Server::has_ended) && Instant::now() < deadline {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let was_passed = std::fs::remove_file(&file).is_err();
        self.kill(node)?;
        Ok(was_passed)
    }

    /// SIGKILL, also for a node that stands stopped.
    pub(crate) fn kill(&mut self, node: usize) -> anyhow::Result<()> {
        self.world.avoid(node);
        blocking(|| self.servers[node].as_mut().map_or(Ok(()), Server::kill))?;
        self.servers[node] = None;
        Ok(())
    }

    /// Starts a node that does not run, and kills it so long after.
    pub(crate) fn start_and_kill(&self, node: usize, after: Duration) -> anyhow::Result<()> {
        let files = &self.nodes[node];
        let softhsm = self.token.config_file();
        blocking(|| Server::serve_and_kill(&files.config, &files.data_dir, &softhsm, &self.options(files), after))
    }

    /// SIGTERM for all.
    pub(crate) fn stop(&mut self) -> anyhow::Result<()> {
        for server in self.servers.iter_mut().flatten() {
            blocking(|| server.stop())?;
        }
        Ok(())
    }

    /// Runs one statement in the nodes' database.
    pub(crate) fn execute(&self, sql: &str) -> anyhow::Result<Option<String>> {
        Ok(blocking(|| self.address.execute(DATABASE, sql, Duration::from_secs(10)))?)
    }

    /// Lets the import tokens that clients have held for a while run out, so that the token does not fill with their pairs.
    pub(crate) fn expire_pairs(&self) -> anyhow::Result<()> {
        self.execute(
            "UPDATE wrapping_keys SET expires_at = now() \
             WHERE expires_at > now() AND created_at < now() - interval '1 minute'",
        )?;
        Ok(())
    }

    fn options(&self, files: &NodeFiles) -> ServerOptions {
        ServerOptions {
            failpoint_dir: Some(files.failpoints.clone()),
            environment: self.clock.as_ref().map(FakeClock::environment).unwrap_or_default(),
            ..ServerOptions::default()
        }
    }

    fn server(&self, node: usize) -> anyhow::Result<&Server> {
        self.servers[node].as_ref().context("the node is not there")
    }

    /// State `T` of the process. Source: proc(5), `/proc/pid/stat`: the state follows the name in parentheses.
    fn is_stopped(&self, node: usize) -> anyhow::Result<bool> {
        let Some(server) = &self.servers[node] else { bail!("node {} is not there", node + 1) };
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", server.pid())).unwrap_or_default();
        Ok(stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('T')))
    }
}
