//! A SoftHSM token under one folder, made once.
//!
//! Files under the folder: `token/` (what SoftHSM writes), `token.made` (marker: a token of this label was made here),
//! `token.pin` and `token.so-pin`, `softhsm2.conf`, and `token.env` to source in a shell.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use zeroize::Zeroizing;

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
        let folder = dir.join("token");
        let marker = dir.join("token.made");
        match files::read_if_there(&marker)? {
            Some(made) => check_presence(&folder, made.trim(), label)?,
            None => {
                // Without its marker the folder is the last step of a start that was killed right there.
                if !folder.exists() {
                    initialise(&dir, label)?;
                }
                check_presence(&folder, label, label)?;
                files::write_private(&marker, label)?;
            }
        }
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

fn check_label(label: &str) -> Result<(), LocalError> {
    let is_printable = label.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic());
    if is_printable && (1..=32).contains(&label.len()) && label.trim() == label {
        return Ok(());
    }
    Err(LocalError::Unusable("the label of a token is 1 to 32 printable ASCII characters".to_owned()))
}

fn check_presence(folder: &Path, made: &str, label: &str) -> Result<(), LocalError> {
    if made != label {
        let text = format!("{} holds a token with the label {made}, not {label}", folder.display());
        return Err(LocalError::Unusable(text));
    }
    let missing =
        |reason: &str| Err(LocalError::TokenMissing { folder: folder.to_path_buf(), reason: reason.to_owned() });
    match fs::read_dir(folder) {
        Err(_) => missing("the folder cannot be read or is not there"),
        Ok(mut entries) => {
            let has_token = entries.any(|entry| entry.is_ok_and(|entry| entry.path().is_dir()));
            if has_token { Ok(()) } else { missing("the folder holds no token") }
        }
    }
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

/// 48 hexadecimal digits: 192 random bits.
fn random_pin() -> Result<Zeroizing<String>, LocalError> {
    let mut bytes = Zeroizing::new([0_u8; 24]);
    getrandom::fill(bytes.as_mut_slice())
        .map_err(|error| LocalError::Unusable(format!("the system gives no random bytes: {error}")))?;
    Ok(Zeroizing::new(bytes.iter().map(|byte| format!("{byte:02x}")).collect()))
}

fn read_secret(path: &Path) -> Result<Zeroizing<String>, LocalError> {
    let content = fs::read_to_string(path).map(Zeroizing::new).map_err(LocalError::file(path))?;
    Ok(Zeroizing::new(content.trim().to_owned()))
}

fn shell_quote(value: &str) -> String {
    format!("'{}'", value.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_with_a_quote_is_one_word_for_the_shell() {
        let script = format!("printf %s {}", shell_quote("it's $HOME `x`"));
        let output = Command::new("sh").args(["-c", &script]).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stdout), "it's $HOME `x`");
    }

    #[test]
    fn a_label_is_what_pkcs11_allows() {
        for label in ["", "a label of more than 32 characters is no label", "tab\t", " padded"] {
            assert!(check_label(label).is_err(), "{label}");
        }
        check_label("strongroom dev").unwrap();
    }

    #[test]
    fn a_pin_is_48_hexadecimal_digits_and_never_the_same() {
        let pin = random_pin().unwrap();
        assert_eq!(pin.len(), 48);
        assert!(pin.bytes().all(|byte| byte.is_ascii_hexdigit()));
        assert_ne!(pin, random_pin().unwrap());
    }
}
