//! A private Postgres and tokens under one folder, for `strongroom dev` and for tests.
//!
//! - [`PrivatePostgres`]: a server that only its owner reaches, by a Unix socket in a folder of mode 0700.
//! - [`SoftHsmToken`]: a token that is initialised once and never made again in silence.
//! - [`KryopticToken`]: the same of Kryoptic, for what SoftHSM lacks.
//! - [`FolderLock`]: one owner per folder.
//! - [`EphemeralFolder`]: a folder that goes with the process, even after SIGKILL.
//!
//! Everything blocks; nothing here listens on the network.

mod account;
mod address;
mod ephemeral;
mod error;
mod files;
mod kryoptic;
mod launch;
mod lock;
mod made_once;
mod port;
mod postgres;
mod postmaster;
mod programs;
mod socket_folder;
mod token;
mod wire;

pub use address::PostgresAddress;
pub use ephemeral::EphemeralFolder;
pub use error::LocalError;
pub use kryoptic::KryopticToken;
pub use lock::FolderLock;
pub use port::free_port;
pub use postgres::{DATABASE, Durability, Lifetime, PostgresOptions, PrivatePostgres};
pub use token::{SoftHsmToken, softhsm_module};
