//! A folder that goes with the process.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::LocalError;

/// The janitor waits for the end of its input, which is the end of its owner, however that comes. A server that is just
/// being stopped may still write into the folder, so it tries for ten seconds.
const JANITOR: &str = r#"
cat >/dev/null
tries=0
until rm -rf -- "$1" 2>/dev/null || [ "$tries" -ge 50 ]; do tries=$((tries + 1)); sleep 0.2; done
"#;

/// A temporary folder of mode 0700, in memory (`/dev/shm`) where there is such a place. It is removed on drop and, by a
/// small child process, when the owner ends without dropping it: at exit with the value in a `static`, or by SIGKILL.
#[derive(Debug)]
pub struct EphemeralFolder {
    path: PathBuf,
    janitor: Child,
}

impl EphemeralFolder {
    /// Makes a folder whose name begins with `prefix`.
    ///
    /// # Errors
    /// [`LocalError::File`], [`LocalError::Program`].
    pub fn new(prefix: &str) -> Result<Self, LocalError> {
        let parent = parent_folder();
        let mut builder = tempfile::Builder::new();
        builder.prefix(prefix).permissions(Permissions::from_mode(0o700));
        let folder = builder.tempdir_in(&parent).map_err(LocalError::file(&parent))?;
        let janitor = Command::new("/bin/sh")
            .args(["-c", JANITOR, "strongroom-janitor"])
            .arg(folder.path())
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // Its own group, so that Ctrl-C at the terminal does not end it before its owner.
            .process_group(0)
            .spawn()
            .map_err(|error| LocalError::Program { program: "/bin/sh", detail: error.to_string() })?;
        Ok(Self { path: folder.keep(), janitor })
    }

    /// The folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for EphemeralFolder {
    fn drop(&mut self) {
        drop(self.janitor.stdin.take());
        // The janitor needs nothing from us; waiting for it only reaps it.
        let _ = self.janitor.wait();
    }
}

fn parent_folder() -> PathBuf {
    let memory = Path::new("/dev/shm");
    let is_usable = rustix::fs::access(memory, rustix::fs::Access::WRITE_OK).is_ok();
    if is_usable { memory.to_path_buf() } else { std::env::temp_dir() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ephemeral_folder_is_private_and_gone_after_drop() {
        let folder = EphemeralFolder::new("strongroom-try-").unwrap();
        let path = folder.path().to_path_buf();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
        std::fs::write(path.join("file"), "x").unwrap();
        drop(folder);
        assert!(!path.exists());
    }
}
