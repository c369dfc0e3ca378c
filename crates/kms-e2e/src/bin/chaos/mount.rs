//! File systems of the run's own, and folders that cannot be written.

use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};

use crate::report::say;

/// How large the disk of the audit is.
const DISK_BYTES: u64 = 64 << 20;

/// Something mounted over a folder, until it is dropped.
pub(crate) struct Mount(PathBuf);

impl Mount {
    /// A disk of its own, kept in a new file. ext4: a write through a file that is open already can be refused there.
    pub(crate) fn disk(folder: &Path, file: &Path) -> anyhow::Result<Self> {
        std::fs::DirBuilder::new().mode(0o700).create(folder)?;
        std::fs::File::create_new(file)?.set_len(DISK_BYTES)?;
        run(Command::new("mkfs.ext4").args(["-q", "-m", "0", "-E", "root_owner=0:0"]).arg(file))?;
        run(Command::new("mount").args(["-o", "loop"]).arg(file).arg(folder))?;
        let disk = Self(folder.to_owned());
        std::fs::remove_dir(folder.join("lost+found"))?;
        run(Command::new("chmod").arg("0700").arg(folder))?;
        Ok(disk)
    }

    /// The folder itself, for reading alone.
    pub(crate) fn read_only(folder: &Path) -> anyhow::Result<Self> {
        let folder_text = folder.to_str().context("a path that is no text")?;
        mount(&["--bind", folder_text], folder)?;
        let mounted = Self(folder.to_owned());
        mount(&["-o", "remount,ro,bind"], folder)?;
        Ok(mounted)
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        let unmounted = Command::new("umount").arg("--lazy").arg(&self.0).status();
        if !unmounted.is_ok_and(|status| status.success()) {
            say(&format!("{} stays mounted", self.0.display()));
        }
    }
}

/// A folder on ext4 in which nothing can be written, not even through files that are open: those are immutable, and for new
/// ones the folder is mounted read-only. The file system itself cannot be made so under open files.
pub(crate) struct Frozen {
    folder: PathBuf,
    mount: Option<Mount>,
}

impl Frozen {
    /// Until it is dropped.
    pub(crate) fn folder(folder: &Path) -> anyhow::Result<Self> {
        let mut frozen = Self { folder: folder.to_owned(), mount: None };
        run(Command::new("chattr").args(["-R", "+i"]).arg(folder))?;
        frozen.mount = Some(Mount::read_only(folder)?);
        Ok(frozen)
    }
}

impl Drop for Frozen {
    fn drop(&mut self) {
        self.mount = None;
        if let Err(error) = run(Command::new("chattr").args(["-R", "-i"]).arg(&self.folder)) {
            say(&format!("{} stays immutable: {error:#}", self.folder.display()));
        }
    }
}

fn mount(arguments: &[&str], folder: &Path) -> anyhow::Result<()> {
    run(Command::new("mount").args(arguments).arg(folder))
}

fn run(command: &mut Command) -> anyhow::Result<()> {
    let status = command.status().with_context(|| format!("{command:?} cannot be run"))?;
    if status.success() { Ok(()) } else { bail!("{command:?} failed ({status}); faults need root") }
}
