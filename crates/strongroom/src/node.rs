//! One node, from its parts to a running server: the wiring, as a list.

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::Duration;

use anyhow::Context;
use kms_api::sigv4::SigningKeys;
use kms_api::{Api, ApiConfig, Principal};
use kms_audit::AuditLog;
use kms_core::Clock;
use kms_hsm::{Token, TokenConfig};
use kms_material::{Deployment, Keeper, Keepers};
use kms_metadata::{Metadata, MetadataConfig};
use kms_service::{Background, Health, KeyCache, Service, ServiceConfig};
use metrics_exporter_prometheus::PrometheusBuilder;
use rustix::net;
use uuid::Uuid;

use crate::recovery::Recovery;

/// Threads for management operations; each holds a Postgres connection while it works.
const WORKERS: usize = 8;
/// Connections for workers and background tasks.
const POOL_SIZE: u32 = 16;
/// Sessions for the lanes (six at most), the loaders, the workers and the background tasks.
pub(crate) const SESSIONS: u32 = 24;
const HTTP_WORKERS: usize = 1;
/// Connections that may wait to be accepted.
const BACKLOG: i32 = 1_024;

/// What a node is made from.
pub(crate) struct NodeConfig {
    /// Bound by [`bind`].
    pub(crate) listener: TcpListener,
    pub(crate) data_dir: PathBuf,
    pub(crate) database_url: String,
    /// The tokens in the order in which a new key is offered to them.
    pub(crate) tokens: Vec<TokenConfig>,
    pub(crate) audit: kms_audit::Durability,
    /// At what size the next audit file is begun, in bytes.
    pub(crate) audit_file_size: u64,
    pub(crate) lease: Duration,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) credentials: Arc<dyn SigningKeys<Caller = Principal>>,
    pub(crate) recovery: Recovery,
}

/// Takes an address without listening yet: who listens there already shows at once (of two that start together the slower one
/// ends when it is ready), and until the node is ready its clients are refused instead of being let in to wait.
pub(crate) fn bind(address: SocketAddr) -> anyhow::Result<TcpListener> {
    let bound = || {
        let socket = net::socket_with(
            if address.is_ipv4() { net::AddressFamily::INET } else { net::AddressFamily::INET6 },
            net::SocketType::STREAM,
            net::SocketFlags::CLOEXEC,
            None,
        )?;
        net::sockopt::set_socket_reuseaddr(&socket, true)?;
        net::bind(&socket, &address)?;
        rustix::io::Result::Ok(TcpListener::from(socket))
    };
    bound().with_context(|| format!("{address} cannot be listened on"))
}

/// Migrates, opens token and deployment, reconciles, serves, and drains when told to stop. `ready` is called once.
pub(crate) fn run(config: NodeConfig, stopped: Receiver<()>, ready: impl FnOnce()) -> anyhow::Result<()> {
    let recorder = PrometheusBuilder::new().build_recorder();
    let metrics = recorder.handle();
    let _already_set = metrics::set_global_recorder(recorder);
    kms_service::describe_metrics(env!("CARGO_PKG_VERSION"));
    kms_metadata::migrate(&config.database_url).context("the database could not be migrated")?;
    let node_id = node_id(&config.data_dir)?;
    let cache = KeyCache::new();
    let metadata = Metadata::connect(
        MetadataConfig {
            url: config.database_url,
            pool_size: POOL_SIZE,
            node_id,
            node_name: node_id.to_string(),
            lease: config.lease,
        },
        Arc::clone(&config.clock),
        Arc::clone(&cache) as Arc<dyn kms_metadata::Invalidate>,
    )
    .context("the database does not answer")?;
    cache.bind(&metadata);
    let tokens = open_tokens(config.tokens)?;
    let named: Vec<_> = tokens.iter().map(|(label, token)| (label.as_str(), token)).collect();
    let deployment = Deployment::open(&metadata, &named, &mut |id, root| config.recovery.keep(id, root))?;
    let keep = |(label, token): (String, Token)| {
        let clock = Arc::clone(&config.clock);
        Keeper::new(metadata.clone(), Arc::new(token), clock, &deployment, label, node_id.to_string())
    };
    let keepers = Keepers::new(tokens.into_iter().map(keep).collect()).context("no token is configured")?;
    let audit = AuditLog::open(&config.data_dir.join("audit"), &node_id.to_string(), config.audit)
        .context("the audit log cannot be opened")?
        .with_file_size(config.audit_file_size);
    let audit = Arc::new(audit);
    let service =
        Service::start(ServiceConfig { keepers, cache, audit: Arc::clone(&audit), deployment, workers: WORKERS })?;
    let health = Arc::new(Health::default());
    let background = Background::start(&service, &health).context("rows and token could not be reconciled")?;
    let api = Api::new(service, config.credentials, config.clock, health, move || metrics.render());
    let served = serve(ApiConfig { listener: config.listener, workers: HTTP_WORKERS }, api, stopped, ready);
    background.stop();
    if let Err(error) = audit.trim() {
        tracing::warn!(%error, "space made ahead stays with the audit file");
    }
    metadata.stop();
    served
}

/// Opens each token, with its label.
fn open_tokens(configs: Vec<TokenConfig>) -> anyhow::Result<Vec<(String, Token)>> {
    let open = |config: TokenConfig| {
        let label = config.token_label.clone();
        let token = Token::open(config).with_context(|| format!("the token {label} cannot be opened"))?;
        Ok((label, token))
    };
    configs.into_iter().map(open).collect()
}

/// Runs the HTTP server on this thread until a stop is heard.
fn serve(config: ApiConfig, api: Api, stopped: Receiver<()>, ready: impl FnOnce()) -> anyhow::Result<()> {
    let address = config.listener.local_addr()?;
    net::listen(&config.listener, BACKLOG).with_context(|| format!("{address} cannot be listened on"))?;
    let runtime = kms_api::runtime();
    runtime.block_on(kms_api::serve(config, api, |handle| {
        let stopper = std::thread::Builder::new().name("stopper".to_owned()).spawn(move || {
            let _stopped = stopped.recv();
            // Sends the stop; the runtime drives it.
            drop(handle.stop(true));
        });
        if stopper.is_ok() {
            ready();
        }
    }))?;
    Ok(())
}

/// The id of this node, made once: a restarted node takes over its own lease.
fn node_id(data_dir: &Path) -> anyhow::Result<Uuid> {
    let path = data_dir.join("node.id");
    match std::fs::read_to_string(&path) {
        Ok(text) => Uuid::try_parse(text.trim()).with_context(|| format!("{} holds no node id", path.display())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let id = Uuid::new_v4();
            let draft = data_dir.join("node.id.new");
            std::fs::write(&draft, format!("{id}\n")).and_then(|()| std::fs::rename(&draft, &path))?;
            Ok(id)
        }
        Err(error) => Err(error).with_context(|| format!("{} cannot be read", path.display())),
    }
}

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;
    use std::net::TcpStream;

    use super::*;

    #[test]
    fn a_bound_address_refuses_clients_until_it_is_listened_on_and_then_nobody_else_can_take_it() {
        let listener = bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = listener.local_addr().unwrap();
        assert_eq!(TcpStream::connect(address).unwrap_err().kind(), ErrorKind::ConnectionRefused);
        net::listen(&listener, BACKLOG).unwrap();
        TcpStream::connect(address).unwrap();
        assert!(bind(address).unwrap_err().to_string().contains("cannot be listened on"));
    }
}
