//! What a node of `strongroom serve` is started from, where several share a Postgres and a SoftHSM token in one folder.

use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use kms_local::{PrivatePostgres, SoftHsmToken};

/// The account of the one access key, whose id is the account too.
pub const NODE_ACCOUNT: &str = "111122223333";

/// Where a node keeps what is its own.
#[derive(Debug)]
pub struct NodeFiles {
    /// For [`Server::serve`](crate::Server::serve).
    pub config: PathBuf,
    /// Likewise.
    pub data_dir: PathBuf,
    /// Where failpoint files are looked for.
    pub failpoints: PathBuf,
    /// Where the node will serve.
    pub endpoint: String,
}

impl NodeFiles {
    /// Makes the folders of a node of this name and its configuration, with these `settings` beside those that each needs
    /// (lines of TOML, for its top level). Nothing is started.
    ///
    /// # Errors
    /// Something could not be made.
    pub fn make(
        folder: &Path,
        name: &str,
        (postgres, token): (&PrivatePostgres, &SoftHsmToken),
        settings: &str,
    ) -> anyhow::Result<Self> {
        let at = |file: &str| folder.join(file);
        let (data_dir, failpoints) = (at(name), at(&format!("{name}.failpoints")));
        std::fs::DirBuilder::new().mode(0o700).recursive(true).create(&data_dir)?;
        std::fs::create_dir_all(&failpoints)?;
        std::fs::write(at("url"), postgres.url())?;
        std::fs::write(at("secret"), "test")?;
        let listen = format!("127.0.0.1:{}", kms_local::free_port()?);
        let text = format!(
            "listen = '{listen}'\ndata_dir = '{}'\ndatabase_url_file = '{}'\npkcs11_module = '{}'\ntoken_label = '{}'\n\
             pin_file = '{}'\nsofthsm_folder = '{}'\nno_recovery = true\n{settings}\n\
             [[access_key]]\nid = '{NODE_ACCOUNT}'\naccount = '{NODE_ACCOUNT}'\nsecret_file = '{}'\n",
            data_dir.display(),
            at("url").display(),
            token.module().display(),
            token.label(),
            token.dir().join("token.pin").display(),
            token.token_folder().display(),
            at("secret").display(),
        );
        let config = at(&format!("{name}.toml"));
        std::fs::write(&config, text)?;
        Ok(Self { config, data_dir, failpoints, endpoint: format!("http://{listen}") })
    }
}
