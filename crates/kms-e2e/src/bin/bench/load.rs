//! The load: a number of connections, each with one request under way, for a bounded time.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use crate::connection::Connection;
use crate::process;
use crate::signer::Signer;

/// Requests of one kind.
#[derive(Clone, Debug)]
pub(crate) struct Load {
    /// The operation; none asks for `GET /health/live`, unsigned.
    pub(crate) operation: Option<&'static str>,
    /// Sent by turns.
    pub(crate) bodies: Vec<String>,
    /// Spoil the signature.
    pub(crate) is_bad: bool,
    /// The status that each answer must have.
    pub(crate) status: u16,
}

/// What a load came to.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// Answers.
    pub(crate) requests: usize,
    /// Processor time of the server per request, user and system, all threads, in microseconds.
    pub(crate) cpu: f64,
    /// Microseconds from sending a request to having its answer, sorted.
    pub(crate) latencies: Vec<u32>,
}

impl Load {
    /// Signed requests that must succeed.
    pub(crate) fn of(operation: &'static str, bodies: Vec<String>) -> Self {
        Self { operation: Some(operation), bodies, is_bad: false, status: 200 }
    }

    /// Loads the server at `address`, which is the process `pid`.
    pub(crate) async fn run(
        &self,
        address: &str,
        pid: u32,
        connections: u32,
        time: Duration,
    ) -> anyhow::Result<Outcome> {
        let mut open = Vec::new();
        for _ in 0..connections {
            open.push(Connection::open(address).await?);
        }
        let requests = Arc::new(self.requests(address));
        let before = process::cpu_time(pid)?;
        let until = Instant::now() + time;
        let drivers = open.into_iter().enumerate().map(|(number, connection)| {
            // Connections begin at different requests, so that they do not ask for the same key at the same time.
            let next = number * requests.len() / connections as usize;
            tokio::spawn(drive(connection, Arc::clone(&requests), next, self.status, until))
        });
        let mut latencies = Vec::new();
        for driver in drivers.collect::<Vec<_>>() {
            latencies.extend(driver.await??);
        }
        let cpu = process::cpu_time(pid)?.saturating_sub(before);
        let requests = latencies.len();
        if requests == 0 {
            bail!("no request was answered");
        }
        latencies.sort_unstable();
        Ok(Outcome { requests, cpu: cpu.as_secs_f64() * 1e6 / requests as f64, latencies })
    }

    /// The bytes of each request, signed before the load begins: the client takes its time from the same processors.
    fn requests(&self, address: &str) -> Vec<Vec<u8>> {
        let Some(operation) = self.operation else {
            return vec![b"GET /health/live HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n".to_vec()];
        };
        let mut signer = Signer::new(address);
        self.bodies.iter().map(|body| signer.request(operation, body, self.is_bad).into_bytes()).collect()
    }
}

/// Sends the requests by turns from `next` on; gives the microseconds that each took.
async fn drive(
    mut connection: Connection,
    requests: Arc<Vec<Vec<u8>>>,
    mut next: usize,
    status: u16,
    until: Instant,
) -> anyhow::Result<Vec<u32>> {
    let mut latencies = Vec::new();
    loop {
        let begin = Instant::now();
        if begin >= until {
            return Ok(latencies);
        }
        let answer = connection.send(&requests[next % requests.len()]).await?;
        if answer.status != status {
            bail!("a request was answered {} {}", answer.status, String::from_utf8_lossy(answer.body));
        }
        latencies.push(u32::try_from(begin.elapsed().as_micros()).context("a request took over an hour")?);
        next += 1;
    }
}

impl Outcome {
    /// The median latency in microseconds.
    pub(crate) fn p50(&self) -> f64 {
        f64::from(self.latencies[self.latencies.len() / 2])
    }

    /// The latency in microseconds that one request of a hundred exceeds.
    pub(crate) fn p99(&self) -> f64 {
        f64::from(self.latencies[self.latencies.len() * 99 / 100])
    }
}

/// The middle one.
pub(crate) fn median(figures: &[f64]) -> f64 {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}
