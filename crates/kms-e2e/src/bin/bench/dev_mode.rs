//! What `strongroom dev` costs beside what a node of `serve` does: its private Postgres, and its start.

use crate::Options;
use crate::load::median;
use crate::process::{self, say};
use crate::servers::{FEW_KEYS, Node};
use crate::table::{Bar, Table};

const STARTS: usize = 3;

/// Memory of the Postgres, and the time from the start to the ready line over a folder made before.
pub(crate) async fn measure(options: &Options, table: &mut Table) -> anyhow::Result<()> {
    say("bench: strongroom dev");
    let few = Node::dev(FEW_KEYS).await?;
    few.settle().await?;
    let postgres = process::proportional_with_children(few.postgres()?)?;
    table.note("memory of the private Postgres of dev (proportional)", postgres, "MiB");
    starts(few, "few keys", table)?;
    let many = Node::dev(options.keys).await?;
    many.settle().await?;
    starts(many, "many keys", table)
}

fn starts(mut node: Node, keys: &str, table: &mut Table) -> anyhow::Result<()> {
    let starts: anyhow::Result<Vec<f64>> = (0..STARTS).map(|_| Ok(node.start_again()?.as_secs_f64())).collect();
    let bar = Bar { most: 2.0, unit: "s" };
    table.figure(&format!("dev ready on a folder made before, {keys}"), median(&starts?), bar);
    Ok(())
}
