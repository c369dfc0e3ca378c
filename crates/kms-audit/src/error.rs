//! What can go wrong with the audit file. After any of these from `append`, the result of the operation must not leave.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use crate::chain::Fault;

/// An error of the audit log. None of them holds any part of a record.
#[derive(Debug, Clone, thiserror::Error)]
pub enum AuditError {
    /// The folder or a file in it could not be opened, read or made. The operator's side.
    #[error("the audit file {path} could not be opened, read or made")]
    File {
        /// The folder or file.
        path: PathBuf,
        /// Why.
        source: Arc<io::Error>,
    },
    /// Another process writes the log of this node. The operator's side: two processes share a node name.
    #[error("another process holds the audit log {0}")]
    Locked(PathBuf),
    /// The name of the node cannot be part of a file name: ASCII letters, digits, `.`, `_`, `-`, not led by a dot.
    #[error("the node's name is empty or has characters other than A-Z a-z 0-9 . _ -")]
    NodeName,
    /// The file is damaged elsewhere than at its torn end. Nothing was changed; the operator decides.
    #[error("the audit file {path} is broken at line {line} (counted from 0): {fault}")]
    Broken {
        /// The file.
        path: PathBuf,
        /// The number of the line, from 0; equal to its `seq` in a whole file.
        line: u64,
        /// What is wrong with it.
        fault: Fault,
    },
    /// A record was not the rest of one line of JSON, or longer than 16 MiB. A fault of the caller; nothing was written.
    #[error("a record of the batch is not one line of JSON, or is too long")]
    Unfit,
    /// The batch could not be written, so none of it counts. Later appends try again.
    #[error("the audit records could not be written")]
    Write(#[source] Arc<io::Error>),
    /// The disk took only a part of the batch, so none of it counts. Later appends try again.
    #[error("only {written} of {length} bytes of audit records could be written")]
    ShortWrite {
        /// Bytes that were taken (and cut again).
        written: usize,
        /// Bytes of the batch.
        length: usize,
    },
    /// It is not known what of the records is on the disk. The file is given up; the next append begins another.
    #[error("the audit records could not be made durable")]
    NotDurable(#[source] Arc<AuditError>),
    /// The file was moved away or deleted while it was written. The next one has been begun, so appends go on.
    #[error("the audit file {0} was moved away or deleted; the next one has been begun")]
    Moved(PathBuf),
}

impl AuditError {
    /// An error at a file or folder, with its cause.
    pub(crate) fn file(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        |source| Self::File { path, source: Arc::new(source) }
    }
}
