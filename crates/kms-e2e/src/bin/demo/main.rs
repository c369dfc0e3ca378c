//! `cargo xtask demo`: the life of imported key material on a throw-away server, step by step.
//!
//! After each step stands the key's state and how many secret keys a search of the token by `pkcs11-tool` finds. The exit
//! status is 0 only if every answer, every refusal, every state and every count was as it must be.

mod answer;
mod table;
mod walk;

use std::process::ExitCode;
use std::time::Instant;

use kms_e2e::Server;

use crate::table::Table;
use crate::walk::Walk;

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            table::say(&format!("\nThe demo could not go on: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

/// Whether everything was as it must be.
async fn run() -> anyhow::Result<bool> {
    let started = Instant::now();
    table::say("Strongroom: the life of imported key material\n");
    table::say("Each call is made by the official AWS SDK for Rust, on a server that goes when this ends.");
    table::say("After each, pkcs11-tool counts the secret keys in the token (the server's own root key left out).\n");
    let server = Server::start()?;
    let mut walk = Walk::new(&server, Table::new()).await?;
    walk.all().await?;
    Ok(walk.end(started.elapsed()))
}
