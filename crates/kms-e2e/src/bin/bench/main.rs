//! What an operation costs: the table of `docs/performance.md`. It starts servers of its own on 127.0.0.1 and a token of
//! its own, loads them by turns, and sets the measured figures beside the bars. It asserts nothing: the exit status tells
//! only whether the measurement itself worked.

mod audit_costs;
mod connection;
mod costs;
mod dev_mode;
mod latency;
mod load;
mod machine;
mod pairs;
mod process;
mod raw_token;
mod servers;
mod signer;
mod table;

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;

use crate::servers::Servers;
use crate::table::Table;

/// Measures the server beside the bare token call of the same run.
#[derive(Debug, Parser)]
pub(crate) struct Options {
    /// Rounds; each figure is the median over them.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=100))]
    rounds: u32,
    /// Seconds of load per figure and round.
    #[arg(long, default_value_t = 1.0, value_parser = seconds)]
    seconds: f64,
    /// Keep-alive connections of the load.
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..=256))]
    connections: u32,
    /// Keys of the large server; the small one has 10.
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(10..=100_000))]
    keys: u32,
    /// Load only what has this in its name, on the small server, and print no other figure: for a profiler.
    #[arg(long)]
    only: Option<String>,
    /// With --only: load this build of strongroom too, by turns. May be given more than once.
    #[arg(long, requires = "only")]
    beside: Vec<std::path::PathBuf>,
    /// Be the process that calls the token; started by the benchmark itself.
    #[arg(long, hide = true)]
    raw_token: Option<std::path::PathBuf>,
}

impl Options {
    fn slice(&self) -> Duration {
        Duration::from_secs_f64(self.seconds)
    }
}

fn main() -> ExitCode {
    let options = Options::parse();
    let outcome = match &options.raw_token {
        Some(folder) => raw_token::serve(folder, options.keys),
        None => measure(&options),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            process::say(&format!("bench: the measurement failed: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn measure(options: &Options) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        if let Some(name) = &options.only {
            return costs::load_one(options, name).await;
        }
        let mut table = Table::default();
        let servers = Servers::start(options.keys).await?;
        latency::idle_memory(&servers, &mut table)?;
        costs::measure(options, &servers, &mut table).await?;
        audit_costs::measure(options, &mut table)?;
        latency::one_connection(options, &servers, &mut table).await?;
        latency::beside_key_creation(options, &servers, &mut table).await?;
        latency::import_and_delete(&servers, &mut table).await?;
        latency::idle_processor(&servers, &mut table).await?;
        drop(servers);
        dev_mode::measure(options, &mut table).await?;
        table.print(&machine::describe());
        Ok(())
    })
}

fn seconds(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(seconds) if (0.05..=600.0).contains(&seconds) => Ok(seconds),
        _ => Err("a number of seconds from 0.05 to 600".to_owned()),
    }
}
