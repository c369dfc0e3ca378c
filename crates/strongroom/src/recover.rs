//! `strongroom recover`: a deployment whose token is lost for good goes on with a new one.

use std::path::Path;

use anyhow::{Context, anyhow, bail};
use kms_core::secret::{SecretBytes, SecretKey};
use kms_hsm::{Token, TokenConfig};
use kms_material::Deployment;
use kms_metadata::Metadata;

use crate::cli::{PlaceArguments, RecoverArguments};
use crate::place::Place;
use crate::process::{self, print};

/// Puts the root key into the new token and makes it the token of the deployment.
pub(crate) fn run(arguments: &RecoverArguments) -> anyhow::Result<()> {
    process::start_log();
    process::guard_memory();
    let root = read_root(&arguments.root_key_file)?;
    let place = PlaceArguments { config: Some(arguments.config.clone()), data_dir: None };
    let (place, _borrowed) = Place::of(&place)?;
    let url = place.database?;
    let schema = kms_metadata::schema_state(&url).context("the database does not answer")?;
    if !schema.pending.is_empty() {
        bail!("the database lacks {} migrations of this version: run `strongroom migrate`", schema.pending.len());
    }
    let metadata = Metadata::beside_nodes(&url, "strongroom recover").context("the database does not answer")?;
    let config = lost(place.tokens, arguments.token_label.as_deref())?;
    let label = config.token_label.clone();
    let token = Token::open(config).context("the token cannot be opened")?;
    let deployment = Deployment::recover(&metadata, &token, &label, &root)?;
    print(&format!("the token {label} is now the token of deployment {deployment}; start a node"));
    print("keys whose material was imported: DeleteImportedKeyMaterial, then import the same bytes again");
    print("keys whose material was made in the lost token are lost: `strongroom reconcile` lists them as missing");
    Ok(())
}

/// The token of this label, or else the first.
fn lost(tokens: Vec<anyhow::Result<TokenConfig>>, label: Option<&str>) -> anyhow::Result<TokenConfig> {
    let Some(label) = label else { return tokens.into_iter().next().context("no token is configured")? };
    // What is wrong with another one, such as a PIN that cannot be read, does not matter here.
    let mut others = Vec::new();
    for config in tokens {
        match config {
            Ok(config) if config.token_label == label => return Ok(config),
            other => others.extend(other.err()),
        }
    }
    let none = format!("no configured token has the label {label}");
    Err(others.pop().map_or_else(|| anyhow!(none.clone()), |error| error.context(none.clone())))
}

/// The 32 bytes that the recovery file decrypts to.
fn read_root(path: &Path) -> anyhow::Result<SecretKey> {
    let bytes = std::fs::read(path).with_context(|| format!("{} cannot be read", path.display()))?;
    let bytes = SecretBytes::new(bytes);
    SecretKey::from_slice(bytes.expose()).with_context(|| format!("{} does not hold exactly 32 bytes", path.display()))
}
