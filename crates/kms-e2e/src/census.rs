//! An independent count of the token's objects, by a PKCS#11 tool that nobody here wrote.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, bail};

/// How many objects of each class a search of the token finds.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Census {
    /// Secret keys: present symmetric materials, and the root key.
    pub secret_keys: usize,
    /// Private keys: wrapping pairs.
    pub private_keys: usize,
    /// Data objects: the sentinel.
    pub data: usize,
}

/// Counts the objects of the token of a data folder with `pkcs11-tool`, in a process of its own.
///
/// # Errors
/// `pkcs11-tool` is not there, or the token does not let it in.
pub fn census(data_dir: &Path) -> anyhow::Result<Census> {
    let listing = list_objects(data_dir)?;
    let count = |class: &str| listing.lines().filter(|line| line.starts_with(class)).count();
    Ok(Census {
        secret_keys: count("Secret Key Object"),
        private_keys: count("Private Key Object"),
        data: count("Data object"),
    })
}

/// Counts the objects that carry the label of this KMS key, whatever other objects come and go meanwhile.
///
/// # Errors
/// `pkcs11-tool` is not there, or the token does not let it in.
pub fn objects_of_key(data_dir: &Path, key_id: &str) -> anyhow::Result<usize> {
    let listing = list_objects(data_dir)?;
    Ok(listing.lines().filter(|line| line.trim_start().starts_with("label:") && line.contains(key_id)).count())
}

fn list_objects(data_dir: &Path) -> anyhow::Result<String> {
    let script = r#". "$1/token.env" && exec pkcs11-tool --module "$PKCS11_MODULE" --token-label "$TOKEN_LABEL" --login --pin "$PIN" --list-objects"#;
    let output =
        Command::new("sh").args(["-c", script, "census"]).arg(data_dir).output().context("sh cannot be run")?;
    if !output.status.success() {
        bail!("pkcs11-tool failed: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
