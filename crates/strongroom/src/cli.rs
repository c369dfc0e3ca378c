//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// A self-hosted key service that speaks the AWS KMS API and keeps its keys in a PKCS#11 token.
#[derive(Debug, Parser)]
#[command(version)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run with a private Postgres and a SoftHSM token under one folder: for development and tests.
    Dev(DevArguments),
    /// Run with an existing Postgres and PKCS#11 token.
    Serve {
        /// The configuration file; every setting can also come from `STRONGROOM_` and its name.
        #[arg(long)]
        config: PathBuf,
    },
    /// Bring the database to the schema of this version.
    Migrate {
        /// The configuration file.
        #[arg(long)]
        config: PathBuf,
    },
    /// Look whether everything is there that a node needs. Exit status 0 if so, 3 if something is wrong.
    Doctor(DoctorArguments),
    /// List what database and token disagree on. Exit status 0 if nothing, 3 if something is open.
    Reconcile(ReconcileArguments),
    /// Go on with a new token when the old one is lost for good: imported keys can then be imported again.
    Recover(RecoverArguments),
    /// Check the audit log, or go on after damage to it.
    Audit {
        #[command(subcommand)]
        command: AuditCommand,
    },
    /// List the settings of `serve` with their defaults, as the table of docs/configuration.md.
    Settings,
    /// List the operations of KMS with what this version serves.
    Operations {
        /// As the page docs/operations.md.
        #[arg(long)]
        markdown: bool,
    },
}

/// Which token and database.
#[derive(Clone, Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct PlaceArguments {
    /// The configuration file of a node of `serve`.
    #[arg(long)]
    pub(crate) config: Option<PathBuf>,
    /// The folder of `dev`, whether it runs or not.
    #[arg(long)]
    pub(crate) data_dir: Option<PathBuf>,
}

/// The arguments of `doctor`.
#[derive(Clone, Debug, Args)]
pub(crate) struct DoctorArguments {
    #[command(flatten)]
    pub(crate) place: PlaceArguments,
    /// Print one JSON object.
    #[arg(long)]
    pub(crate) json: bool,
}

/// The arguments of `recover`.
#[derive(Clone, Debug, Args)]
pub(crate) struct RecoverArguments {
    /// The configuration file of a node; its token is the new one, with the label of the lost one. All nodes are stopped.
    #[arg(long)]
    pub(crate) config: PathBuf,
    /// The label of the lost token, if it is not that of the top level.
    #[arg(long)]
    pub(crate) token_label: Option<String>,
    /// A file with the 32 bytes that the recovery file decrypts to; remove it afterwards.
    #[arg(long)]
    pub(crate) root_key_file: PathBuf,
}

/// The arguments of `reconcile`.
#[derive(Clone, Debug, Args)]
pub(crate) struct ReconcileArguments {
    #[command(flatten)]
    pub(crate) place: PlaceArguments,
    /// Destroy the objects that have an id and a label of ours and no row. After a restore of an older database these are
    /// the keys that were made since: there is no way back.
    #[arg(long)]
    pub(crate) destroy_unknown: bool,
    /// Print one JSON object for each token, on a line of its own.
    #[arg(long)]
    pub(crate) json: bool,
}

/// What to do with the audit log.
#[derive(Debug, Subcommand)]
pub(crate) enum AuditCommand {
    /// Check the chain over all files of a folder. Exit status 0: whole; 1: broken; 2: the files cannot be read.
    Verify {
        /// The folder of the files, `DATA_DIR/audit` or a copy of it.
        dir: PathBuf,
    },
    /// Go on in the next file where a start refuses a damaged one that cannot be brought back. The node is stopped.
    BeginNextFile {
        /// The folder of the files, `DATA_DIR/audit`.
        dir: PathBuf,
    },
}

/// The arguments of `dev`.
#[derive(Clone, Debug, Args)]
pub(crate) struct DevArguments {
    /// A loopback address; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:8080")]
    pub(crate) listen: SocketAddr,
    /// The folder of database, token and audit; kept between runs.
    #[arg(long, default_value = ".strongroom", conflicts_with = "ephemeral")]
    pub(crate) data_dir: PathBuf,
    /// Use a temporary folder that goes with the process.
    #[arg(long)]
    pub(crate) ephemeral: bool,
    /// How durable the audit is.
    #[arg(long, value_enum, default_value = "write")]
    pub(crate) audit: AuditDurability,
    /// A second token for what SoftHSM lacks (ML-DSA, ML-KEM): the Kryoptic module that `cargo xtask kryoptic` builds. Noted
    /// down in the folder, so later starts have it too.
    #[arg(long, value_name = "PATH")]
    pub(crate) pq_module: Option<PathBuf>,
    /// Stop when standard input ends, so that the server does not outlive the program that started it.
    #[arg(long, hide = true)]
    pub(crate) until_stdin_ends: bool,
}

/// What an answer may rest on.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum AuditDurability {
    /// The record is handed to the operating system: it survives the death of the process, not of the machine.
    Write,
    /// The record is on the disk.
    Durable,
}

impl From<AuditDurability> for kms_audit::Durability {
    fn from(setting: AuditDurability) -> Self {
        match setting {
            AuditDurability::Write => Self::Write,
            AuditDurability::Durable => Self::Durable,
        }
    }
}
