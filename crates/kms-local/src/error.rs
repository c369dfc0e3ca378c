//! What can go wrong with local services. Each text is one sentence for the person at the terminal.

use std::path::PathBuf;

/// Why a local Postgres, token or folder is not available.
#[derive(Debug, thiserror::Error)]
pub enum LocalError {
    /// A program is not installed. The user installs the package, or runs `cargo xtask setup`.
    #[error("{program} was not found: {advice}")]
    ProgramMissing {
        /// Name of the program or library.
        program: &'static str,
        /// Which package brings it, or where it was looked for.
        advice: String,
    },
    /// Another process owns the folder.
    #[error("{} is in use by {}", .folder.display(), holder_text(*.holder))]
    FolderInUse {
        /// The folder that was asked for.
        folder: PathBuf,
        /// Process id of its owner, where it could be read.
        holder: Option<u32>,
    },
    /// A token was made here before and is not there now: making another one would hide the loss of every key.
    #[error("the token under {} is missing; restore it ({reason})", .folder.display())]
    TokenMissing {
        /// Where the token should be.
        folder: PathBuf,
        /// What was found instead.
        reason: String,
    },
    /// A file or folder could not be read or made.
    #[error("{}: {source}", .path.display())]
    File {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A program was started and failed.
    #[error("{program} failed: {detail}")]
    Program {
        /// Name of the program.
        program: &'static str,
        /// Its last words.
        detail: String,
    },
    /// Postgres refused a statement or did not answer in time.
    #[error("Postgres: {0}")]
    Postgres(String),
    /// The folder, account or machine cannot be used as it is.
    #[error("{0}")]
    Unusable(String),
}

impl LocalError {
    /// A closure for `map_err` that remembers which file the error is about.
    pub(crate) fn file(path: &std::path::Path) -> impl FnOnce(std::io::Error) -> Self + use<> {
        let path = path.to_path_buf();
        move |source| Self::File { path, source }
    }
}

fn holder_text(holder: Option<u32>) -> String {
    holder.map_or_else(|| "another process".to_owned(), |pid| format!("process {pid}"))
}
