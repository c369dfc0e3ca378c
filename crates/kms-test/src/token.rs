//! A token of one's own.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use kms_local::{EphemeralFolder, SoftHsmToken};

use crate::services::{self, TOKEN_LABEL};

/// A fresh SoftHSM token in memory; its folder goes with the value.
///
/// SoftHSM reads `SOFTHSM2_CONF` once, at C_Initialize: **one process uses one token**. A test that drives PKCS#11 itself
/// takes [`TestToken::for_this_process`]; a test that starts a server gives it a token of its own ([`TestToken::new`])
/// through the child's environment or configuration.
#[derive(Debug)]
pub struct TestToken {
    // Only the folder's drop matters; the token is under it.
    _folder: EphemeralFolder,
    token: SoftHsmToken,
}

impl TestToken {
    /// A copy of the template token: initialised, empty, with label [`TOKEN_LABEL`].
    ///
    /// # Panics
    /// If SoftHSM is not installed or there is no room.
    #[must_use]
    pub fn new() -> Self {
        let folder = EphemeralFolder::new("strongroom-token-").unwrap_or_else(|error| panic!("no folder: {error}"));
        copy_folder(services::template(), folder.path()).expect("a token folder can be copied into a fresh folder");
        let token = SoftHsmToken::create_or_open(folder.path(), TOKEN_LABEL);
        Self { token: token.unwrap_or_else(|error| panic!("no token for a test: {error}")), _folder: folder }
    }

    /// The token of this process. At first use it sets `SOFTHSM2_CONF` in this process: call it before C_Initialize,
    /// and first thing in each test that needs it.
    ///
    /// # Panics
    /// As [`TestToken::new`].
    #[must_use]
    pub fn for_this_process() -> &'static Self {
        static TOKEN: OnceLock<TestToken> = OnceLock::new();
        TOKEN.get_or_init(|| {
            let token = Self::new();
            set_configuration(&token.config_file());
            token
        })
    }

    /// The folder that holds everything of this token.
    #[must_use]
    pub fn dir(&self) -> &Path {
        self.token.dir()
    }

    /// The folder that SoftHSM writes: one folder per token, with `token.object` and the objects.
    #[must_use]
    pub fn token_folder(&self) -> PathBuf {
        self.token.token_folder()
    }

    /// What `SOFTHSM2_CONF` must name.
    #[must_use]
    pub fn config_file(&self) -> PathBuf {
        self.token.config_file()
    }

    /// The PKCS#11 library.
    #[must_use]
    pub fn module(&self) -> &Path {
        self.token.module()
    }

    /// The label of the token.
    #[must_use]
    pub fn label(&self) -> &str {
        self.token.label()
    }

    /// The PIN of the normal user.
    #[must_use]
    pub fn pin(&self) -> &str {
        self.token.pin()
    }

    /// A file of mode 0600 that holds the PIN.
    #[must_use]
    pub fn pin_file(&self) -> PathBuf {
        self.token.dir().join("token.pin")
    }
}

impl Default for TestToken {
    fn default() -> Self {
        Self::new()
    }
}

/// SoftHSM takes the path of its configuration from the environment alone (C_Initialize wants no parameter; the other
/// places are a file in the home folder and one under `/etc`), and a test harness offers no moment before its threads.
#[expect(unsafe_code, reason = "SoftHSM can be told its configuration only by the environment of this process")]
fn set_configuration(path: &Path) {
    // SAFETY: `set_var` is unsound while another thread reads the environment outside the lock of std. This runs once
    // per test process, before its first C_Initialize, and every test that uses the token waits for it in the OnceLock.
    // In these test processes C code reads the environment in C_Initialize (later, by the rule above) and in libpq
    // when it connects; a test that needs both asks for its token first. It is never part of a program that serves.
    unsafe { std::env::set_var("SOFTHSM2_CONF", path) }
}

fn copy_folder(from: &Path, to: &Path) -> std::io::Result<()> {
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            fs::create_dir(&target)?;
            copy_folder(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), &target)?;
        }
    }
    Ok(())
}
