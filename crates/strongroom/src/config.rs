//! The configuration of `serve`: a TOML file, each setting of its top level also from `STRONGROOM_<SETTING>`.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use kms_core::AccountId;
use kms_core::secret::SecretBytes;
use kms_hsm::TokenConfig;
use serde::Deserialize;
use zeroize::Zeroizing;

use crate::cli::AuditDurability;
use crate::credentials::ConfiguredCredentials;
use crate::process::{DEFAULT_LOG, LogFormat};
use crate::settings::override_setting;

/// What the size of an audit file may be, in MiB: it is read whole at each start.
const FILE_MEGABYTES: std::ops::RangeInclusive<u64> = 1..=4096;

/// What a lease may be: shorter spins, longer delays every change while a node is away.
const LEASE_SECONDS: std::ops::RangeInclusive<u64> = 1..=60;

/// The settings of `serve`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    /// Address and port to listen on.
    pub(crate) listen: SocketAddr,
    /// Plain HTTP on an address that is not loopback must be asked for.
    #[serde(default)]
    pub(crate) allow_plain_http: bool,
    /// Folder of the audit log and of the node's identity.
    pub(crate) data_dir: PathBuf,
    /// A file that holds the connection string of Postgres.
    pub(crate) database_url_file: PathBuf,
    /// The PKCS#11 library.
    pub(crate) pkcs11_module: PathBuf,
    /// The label of the token.
    pub(crate) token_label: String,
    /// A file that holds the PIN of the token's user.
    pub(crate) pin_file: PathBuf,
    /// `directories.tokendir` of a SoftHSM token; leave it out for every other token.
    pub(crate) softhsm_folder: Option<PathBuf>,
    /// Further tokens: a new key goes to the first token that serves it, this one first of all.
    #[serde(default)]
    pub(crate) further_token: Vec<FurtherToken>,
    /// How durable the audit is.
    #[serde(default = "durable")]
    pub(crate) audit: AuditDurability,
    /// At what size the next audit file is begun, in MiB.
    #[serde(default = "file_megabytes")]
    pub(crate) audit_file_megabytes: u64,
    /// How long a node may answer from its cache without hearing from Postgres.
    #[serde(default = "five")]
    pub(crate) lease_seconds: u64,
    /// PEM file of the RSA public key that a new root key is encrypted to.
    pub(crate) recovery_public_key_file: Option<PathBuf>,
    /// Where the encrypted root key goes.
    pub(crate) recovery_file: Option<PathBuf>,
    /// Initialise without a recovery file: whoever loses the token then loses every salt.
    #[serde(default)]
    pub(crate) no_recovery: bool,
    /// What is logged.
    #[serde(default = "default_log")]
    pub(crate) log: String,
    /// In which form.
    #[serde(default)]
    pub(crate) log_format: LogFormat,
    /// The access keys of root users.
    #[serde(default)]
    pub(crate) access_key: Vec<AccessKey>,
}

/// One more token.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FurtherToken {
    pkcs11_module: PathBuf,
    token_label: String,
    pin_file: PathBuf,
    softhsm_folder: Option<PathBuf>,
}

/// One access key of an account's root user.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AccessKey {
    id: String,
    account: String,
    /// A file that holds the secret access key.
    secret_file: PathBuf,
}

impl Config {
    /// Reads the file and lets the environment override it.
    pub(crate) fn load(path: &Path) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))?;
        let mut table: toml::Table = text.parse().with_context(|| format!("{} is no valid TOML", path.display()))?;
        for (name, value) in std::env::vars() {
            if let Some(setting) = name.strip_prefix("STRONGROOM_") {
                override_setting(&mut table, &setting.to_lowercase(), &value);
            }
        }
        let config: Self = table.try_into().with_context(|| format!("{} has a wrong setting", path.display()))?;
        if !config.listen.ip().is_loopback() && !config.allow_plain_http {
            bail!("{} is no loopback address: set allow_plain_http = true to serve plain HTTP there", config.listen);
        }
        if !LEASE_SECONDS.contains(&config.lease_seconds) {
            bail!("lease_seconds is {}; it must lie between 1 and 60, the same on all nodes", config.lease_seconds);
        }
        if !FILE_MEGABYTES.contains(&config.audit_file_megabytes) {
            bail!("audit_file_megabytes is {}; it must lie between 1 and 4096", config.audit_file_megabytes);
        }
        if let Some(label) = config.doubled_label() {
            bail!("two tokens have the label {label}: the database tells them apart by it");
        }
        Ok(config)
    }

    fn doubled_label(&self) -> Option<&str> {
        let further = self.further_token.iter().map(|token| token.token_label.as_str());
        let mut seen = HashSet::from([self.token_label.as_str()]);
        further.into_iter().find(|label| !seen.insert(label))
    }

    /// The connection string.
    pub(crate) fn database_url(&self) -> anyhow::Result<String> {
        read_secret(&self.database_url_file).map(|url| url.to_string())
    }

    /// How to open each token with so many sessions, in their order.
    pub(crate) fn tokens(&self, sessions: u32) -> Vec<anyhow::Result<TokenConfig>> {
        let open = |module: &PathBuf, label: &String, pin_file: &Path, softhsm_folder: &Option<PathBuf>| {
            let pin = read_secret(pin_file)?;
            Ok(TokenConfig {
                module: module.clone(),
                token_label: label.clone(),
                pin: SecretBytes::new(pin.as_bytes().to_vec()),
                softhsm_folder: softhsm_folder.clone(),
                sessions,
            })
        };
        let first = open(&self.pkcs11_module, &self.token_label, &self.pin_file, &self.softhsm_folder);
        let further = self.further_token.iter();
        let further =
            further.map(|token| open(&token.pkcs11_module, &token.token_label, &token.pin_file, &token.softhsm_folder));
        std::iter::once(first).chain(further).collect()
    }

    /// The access keys with their secrets.
    pub(crate) fn credentials(&self) -> anyhow::Result<ConfiguredCredentials> {
        let mut credentials = ConfiguredCredentials::default();
        for key in &self.access_key {
            let account = AccountId::parse(&key.account)
                .with_context(|| format!("the account of access key {} is not 12 digits", key.id))?;
            credentials.add(key.id.clone(), read_secret(&key.secret_file)?.to_string(), account);
        }
        Ok(credentials)
    }
}

/// A secret from a file, without the newline at its end. An empty one is refused: it would be a secret that all know.
fn read_secret(path: &Path) -> anyhow::Result<Zeroizing<String>> {
    let text = std::fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))?;
    let text = Zeroizing::new(text);
    match text.trim_end_matches(['\n', '\r']) {
        "" => bail!("{} is empty", path.display()),
        secret => Ok(Zeroizing::new(secret.to_owned())),
    }
}

fn durable() -> AuditDurability {
    AuditDurability::Durable
}

fn file_megabytes() -> u64 {
    kms_audit::DEFAULT_FILE_SIZE >> 20
}

fn default_log() -> String {
    DEFAULT_LOG.to_owned()
}

fn five() -> u64 {
    5
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(text: &str) -> anyhow::Result<Config> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("strongroom.toml");
        std::fs::write(&path, text)?;
        Config::load(&path)
    }

    const SETTINGS: &str = r#"
        data_dir = "/data"
        database_url_file = "/secrets/url"
        pkcs11_module = "/lib/token.so"
        token_label = "t"
        pin_file = "/secrets/pin"
    "#;

    #[test]
    fn defaults_are_the_safe_ones() {
        let config = load(&format!("{SETTINGS}\nlisten = \"127.0.0.1:8080\"")).unwrap();
        assert_eq!(config.audit, AuditDurability::Durable);
        assert_eq!(config.audit_file_megabytes, 64);
        assert_eq!(config.lease_seconds, 5);
        assert!(!config.no_recovery);
    }

    #[test]
    fn plain_http_beyond_loopback_must_be_asked_for() {
        let open = format!("{SETTINGS}\nlisten = \"0.0.0.0:8080\"");
        assert!(load(&open).unwrap_err().to_string().contains("allow_plain_http"));
        assert!(load(&format!("{open}\nallow_plain_http = true")).is_ok());
    }

    #[test]
    fn a_lease_of_no_time_or_of_minutes_is_refused() {
        let with = |seconds: u32| load(&format!("{SETTINGS}\nlisten = \"127.0.0.1:8080\"\nlease_seconds = {seconds}"));
        assert!(with(0).unwrap_err().to_string().contains("between 1 and 60"));
        assert!(with(61).is_err());
        assert!(with(60).is_ok());
    }

    #[test]
    fn an_audit_file_of_no_size_is_refused() {
        let with = |size: u32| load(&format!("{SETTINGS}\nlisten = \"127.0.0.1:8080\"\naudit_file_megabytes = {size}"));
        assert!(with(0).unwrap_err().to_string().contains("between 1 and 4096"));
        assert!(with(1).is_ok());
    }

    #[test]
    fn an_unknown_setting_is_refused() {
        assert!(load(&format!("{SETTINGS}\nlisten = \"127.0.0.1:8080\"\nlissen = 1")).is_err());
    }

    #[test]
    fn a_secret_is_the_line_in_its_file_and_never_empty() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        std::fs::write(&path, "s3cret \n").unwrap();
        assert_eq!(read_secret(&path).unwrap().as_str(), "s3cret ");
        for nothing in ["", "\n"] {
            std::fs::write(&path, nothing).unwrap();
            assert!(read_secret(&path).unwrap_err().to_string().ends_with("secret is empty"));
        }
    }

    #[test]
    fn the_environment_overrides_known_settings_alone() {
        let mut table = toml::Table::new();
        override_setting(&mut table, "lease_seconds", "9");
        override_setting(&mut table, "no_recovery", "true");
        override_setting(&mut table, "bin", "/x");
        assert_eq!(table.len(), 2);
        assert_eq!(table["lease_seconds"].as_integer(), Some(9));
        assert_eq!(table["no_recovery"].as_bool(), Some(true));
    }
}
