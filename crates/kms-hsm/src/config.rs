//! How a token is named and reached, and why it could not be opened.

use std::path::{Path, PathBuf};

use kms_core::HsmError;
use kms_core::secret::SecretBytes;

/// Where the token is and how to log in.
#[derive(Clone, Debug)]
pub struct TokenConfig {
    /// The PKCS#11 library. For SoftHSM the environment of the process names its configuration (`SOFTHSM2_CONF`)
    /// before the first token is opened: the library reads it once.
    pub module: PathBuf,
    /// `CK_TOKEN_INFO.label`, without its padding.
    pub token_label: String,
    /// The PIN of the user.
    pub pin: SecretBytes,
    /// `directories.tokendir` of a SoftHSM token: its `token.object` is guarded, and the lock file and the verified copy
    /// lie beside this folder. None for any other token, which then has a lock within this process only.
    pub softhsm_folder: Option<PathBuf>,
    /// How many sessions are held open; more threads than this wait for each other.
    pub sessions: u32,
}

impl TokenConfig {
    /// The lock file beside a SoftHSM token folder: `<folder>/../<name of the folder>.lock`.
    pub(crate) fn lock_file(folder: &Path) -> PathBuf {
        let mut name = folder.file_name().unwrap_or_default().to_owned();
        name.push(".lock");
        folder.with_file_name(name)
    }
}

/// Why a token could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The library could not be loaded or initialised.
    #[error("the PKCS#11 module cannot be used: {0}")]
    Module(String),
    /// No token of this label is there, or the folder that holds it is missing.
    #[error("the token is missing: {0}")]
    TokenMissing(String),
    /// More than one token has the label.
    #[error("several tokens have the label {0:?}")]
    AmbiguousLabel(String),
    /// The file that holds the token's wrapped master key is torn and there is no verified copy to restore.
    #[error("{0} is torn and no verified copy of it exists; restore it from a backup")]
    TokenTorn(PathBuf),
    /// The same, and a copy is there, but this opening only looks.
    #[error("{0} is torn; the start of a node restores it from its verified copy")]
    NotRestored(PathBuf),
    /// The token refused the PIN.
    #[error("the token refused the PIN")]
    PinRefused,
    /// A file beside the token could not be read or written.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The token computes something else than it should.
    #[error("the token failed its self-test: {0}")]
    SelfTest(&'static str),
    /// A call on the token failed.
    #[error(transparent)]
    Hsm(#[from] HsmError),
}

impl OpenError {
    /// For `map_err`: the failed file beside its cause.
    pub(crate) fn file(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        move |source| Self::File { path: path.to_owned(), source }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lock_file_lies_beside_the_token_folder() {
        assert_eq!(TokenConfig::lock_file(Path::new("/data/tokens")), Path::new("/data/tokens.lock"));
    }

    #[test]
    fn debug_of_the_configuration_hides_the_pin() {
        let config = TokenConfig {
            module: "m.so".into(),
            token_label: "t".to_owned(),
            pin: SecretBytes::new(b"4711-pin".to_vec()),
            softhsm_folder: None,
            sessions: 1,
        };
        assert!(!format!("{config:?}").contains("4711"));
    }
}
