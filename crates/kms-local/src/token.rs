//! A SoftHSM token under one folder, made once.
//!
//! Files under the folder: `token/` (what SoftHSM writes), `token.made` (marker: a token of this label was made here),
//! `token.pin` and `token.so-pin`, `softhsm2.conf`, and `token.env` to source in a shell.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use zeroize::Zeroizing;

use crate::made_once::{self, check_label, random_pin, read_secret, shell_quote};
use crate::{LocalError, files};

const CONFIGURATION: &str = include_str!("../../../softhsm/softhsm2.conf.in");

/// The token folder is made here first, so that `token/` is a whole token or absent.
const STAGING: &str = "token.new";

/// A token that exists, with what a PKCS#11 program needs to reach it.
pub struct SoftHsmToken {
    dir: PathBuf,
    label: String,
    module: PathBuf,
    pin: Zeroizing<String>,
}

impl SoftHsmToken {
    /// Opens the token under `dir` (made with mode 0700 if missing), or initialises one with a random PIN if none was ever
    /// made there. A token that was made and is gone is an error: another one in its place would hide the loss of every
    /// key. Whether SoftHSM can read the token is not looked at here; `kms-hsm` repairs a torn `token.object`.
    ///
    /// `label` is 1 to 32 printable ASCII characters (CKA_LABEL of a token, PKCS#11 section 3.2).
    ///
    /// # Errors
    /// [`LocalError::TokenMissing`], [`LocalError::ProgramMissing`] without SoftHSM, [`LocalError::Program`],
    /// [`LocalError::Unusable`], [`LocalError::File`].
    pub fn create_or_open(dir: &Path, label: &str) -> Result<Self, LocalError> {
        check_label(label)?;
        files::make_private_folder(dir)?;
        let dir = dir.canonicalize().map_err(LocalError::file(dir))?;
        let module = softhsm_module()?;
        made_once::see_to_it(&dir, label, Path::is_dir, || initialise(&dir, label))?;
        let folder = dir.join("token");
        let pin = read_secret(&dir.join("token.pin"))?;
        let token = Self { dir, label: label.to_owned(), module, pin };
        files::write_private(&token.config_file(), &configuration(&folder)?)?;
        files::write_private(&token.dir.join("token.env"), &token.environment())?;
        Ok(token)
    }

    /// The folder that was given.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The folder that SoftHSM writes: `directories.tokendir`.
    #[must_use]
    pub fn token_folder(&self) -> PathBuf {
        self.dir.join("token")
    }

    /// The configuration for the environment variable `SOFTHSM2_CONF`, which SoftHSM reads at C_Initialize.
    #[must_use]
    pub fn config_file(&self) -> PathBuf {
        self.dir.join("softhsm2.conf")
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
            ("SOFTHSM2_CONF", self.config_file().to_string_lossy().into_owned()),
            ("PKCS11_MODULE", self.module.to_string_lossy().into_owned()),
            ("TOKEN_LABEL", self.label.clone()),
            ("PIN", self.pin.to_string()),
        ];
        let export = |(name, value): &(&str, String)| format!("export {name}={}\n", shell_quote(value));
        Zeroizing::new(lines.iter().map(export).collect())
    }
}

impl fmt::Debug for SoftHsmToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SoftHsmToken").field("dir", &self.dir).field("label", &self.label).finish_non_exhaustive()
    }
}

/// The SoftHSM library: `$PKCS11_MODULE` if set, else where the packages of the distributions put it.
///
/// # Errors
/// [`LocalError::ProgramMissing`] if it is in none of these places.
pub fn softhsm_module() -> Result<PathBuf, LocalError> {
    let named = std::env::var_os("PKCS11_MODULE").map(PathBuf::from);
    let known = ["/usr/lib", "/usr/lib64", "/usr/local/lib"].map(|lib| Path::new(lib).join("softhsm/libsofthsm2.so"));
    let by_architecture = fs::read_dir("/usr/lib").into_iter().flatten().flatten();
    let by_architecture = by_architecture.map(|entry| entry.path().join("softhsm/libsofthsm2.so"));
    named.into_iter().chain(known).chain(by_architecture).find(|path| path.is_file()).ok_or_else(|| {
        let advice = "install the package `softhsm2`, run `cargo xtask setup`, or set PKCS11_MODULE".to_owned();
        LocalError::ProgramMissing { program: "libsofthsm2.so", advice }
    })
}

/// Makes PINs and token, the token last and by one rename.
fn initialise(dir: &Path, label: &str) -> Result<(), LocalError> {
    let staging = dir.join(STAGING);
    files::remove_folder_if_there(&staging)?;
    files::make_private_folder(&staging)?;
    let (pin, so_pin) = (random_pin()?, random_pin()?);
    files::write_private(&dir.join("token.pin"), &pin)?;
    files::write_private(&dir.join("token.so-pin"), &so_pin)?;
    let config = dir.join("softhsm2.conf");
    files::write_private(&config, &configuration(&staging)?)?;
    // The PINs are on the command line for a moment. They open nothing without the folder, which is closed to others.
    let output = Command::new("softhsm2-util")
        .args(["--init-token", "--free", "--label", label, "--pin", &pin, "--so-pin", &so_pin])
        .env("SOFTHSM2_CONF", &config)
        .stdin(Stdio::null())
        .output()
        .map_err(|_| {
            let advice = "install the package `softhsm2`, or run `cargo xtask setup`".to_owned();
            LocalError::ProgramMissing { program: "softhsm2-util", advice }
        })?;
    if !output.status.success() {
        let detail = String::from_utf8_lossy(&output.stderr).trim().replace('\n', " / ");
        return Err(LocalError::Program { program: "softhsm2-util", detail });
    }
    let folder = dir.join("token");
    fs::rename(&staging, &folder).map_err(LocalError::file(&folder))?;
    files::sync_parent(&folder)
}

/// SoftHSM reads a value up to the end of its line, and takes `#` for the start of a comment.
fn configuration(token_folder: &Path) -> Result<String, LocalError> {
    let folder = token_folder.to_str().filter(|path| !path.contains(['#', '\n']) && path.trim() == *path);
    let folder = folder
        .ok_or_else(|| LocalError::Unusable(format!("SoftHSM cannot keep a token under {}", token_folder.display())))?;
    Ok(CONFIGURATION.replace("@TOKENDIR@", folder))
}
