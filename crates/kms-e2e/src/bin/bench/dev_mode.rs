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
    let bar = Bar { most: 2.0, unit: "s" };
    for (name, keys) in [("few keys", FEW_KEYS), ("many keys", options.keys)] {
        let mut node = Node::dev(keys).await?;
        node.settle().await?;
        if keys == FEW_KEYS {
            let postgres = process::proportional_with_children(node.postgres()?)?;
            table.note("memory of the private Postgres of dev (proportional)", postgres, "MiB");
        }
        let starts: anyhow::Result<Vec<f64>> = (0..STARTS).map(|_| Ok(node.start_again()?.as_secs_f64())).collect();
        table.figure(&format!("dev ready on a folder made before, {name}"), median(&starts?), bar);
    }
    Ok(())
}
