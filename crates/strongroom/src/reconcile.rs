//! `strongroom reconcile`: what rows and token disagree on, and the end of unknown objects when it is asked for.

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, bail};
use kms_core::ObjectId;
use kms_hsm::{Token, TokenConfig};
use kms_material::{Findings, Inspector, UnknownObject};
use kms_metadata::{Metadata, ObjectRow};
use serde_json::{Value, json};

use crate::cli::ReconcileArguments;
use crate::place::Place;
use crate::process::{self, print};

/// The exit status when something is open.
pub(crate) const OPEN: u8 = 3;

/// Lists, destroys if asked, and tells by its exit status whether anything is open: 0 if not, 3 if so.
pub(crate) fn run(arguments: &ReconcileArguments) -> anyhow::Result<ExitCode> {
    process::start_log();
    let (place, _borrowed) = Place::of(&arguments.place)?;
    process::guard_memory();
    let mut is_open = false;
    for inspector in inspectors(place)? {
        is_open |= look(&inspector, arguments)?;
    }
    Ok(if is_open { ExitCode::from(OPEN) } else { ExitCode::SUCCESS })
}

/// Lists what is open in one token, after it was destroyed if asked; true if anything is.
fn look(inspector: &Inspector, arguments: &ReconcileArguments) -> anyhow::Result<bool> {
    let before = inspector.compare().context("rows and token cannot be compared")?;
    let destroyed = if arguments.destroy_unknown { destroy(inspector, &before.unknown)? } else { Vec::new() };
    let after = if destroyed.is_empty() { before } else { inspector.compare()? };
    if arguments.json {
        print(&as_json(inspector, &after, &destroyed).to_string());
    } else {
        print_text(inspector, &after, &destroyed);
    }
    Ok(!after.is_empty())
}

/// Opens database and tokens without making or changing anything.
fn inspectors(place: Place) -> anyhow::Result<Vec<Inspector>> {
    let url = place.database?;
    let schema = kms_metadata::schema_state(&url).context("the database does not answer")?;
    if !schema.pending.is_empty() {
        bail!("the database lacks {} migrations of this version: run `strongroom migrate`", schema.pending.len());
    }
    let metadata = Metadata::beside_nodes(&url, "strongroom reconcile").context("the database does not answer")?;
    let open = |config: anyhow::Result<TokenConfig>| {
        let config = config?;
        let label = config.token_label.clone();
        let token = Token::open_to_look(config).with_context(|| format!("the token {label} cannot be opened"))?;
        Ok(Inspector::open(metadata.clone(), Arc::new(token), &label)?)
    };
    place.tokens.into_iter().map(open).collect()
}

/// Destroys each unknown object that may be; what one object meets holds up no other.
fn destroy(inspector: &Inspector, unknown: &[UnknownObject]) -> anyhow::Result<Vec<ObjectId>> {
    let mut destroyed = Vec::new();
    let mut first_error = None;
    for object in unknown {
        match inspector.destroy_unknown(object) {
            Ok(true) => destroyed.push(object.id),
            Ok(false) => {}
            Err(error) => first_error = first_error.or(Some((object.id, error))),
        }
    }
    match first_error {
        None => Ok(destroyed),
        Some((id, error)) => Err(error).with_context(|| {
            format!("{} unknown objects were destroyed; object {id} could not be, see the next list", destroyed.len())
        }),
    }
}

fn print_text(inspector: &Inspector, findings: &Findings, destroyed: &[ObjectId]) {
    let store = inspector.store();
    print(&format!("deployment {}, token {}", store.deployment_id, store.token));
    for id in destroyed {
        print(&format!("destroyed   {id}"));
    }
    for object in &findings.unknown {
        print(&format!("unknown     {}  {}  {}", object.id, class_of(object), object.label));
    }
    for row in &findings.missing {
        print(&format!("missing     {}  {}", row.id, name_of(row)));
    }
    for row in &findings.destroying {
        print(&format!("destroying  {}  {}", row.id, name_of(row)));
    }
    for id in &findings.returned {
        print(&format!("returned    {id}"));
    }
    for row in &findings.unfinished {
        print(&format!("unfinished  {}  {}", row.id, name_of(row)));
    }
    if findings.nameless > 0 {
        print(&format!("nameless    {} objects without an id", findings.nameless));
    }
    if findings.is_empty() {
        print("rows and token are one");
    } else {
        print("see docs/runbook.md, \"Unknown and missing objects\"");
    }
}

fn as_json(inspector: &Inspector, findings: &Findings, destroyed: &[ObjectId]) -> Value {
    let ids = |ids: &[ObjectId]| ids.iter().map(ToString::to_string).collect::<Vec<_>>();
    let rows = |rows: &[ObjectRow]| {
        let row = |row: &ObjectRow| {
            let key = row.key.as_ref().map(|(address, _)| address.arn());
            json!({"id": row.id.to_string(), "label": row.label, "key": key})
        };
        rows.iter().map(row).collect::<Vec<_>>()
    };
    let unknown =
        |object: &UnknownObject| json!({"id": object.id.to_string(), "label": object.label, "class": class_of(object)});
    json!({
        "deployment": inspector.store().deployment_id.to_string(),
        "token": inspector.store().token,
        "destroyed": ids(destroyed),
        "unknown": findings.unknown.iter().map(unknown).collect::<Vec<_>>(),
        "missing": rows(&findings.missing),
        "destroying": rows(&findings.destroying),
        "returned": ids(&findings.returned),
        "unfinished": rows(&findings.unfinished),
        "nameless": findings.nameless,
        "open": !findings.is_empty(),
    })
}

fn class_of(object: &UnknownObject) -> &'static str {
    if object.is_secret_key { "secret key" } else { "private key" }
}

fn name_of(row: &ObjectRow) -> String {
    row.key.as_ref().map_or_else(|| row.label.clone(), |(address, _)| address.arn())
}
