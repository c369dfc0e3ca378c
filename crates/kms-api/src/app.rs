//! The HTTP server: limits, time-outs, routes.

use std::any::Any;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::{Extensions, ServerHandle};
use actix_web::rt::net::TcpStream;
use actix_web::{App, HttpRequest, HttpServer, web};
use kms_core::{AccountId, Clock};
use kms_service::{Health, Service};

use crate::request_counts::RequestCounts;
use crate::sigv4::{SigningKeys, Verifier};
use crate::{health, request};

/// Largest request body in bytes. Source: protocol.md 8.
pub(crate) const MAX_BODY: usize = 1 << 20;
/// How long a client may take to send its headers.
const HEADER_TIME: Duration = Duration::from_secs(5);
/// How long an idle connection is kept.
const KEEP_ALIVE: Duration = Duration::from_secs(75);
/// How long requests under way may take after SIGTERM, in seconds.
const DRAIN_SECONDS: u64 = 15;

/// Who an access key belongs to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Principal {
    /// The account.
    pub account: AccountId,
    /// The ARN in policies and audit records.
    pub arn: Arc<str>,
}

/// Where and how to serve.
#[derive(Debug)]
pub struct ApiConfig {
    /// The bound socket.
    pub listener: TcpListener,
    /// Worker threads of the HTTP server; one was as good as two on two cores (hot-path.md 6).
    pub workers: usize,
}

/// The other end of a connection, as text for the audit records of all its requests.
pub(crate) struct Peer(Arc<str>);

impl Peer {
    fn at(address: SocketAddr) -> Self {
        Self(address.ip().to_canonical().to_string().into())
    }

    /// Where a request came from: an IPv4 address as such, also where the socket serves both families.
    pub(crate) fn of(request: &HttpRequest) -> Arc<str> {
        let known = request.conn_data::<Self>().map(|peer| Arc::clone(&peer.0));
        known.or_else(|| request.peer_addr().map(|address| Self::at(address).0)).unwrap_or_default()
    }
}

/// What a request needs.
pub struct Api {
    pub(crate) service: Service,
    pub(crate) verifier: Verifier<Arc<dyn SigningKeys<Caller = Principal>>>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) health: Arc<Health>,
    pub(crate) counts: RequestCounts,
    pub(crate) metrics: Box<dyn Fn() -> String + Send + Sync>,
}

impl Api {
    /// An API over this service. `metrics` renders the page of `/metrics`.
    pub fn new(
        service: Service,
        keys: Arc<dyn SigningKeys<Caller = Principal>>,
        clock: Arc<dyn Clock>,
        health: Arc<Health>,
        metrics: impl Fn() -> String + Send + Sync + 'static,
    ) -> Self {
        let (verifier, counts) = (Verifier::new(keys), RequestCounts::new());
        Self { service, verifier, clock, health, counts, metrics: Box::new(metrics) }
    }
}

/// The runtime that [`serve`] wants.
pub fn runtime() -> actix_web::rt::SystemRunner {
    actix_web::rt::System::new()
}

/// Serves until the handle given to `started` stops the server; connections are then drained.
///
/// # Errors
/// The socket cannot be served.
pub async fn serve(config: ApiConfig, api: Api, started: impl FnOnce(ServerHandle)) -> std::io::Result<()> {
    let api = web::Data::new(api);
    let server = HttpServer::new(move || {
        App::new()
            .app_data(api.clone())
            .route("/health/live", web::get().to(health::live))
            .route("/health/ready", web::get().to(health::ready))
            .route("/metrics", web::get().to(health::metrics))
            .default_service(web::to(request::handle))
    })
    .on_connect(remember_peer)
    .workers(config.workers)
    .client_request_timeout(HEADER_TIME)
    .keep_alive(KEEP_ALIVE)
    .shutdown_timeout(DRAIN_SECONDS)
    .disable_signals()
    .listen(config.listener)?
    .run();
    started(server.handle());
    server.await
}

fn remember_peer(connection: &dyn Any, data: &mut Extensions) {
    if let Some(Ok(address)) = connection.downcast_ref::<TcpStream>().map(TcpStream::peer_addr) {
        data.insert(Peer::at(address));
    }
}
