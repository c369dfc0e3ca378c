//! The servers under load: a small one, one with many keys, and one that syncs its audit to the disk.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use kms_e2e::{NodeFiles, Server, ServerOptions};
use kms_local::{Durability, EphemeralFolder, Lifetime, PostgresOptions, PrivatePostgres, SoftHsmToken};

use crate::connection::Connection;
use crate::load::Load;
use crate::process;
use crate::raw_token::LABEL;

/// Keys of the servers that are not the large one.
pub(crate) const FEW_KEYS: u32 = 10;
/// A fresh server makes its pool of wrapping keys first, some of them with 4096 bits.
const SETTLING_PATIENCE: Duration = Duration::from_secs(180);
const SETTLING_LOOK: Duration = Duration::from_millis(4_500);
/// 32 bytes.
const PLAINTEXT: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

/// All that the load goes to: nodes of `strongroom serve`, as in production.
pub(crate) struct Servers {
    /// 10 keys, in memory, audit `write`.
    pub(crate) small: Node,
    /// Many keys, else as the small one.
    pub(crate) large: Node,
    /// 10 keys on the disk beside this program, audit `durable`.
    pub(crate) durable: Node,
}

/// A server, its keys, and what it stands on, dropped in this order.
pub(crate) struct Node {
    pub(crate) server: Server,
    keys: Vec<String>,
    data_dir: PathBuf,
    /// `dev` has one of its own.
    _postgres: Option<PrivatePostgres>,
    _folder: Folder,
}

enum Folder {
    Memory(EphemeralFolder),
    Disk(tempfile::TempDir),
}

impl Servers {
    pub(crate) async fn start(keys: u32) -> anyhow::Result<Self> {
        process::say("bench: starting three servers and making their keys");
        let small = Node::in_memory(FEW_KEYS).await?;
        let large = Node::in_memory(keys).await?;
        let durable = Node::on_disk(FEW_KEYS).await?;
        for node in [&small, &large, &durable] {
            node.settle().await?;
        }
        Ok(Self { small, large, durable })
    }
}

impl Folder {
    fn memory() -> anyhow::Result<Self> {
        Ok(Self::Memory(EphemeralFolder::new("strongroom-bench-")?))
    }

    /// Beside this program.
    fn disk() -> anyhow::Result<Self> {
        let program = std::env::current_exe()?;
        let parent = program.parent().context("this program lies in no folder")?;
        Ok(Self::Disk(tempfile::Builder::new().prefix("bench-").tempdir_in(parent)?))
    }

    fn path(&self) -> &Path {
        match self {
            Self::Memory(folder) => folder.path(),
            Self::Disk(folder) => folder.path(),
        }
    }
}

impl Node {
    pub(crate) async fn in_memory(keys: u32) -> anyhow::Result<Self> {
        Self::serve(Folder::memory()?, "write", None, keys).await
    }

    /// As in memory, of another build.
    pub(crate) async fn of_program(program: &Path, keys: u32) -> anyhow::Result<Self> {
        Self::serve(Folder::memory()?, "write", Some(program), keys).await
    }

    async fn on_disk(keys: u32) -> anyhow::Result<Self> {
        Self::serve(Folder::disk()?, "durable", None, keys).await
    }

    async fn serve(folder: Folder, audit: &str, program: Option<&Path>, keys: u32) -> anyhow::Result<Self> {
        let token = SoftHsmToken::create_or_open(folder.path(), LABEL)?;
        let options = PostgresOptions { durability: Durability::Volatile, lifetime: Lifetime::WithOwner };
        let postgres = PrivatePostgres::start(folder.path(), options)?;
        let settings = format!("audit = '{audit}'");
        let files = NodeFiles::make(folder.path(), "node", (&postgres, &token), &settings)?;
        let options = ServerOptions { program: program.map(Path::to_owned), ..ServerOptions::default() };
        let server = Server::serve(&files.config, &files.data_dir, &token.config_file(), &options)?;
        let keys = create_keys(&server, keys).await?;
        Ok(Self { server, keys, data_dir: files.data_dir, _postgres: Some(postgres), _folder: folder })
    }

    /// A `strongroom dev` in memory.
    pub(crate) async fn dev(keys: u32) -> anyhow::Result<Self> {
        let folder = Folder::memory()?;
        let data_dir = folder.path().join("data");
        let server = Server::start_in(&data_dir, &ServerOptions::default())?;
        let keys = create_keys(&server, keys).await?;
        Ok(Self { server, keys, data_dir, _postgres: None, _folder: folder })
    }

    /// Stops a `dev` and starts it over the same folder; gives the time from start to the ready line.
    pub(crate) fn start_again(&mut self) -> anyhow::Result<Duration> {
        self.server.stop()?;
        let begin = Instant::now();
        self.server = Server::start_in(&self.data_dir, &ServerOptions::default())?;
        Ok(begin.elapsed())
    }

    /// Waits until the server has nothing left to do by itself.
    pub(crate) async fn settle(&self) -> anyhow::Result<()> {
        let begin = Instant::now();
        while begin.elapsed() < SETTLING_PATIENCE {
            let before = process::cpu_time(self.server.pid())?;
            tokio::time::sleep(SETTLING_LOOK).await;
            let busy = process::cpu_time(self.server.pid())?.saturating_sub(before);
            if busy < SETTLING_LOOK / 20 {
                return Ok(());
            }
        }
        bail!("the server does not come to rest")
    }

    /// The private Postgres of a `dev`: its first process.
    pub(crate) fn postgres(&self) -> anyhow::Result<u32> {
        let file = postmaster_file(&self.data_dir).context("the private Postgres has no postmaster.pid")?;
        let text = std::fs::read_to_string(file)?;
        text.lines().next().and_then(|line| line.trim().parse().ok()).context("postmaster.pid names no process")
    }

    pub(crate) fn encrypt(&self) -> Load {
        let body = |key: &String| {
            format!(r#"{{"KeyId":"{key}","Plaintext":"{PLAINTEXT}","EncryptionContext":{{"app":"bench"}}}}"#)
        };
        Load::of("Encrypt", self.keys.iter().map(body).collect())
    }

    pub(crate) fn generate_data_key(&self) -> Load {
        let body =
            |key: &String| format!(r#"{{"KeyId":"{key}","KeySpec":"AES_256","EncryptionContext":{{"app":"bench"}}}}"#);
        Load::of("GenerateDataKey", self.keys.iter().map(body).collect())
    }

    /// One ciphertext of each key.
    pub(crate) async fn decrypt(&self) -> anyhow::Result<Load> {
        let mut connection = Connection::open(self.server.address()).await?;
        let mut bodies = Vec::new();
        for body in self.encrypt().bodies {
            let answer = connection.json("Encrypt", &body).await?;
            let blob = answer["CiphertextBlob"].as_str().context("no ciphertext")?;
            bodies.push(format!(r#"{{"CiphertextBlob":"{blob}","EncryptionContext":{{"app":"bench"}}}}"#));
        }
        Ok(Load::of("Decrypt", bodies))
    }
}

async fn create_keys(server: &Server, count: u32) -> anyhow::Result<Vec<String>> {
    let mut connection = Connection::open(server.address()).await?;
    let mut made = Vec::new();
    for _ in 0..count {
        let answer = connection.json("CreateKey", "{}").await?;
        made.push(answer["KeyMetadata"]["KeyId"].as_str().context("a key without an id")?.to_owned());
    }
    Ok(made)
}

fn postmaster_file(data_dir: &Path) -> Option<PathBuf> {
    let folders = std::fs::read_dir(data_dir).ok()?.flatten();
    folders.map(|entry| entry.path().join("postmaster.pid")).find(|path| path.is_file())
}
