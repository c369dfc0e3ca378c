//! What a single client waits for, and what a server costs while nobody asks it anything.

use std::time::{Duration, Instant};

use anyhow::Context;
use kms_e2e::NODE_ACCOUNT;

use crate::Options;
use crate::connection::Connection;
use crate::load::median;
use crate::process::{self, say};
use crate::servers::{Node, Servers};
use crate::signer::REGION;
use crate::table::{Bar, Table};

/// Imports whose steps are timed.
const IMPORTS: u8 = 9;
/// The pool is looked at every two seconds, and an import takes one or two of its pairs.
const POOL_REFILL: Duration = Duration::from_millis(4_500);
const IDLE_LOOK: Duration = Duration::from_secs(30);
/// One bare call of the token in milliseconds.
const TOKEN_CALL: f64 = 0.022;

/// Memory of a fresh server.
pub(crate) fn idle_memory(servers: &Servers, table: &mut Table) -> anyhow::Result<()> {
    let bar = Bar { most: 80.0, unit: "MiB" };
    table.figure("memory of an idle server (resident)", process::resident(servers.small.server.pid())?, bar);
    Ok(())
}

/// Encrypt with one connection, and the memory after all the load.
pub(crate) async fn one_connection(options: &Options, servers: &Servers, table: &mut Table) -> anyhow::Result<()> {
    say("bench: one connection");
    let server = &servers.small.server;
    let mut figures = Vec::new();
    for _ in 0..options.rounds {
        let load = servers.small.encrypt();
        figures.push(load.run(server.address(), server.pid(), 1, options.slice()).await?.p50() / 1000.0);
    }
    let bar = Bar { most: 0.3, unit: "ms" };
    table.figure("Encrypt, one connection, p50", median(&figures), bar);
    table.note("memory of the server after the load (resident)", process::resident(server.pid())?, "MiB");
    Ok(())
}

/// The p99 of Encrypt while RSA keys of 4096 bits are created without pause, beside its value without. The bar is twice
/// that value and one call of the token.
pub(crate) async fn beside_key_creation(options: &Options, servers: &Servers, table: &mut Table) -> anyhow::Result<()> {
    say("bench: Encrypt beside the creation of RSA keys");
    let server = &servers.small.server;
    let alone = p99(options, &servers.small).await?;
    let mut connection = Connection::open(server.address()).await?;
    let creation = tokio::spawn(async move {
        loop {
            let body = r#"{"KeySpec":"RSA_4096","KeyUsage":"SIGN_VERIFY"}"#;
            if let Err(error) = connection.json("CreateKey", body).await {
                return error;
            }
        }
    });
    let beside = p99(options, &servers.small).await?;
    if creation.is_finished() {
        return Err(creation.await?.context("no keys were created beside the load"));
    }
    creation.abort();
    let name = format!("Encrypt, {} connections, p99", options.connections);
    table.note(&name, alone, "ms");
    let bar = Bar { most: ((alone * 2.0 + TOKEN_CALL) * 100.0).round() / 100.0, unit: "ms" };
    table.figure(&format!("{name}, beside CreateKey of RSA_4096"), beside, bar);
    Ok(())
}

/// The p99 of Encrypt in milliseconds: the median over the rounds.
async fn p99(options: &Options, node: &Node) -> anyhow::Result<f64> {
    let (server, load) = (&node.server, node.encrypt());
    let mut figures = Vec::new();
    for _ in 0..options.rounds {
        let outcome = load.run(server.address(), server.pid(), options.connections, options.slice()).await?;
        figures.push(outcome.p99() / 1000.0);
    }
    Ok(median(&figures))
}

/// GetParametersForImport with a warm pool, and DeleteImportedKeyMaterial.
pub(crate) async fn import_and_delete(servers: &Servers, table: &mut Table) -> anyhow::Result<()> {
    say("bench: imports and deletions, each after a wait for the pool of wrapping keys");
    let server = &servers.small.server;
    let client = kms_e2e::client(server.endpoint(), NODE_ACCOUNT, REGION);
    let (mut parameters, mut deletions) = (Vec::new(), Vec::new());
    for number in 0..IMPORTS {
        let mut connection = Connection::open(server.address()).await?;
        let answer = connection.json("CreateKey", r#"{"Origin":"EXTERNAL"}"#).await?;
        let key = answer["KeyMetadata"]["KeyId"].as_str().context("a key without an id")?.to_owned();
        tokio::time::sleep(POOL_REFILL).await;
        let body =
            format!(r#"{{"KeyId":"{key}","WrappingAlgorithm":"RSAES_OAEP_SHA_256","WrappingKeySpec":"RSA_2048"}}"#);
        parameters.push(milliseconds(&mut connection, "GetParametersForImport", &body).await?);
        kms_e2e::import(&client, &key, &kms_e2e::material(number)).await?;
        let body = format!(r#"{{"KeyId":"{key}"}}"#);
        deletions.push(milliseconds(&mut connection, "DeleteImportedKeyMaterial", &body).await?);
    }
    let bar = Bar { most: 15.0, unit: "ms" };
    table.figure("GetParametersForImport, pool warm, p50", median(&parameters), bar);
    table.note("DeleteImportedKeyMaterial, p50", median(&deletions), "ms");
    Ok(())
}

/// Processor time of servers that nobody asks anything: watching, reconciling, proving the lease.
pub(crate) async fn idle_processor(servers: &Servers, table: &mut Table) -> anyhow::Result<()> {
    say("bench: idle servers");
    for node in [&servers.small, &servers.large] {
        node.settle().await?;
    }
    let look = |node: &Node| process::cpu_time(node.server.pid());
    let before = [look(&servers.small)?, look(&servers.large)?];
    tokio::time::sleep(IDLE_LOOK).await;
    let after = [look(&servers.small)?, look(&servers.large)?];
    for (index, name) in ["few keys", "many keys"].iter().enumerate() {
        let share = after[index].saturating_sub(before[index]).as_secs_f64() / IDLE_LOOK.as_secs_f64();
        table.note(&format!("one processor, idle server with {name}"), share * 100.0, "%");
    }
    Ok(())
}

async fn milliseconds(connection: &mut Connection, operation: &str, body: &str) -> anyhow::Result<f64> {
    let begin = Instant::now();
    connection.json(operation, body).await?;
    Ok(begin.elapsed().as_secs_f64() * 1e3)
}
