//! The load: a number of connections, each with one request under way, for a bounded time.

use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use crate::connection::Connection;
use crate::process;

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
        let before = process::cpu_time(pid)?;
        let until = Instant::now() + time;
        let drivers = open.into_iter().enumerate().map(|(number, connection)| {
            let load = self.clone();
            tokio::spawn(async move { load.drive(connection, number, until).await })
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

    async fn drive(&self, mut connection: Connection, number: usize, until: Instant) -> anyhow::Result<Vec<u32>> {
        let mut latencies = Vec::new();
        // Connections begin at different bodies, so that they do not ask for the same key at the same time.
        let mut next = number * self.bodies.len() / 16;
        loop {
            let begin = Instant::now();
            if begin >= until {
                return Ok(latencies);
            }
            let answer = match (self.operation, self.bodies.get(next % self.bodies.len().max(1))) {
                (Some(operation), Some(body)) => connection.call(operation, body, self.is_bad).await?,
                _ => connection.send(b"GET /health/live HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n").await?,
            };
            if answer.status != self.status {
                let body = String::from_utf8_lossy(answer.body).into_owned();
                bail!("{:?} was answered {} {body}", self.operation, answer.status);
            }
            latencies.push(u32::try_from(begin.elapsed().as_micros()).context("a request took over an hour")?);
            next += 1;
        }
    }
}

impl Outcome {
    /// The median latency in microseconds.
    pub(crate) fn p50(&self) -> f64 {
        f64::from(self.latencies[self.latencies.len() / 2])
    }
}

/// The middle one.
pub(crate) fn median(figures: &[f64]) -> f64 {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}
