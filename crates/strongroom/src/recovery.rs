//! The recovery file: a new root key, encrypted to its owner's offline key before it is used. Source: cryptography.md 4.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use anyhow::{Context, bail};
use kms_core::kdf;
use kms_core::secret::SecretKey;
use rsa::pkcs8::DecodePublicKey;
use rsa::traits::PublicKeyParts;
use rsa::{Oaep, PublicKey};
use uuid::Uuid;

use crate::config::Config;

const MAGIC: &str = "strongroom-recovery 1";

/// How a new root key is kept for the case that the token is lost.
pub(crate) enum Recovery {
    /// Not at all: `dev`, and `serve` with `no_recovery`.
    None,
    /// Encrypted to this key, in this file.
    To(Box<PublicKey>, std::path::PathBuf),
    /// Nothing was configured: a new deployment is refused, an old one opens.
    Refused,
}

impl Recovery {
    /// What the configuration says.
    pub(crate) fn of(config: &Config) -> anyhow::Result<Self> {
        match (&config.recovery_public_key_file, &config.recovery_file) {
            (Some(key), Some(file)) => Ok(Self::To(Box::new(read_key(key)?), file.clone())),
            (None, None) if config.no_recovery => Ok(Self::None),
            (None, None) => Ok(Self::Refused),
            _ => bail!("recovery_public_key_file and recovery_file go together"),
        }
    }

    /// Takes a new root key into custody.
    ///
    /// # Errors
    /// Nothing was configured, or the file cannot be written; the deployment is then not made.
    pub(crate) fn keep(&self, deployment: &Uuid, root: &SecretKey) -> Result<(), String> {
        match self {
            Self::None => Ok(()),
            Self::Refused => Err("set recovery_public_key_file and recovery_file, or no_recovery = true".to_owned()),
            Self::To(key, file) => {
                let encrypted = key
                    .encrypt(
                        &mut rsa::rand_core::UnwrapErr(getrandom::SysRng),
                        Oaep::<rsa::sha2::Sha256>::new(),
                        root.expose(),
                    )
                    .map_err(|error| error.to_string())?;
                write(file, deployment, &encrypted).map_err(|error| format!("{}: {error}", file.display()))
            }
        }
    }
}

/// The deployment whose root key a recovery file holds.
///
/// # Errors
/// It cannot be read, or is no recovery file.
pub(crate) fn deployment_of(path: &Path) -> anyhow::Result<Uuid> {
    let text = std::fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))?;
    let mut lines = text.lines();
    let named = lines.next().filter(|first| *first == MAGIC).and_then(|_| lines.next()?.strip_prefix("deployment "));
    named.and_then(|id| Uuid::try_parse(id).ok()).with_context(|| format!("{} is no recovery file", path.display()))
}

fn read_key(path: &Path) -> anyhow::Result<PublicKey> {
    let pem = std::fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))?;
    let key = PublicKey::from_public_key_pem(&pem)
        .with_context(|| format!("{} is no RSA public key in PEM (SubjectPublicKeyInfo)", path.display()))?;
    if key.size() < 384 {
        bail!("{} has fewer than 3072 bits", path.display());
    }
    Ok(key)
}

/// A whole file or none, and never over that of another deployment, which may be the only way to older salts. A file of
/// this deployment is from a first start that was cut off: its key was never used, as a used one is never handed over again.
fn write(path: &Path, deployment: &Uuid, encrypted: &[u8]) -> std::io::Result<()> {
    let mut draft = path.as_os_str().to_owned();
    draft.push(".new");
    let draft = Path::new(&draft);
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(draft)?;
    let hex = kms_core::ids::hex(encrypted);
    let checksum = kms_core::ids::hex(&kdf::sha256(&[encrypted]));
    write!(
        file,
        "{MAGIC}\n{}\nepoch 1\nalgorithm RSAES_OAEP_SHA_256\nroot {hex}\nsha256 {checksum}\n",
        deployment_line(deployment)
    )?;
    file.sync_all()?;
    match std::fs::hard_link(draft, path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists && names_deployment(path, deployment)? => {
            std::fs::rename(draft, path)?;
        }
        linked => {
            let _draft_is_of_no_use = std::fs::remove_file(draft);
            linked?;
        }
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::File::open(folder)?.sync_all()
}

fn names_deployment(path: &Path, deployment: &Uuid) -> std::io::Result<bool> {
    let text = std::fs::read_to_string(path)?;
    let mut lines = text.lines();
    Ok(lines.next() == Some(MAGIC) && lines.next() == Some(&deployment_line(deployment)))
}

fn deployment_line(deployment: &Uuid) -> String {
    format!("deployment {deployment}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_this_deployment_is_replaced_and_one_of_another_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("recovery.txt");
        let [ours, theirs] = [Uuid::new_v4(), Uuid::new_v4()];
        write(&path, &ours, &[1; 4]).unwrap();
        write(&path, &ours, &[2; 4]).unwrap();
        let kept = std::fs::read_to_string(&path).unwrap();
        assert!(kept.contains("\nroot 02020202\n"), "{kept}");
        assert_eq!(write(&path, &theirs, &[3; 4]).unwrap_err().kind(), ErrorKind::AlreadyExists);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), kept);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "no draft is left");
    }
}
