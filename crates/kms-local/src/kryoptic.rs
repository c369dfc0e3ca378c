//! A Kryoptic token under one folder, made once: the second token, for what SoftHSM lacks.
//!
//! Files under the folder: `token/` (what Kryoptic writes), `token.made` (marker: a token of this label was made here),
//! `token.pin` and `token.so-pin`, `kryoptic.toml`, and `token.env` to source in a shell.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use zeroize::Zeroizing;

use crate::made_once::{self, check_label, random_pin, read_secret, shell_quote};
use crate::{LocalError, files};

/// The token folder is made here first, so that `token/` is a whole token or absent.
const STAGING: &str = "token.new";

/// The SQLite file of the token, inside its folder.
const STORAGE: &str = "token.sql";

/// A token that exists, with what a PKCS#11 program needs to reach it.
pub struct KryopticToken {
    dir: PathBuf,
    label: String,
    module: PathBuf,
    pin: Zeroizing<String>,
}

impl KryopticToken {
    /// Opens the token under `dir` (made with mode 0700 if missing), or initialises one with a random PIN if none was ever
    /// made there. A token that was made and is gone is an error, as with [`crate::SoftHsmToken`].
    ///
    /// `module` is the library that `cargo xtask kryoptic` builds. `label` is 1 to 32 printable ASCII characters. The token
    /// is initialised by `pkcs11-tool`, so this process loads no library.
    ///
    /// # Errors
    /// [`LocalError::TokenMissing`], [`LocalError::ProgramMissing`] without the module or `pkcs11-tool`,
    /// [`LocalError::Program`], [`LocalError::Unusable`], [`LocalError::File`].
    pub fn create_or_open(dir: &Path, label: &str, module: &Path) -> Result<Self, LocalError> {
        check_label(label)?;
        let module = module.canonicalize().map_err(|_| {
            let advice = format!("{} is not there; `cargo xtask kryoptic` builds the module", module.display());
            LocalError::ProgramMissing { program: "the Kryoptic module", advice }
        })?;
        files::make_private_folder(dir)?;
        let dir = dir.canonicalize().map_err(LocalError::file(dir))?;
        let is_token = |entry: &Path| entry.ends_with(STORAGE);
        made_once::see_to_it(&dir, label, is_token, || initialise(&dir, label, &module))?;
        let pin = read_secret(&dir.join("token.pin"))?;
        let token = Self { label: label.to_owned(), module, pin, dir };
        files::write_private(&token.config_file(), &configuration(&token.dir.join("token"))?)?;
        files::write_private(&token.dir.join("token.env"), &token.environment())?;
        Ok(token)
    }

    /// The folder that was given.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The configuration for the environment variable `KRYOPTIC_CONF`, which Kryoptic reads at C_Initialize.
    #[must_use]
    pub fn config_file(&self) -> PathBuf {
        self.dir.join("kryoptic.toml")
    }

    /// The PKCS#11 library.
    #[must_use]
    pub fn module(&self) -> &Path {
        &self.module
    }

    /// The label of the token.
    #[must_use]
    pub fn label(&self) -> &str {
        &self.label
    }

    /// The PIN of the normal user. A secret.
    #[must_use]
    pub fn pin(&self) -> &str {
        &self.pin
    }

    /// The content of `token.env`, with names that PKCS#11 tools know.
    fn environment(&self) -> Zeroizing<String> {
        let lines = [
            ("KRYOPTIC_CONF", self.config_file().to_string_lossy().into_owned()),
            ("PKCS11_MODULE", self.module.to_string_lossy().into_owned()),
            ("TOKEN_LABEL", self.label.clone()),
            ("PIN", self.pin.to_string()),
        ];
        let export = |(name, value): &(&str, String)| format!("export {name}={}\n", shell_quote(value));
        Zeroizing::new(lines.iter().map(export).collect())
    }
}

impl fmt::Debug for KryopticToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KryopticToken").field("dir", &self.dir).field("label", &self.label).finish_non_exhaustive()
    }
}

/// Makes PINs and token, the token last and by one rename.
fn initialise(dir: &Path, label: &str, module: &Path) -> Result<(), LocalError> {
    let staging = dir.join(STAGING);
    files::remove_folder_if_there(&staging)?;
    files::make_private_folder(&staging)?;
    let (pin, so_pin) = (random_pin()?, random_pin()?);
    files::write_private(&dir.join("token.pin"), &pin)?;
    files::write_private(&dir.join("token.so-pin"), &so_pin)?;
    let config = dir.join("kryoptic.toml");
    files::write_private(&config, &configuration(&staging)?)?;
    let run = |arguments: &[&str]| {
        let mut command = Command::new("pkcs11-tool");
        command.arg("--module").arg(module).args(["--slot", "1"]).args(arguments);
        // By the environment, which no other user sees.
        command.env("KRYOPTIC_CONF", &config).env("NEW_PIN", pin.as_str()).env("SO_PIN", so_pin.as_str());
        run_tool(&mut command)
    };
    run(&["--init-token", "--label", label, "--so-pin", "env:SO_PIN"])?;
    run(&["--init-pin", "--login", "--login-type", "so", "--so-pin", "env:SO_PIN", "--new-pin", "env:NEW_PIN"])?;
    let folder = dir.join("token");
    fs::rename(&staging, &folder).map_err(LocalError::file(&folder))?;
    files::sync_parent(&folder)
}

fn run_tool(command: &mut Command) -> Result<(), LocalError> {
    let output = command.stdin(Stdio::null()).output().map_err(|_| {
        let advice = "install the package `opensc`, or run `cargo xtask setup`".to_owned();
        LocalError::ProgramMissing { program: "pkcs11-tool", advice }
    })?;
    if output.status.success() {
        return Ok(());
    }
    let detail = String::from_utf8_lossy(&output.stderr).trim().replace('\n', " / ");
    Err(LocalError::Program { program: "pkcs11-tool", detail })
}

/// One slot on one SQLite file. A TOML string in single quotes knows no escapes.
fn configuration(token_folder: &Path) -> Result<String, LocalError> {
    let storage = token_folder.join(STORAGE);
    let path = storage.to_str().filter(|path| !path.contains('\'') && !path.contains(char::is_control));
    let path = path.ok_or_else(|| {
        LocalError::Unusable(format!("Kryoptic cannot keep a token under {}", token_folder.display()))
    })?;
    Ok(format!("[[slots]]\nslot = 1\ndbtype = \"sqlite\"\ndbargs = '{path}'\n"))
}
