//! The tokens of `dev` under its folder: SoftHSM's, and Kryoptic's under `pq/` in a folder that was once given its module.

use std::ffi::OsString;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use anyhow::Context;
use kms_core::secret::SecretBytes;
use kms_hsm::TokenConfig;
use kms_local::{KryopticToken, LocalError, SoftHsmToken};

/// The label of the token of `dev`.
const LABEL: &str = "strongroom-dev";
/// That of the second one, which has what SoftHSM lacks: ML-DSA, ML-KEM.
const PQ_LABEL: &str = "strongroom-dev-pq";
/// The folder of the second token, below that of `dev`.
const PQ_FOLDER: &str = "pq";
/// The module of the second token, as a symbolic link in its folder: given once, found again by every later command.
const PQ_MODULE: &str = "module.so";

/// The tokens, made if they never were.
pub(crate) struct DevTokens {
    softhsm: Result<SoftHsmToken, LocalError>,
    kryoptic: Option<Result<KryopticToken, LocalError>>,
}

impl DevTokens {
    /// Those under the folder; with a `pq_module` there are two from now on.
    ///
    /// # Errors
    /// The module cannot be noted down.
    pub(crate) fn create_or_open(data_dir: &Path, pq_module: Option<&Path>) -> anyhow::Result<Self> {
        let folder = data_dir.join(PQ_FOLDER);
        let link = folder.join(PQ_MODULE);
        if let Some(module) = pq_module {
            note_module(module, &link)?;
        }
        let is_known = link.symlink_metadata().is_ok();
        Ok(Self {
            softhsm: SoftHsmToken::create_or_open(data_dir, LABEL),
            kryoptic: is_known.then(|| KryopticToken::create_or_open(&folder, PQ_LABEL, &link)),
        })
    }

    /// What the environment of the process must say before the first token is opened: each library finds its token by a
    /// variable, which it reads once.
    pub(crate) fn environment(&self) -> Vec<(&'static str, OsString)> {
        let softhsm = self.softhsm.iter().map(|token| ("SOFTHSM2_CONF", token.config_file()));
        let kryoptic = self.kryoptic.iter().flatten().map(|token| ("KRYOPTIC_CONF", token.config_file()));
        softhsm.chain(kryoptic).map(|(name, file)| (name, file.into_os_string())).collect()
    }

    /// How to open each, SoftHSM's first, with so many sessions.
    pub(crate) fn configs(self, sessions: u32) -> Vec<anyhow::Result<TokenConfig>> {
        let softhsm = self.softhsm.map_err(Into::into).map(|token| TokenConfig {
            module: token.module().to_owned(),
            token_label: LABEL.to_owned(),
            pin: SecretBytes::new(token.pin().as_bytes().to_vec()),
            softhsm_folder: Some(token.token_folder()),
            sessions,
        });
        let kryoptic = self.kryoptic.map(|token| {
            token.map_err(Into::into).map(|token| TokenConfig {
                module: token.module().to_owned(),
                token_label: PQ_LABEL.to_owned(),
                pin: SecretBytes::new(token.pin().as_bytes().to_vec()),
                softhsm_folder: None,
                sessions,
            })
        });
        std::iter::once(softhsm).chain(kryoptic).collect()
    }
}

/// Points the link at the module, by one rename.
fn note_module(module: &Path, link: &Path) -> anyhow::Result<()> {
    let module = module.canonicalize().with_context(|| {
        format!("{} is not there; `cargo xtask kryoptic` builds the module and prints its path", module.display())
    })?;
    if std::fs::read_link(link).is_ok_and(|noted| noted == module) {
        return Ok(());
    }
    let draft: PathBuf = link.with_extension("new");
    let noted = (|| {
        std::fs::DirBuilder::new().mode(0o700).recursive(true).create(link.parent().unwrap_or(link))?;
        match std::fs::remove_file(&draft) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        std::os::unix::fs::symlink(&module, &draft)?;
        std::fs::rename(&draft, link)
    })();
    noted.with_context(|| format!("{} cannot be written", link.display()))
}
