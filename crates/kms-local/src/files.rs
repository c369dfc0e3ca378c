//! Private folders and files that are either whole or absent.

use std::fs::{self, DirBuilder, File, Permissions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

use crate::LocalError;

/// Makes `dir` with mode 0700, or closes the folder that is there to others.
///
/// # Errors
/// [`LocalError::Unusable`] if `dir` is open to others and holds files that are not ours (think of `/tmp`);
/// [`LocalError::File`].
pub(crate) fn make_private_folder(dir: &Path) -> Result<(), LocalError> {
    DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(LocalError::file(dir))?;
    let mode = fs::metadata(dir).map_err(LocalError::file(dir))?.permissions().mode();
    if mode & 0o7777 == 0o700 {
        return Ok(());
    }
    let is_empty = fs::read_dir(dir).map_err(LocalError::file(dir))?.next().is_none();
    let is_shared = mode & 0o1000 != 0;
    if is_shared || !(is_empty || dir.join("lock").exists()) {
        let text = format!("{} is open to other users and holds other files; give a folder of its own", dir.display());
        return Err(LocalError::Unusable(text));
    }
    fs::set_permissions(dir, Permissions::from_mode(0o700)).map_err(LocalError::file(dir))
}

/// Writes a file of mode 0600 beside its final place, flushes it and renames it, so that a crash leaves the old or the new one.
///
/// # Errors
/// [`LocalError::File`].
pub(crate) fn write_private(path: &Path, content: &str) -> Result<(), LocalError> {
    let staging = path.with_added_extension("new");
    remove_file_if_there(&staging)?;
    let written = File::options()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&staging)
        .and_then(|mut file| file.write_all(content.as_bytes()).and_then(|()| file.sync_all()))
        .and_then(|()| fs::rename(&staging, path));
    written.map_err(LocalError::file(path))?;
    sync_parent(path)
}

/// The content of a file, or none if there is no such file.
///
/// # Errors
/// [`LocalError::File`].
pub(crate) fn read_if_there(path: &Path) -> Result<Option<String>, LocalError> {
    match fs::read_to_string(path) {
        Ok(content) => Ok(Some(content)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(source) => Err(LocalError::File { path: path.to_path_buf(), source }),
    }
}

/// Removes a folder with all it holds; an absent one is fine.
///
/// # Errors
/// [`LocalError::File`].
pub(crate) fn remove_folder_if_there(path: &Path) -> Result<(), LocalError> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(LocalError::file(path)(error)),
        _ => Ok(()),
    }
}

/// Flushes the folder that holds `path`, so that a rename survives a power cut.
///
/// # Errors
/// [`LocalError::File`].
pub(crate) fn sync_parent(path: &Path) -> Result<(), LocalError> {
    let parent = path.parent().unwrap_or(Path::new("/"));
    File::open(parent).and_then(|folder| folder.sync_all()).map_err(LocalError::file(parent))
}

/// Removes a file; an absent one is fine.
///
/// # Errors
/// [`LocalError::File`].
pub(crate) fn remove_file_if_there(path: &Path) -> Result<(), LocalError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(LocalError::file(path)(error)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_with_foreign_files_is_not_closed_to_its_other_users() {
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
        fs::write(folder.path().join("somebody's"), "x").unwrap();
        assert!(matches!(make_private_folder(folder.path()), Err(LocalError::Unusable(_))));
        assert_eq!(fs::metadata(folder.path()).unwrap().permissions().mode() & 0o777, 0o755);
        fs::remove_file(folder.path().join("somebody's")).unwrap();
        make_private_folder(folder.path()).unwrap();
        assert_eq!(fs::metadata(folder.path()).unwrap().permissions().mode() & 0o777, 0o700);
    }

    #[test]
    fn a_private_file_is_replaced_whole_and_readable_by_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token.env");
        write_private(&path, "one").unwrap();
        write_private(&path, "two").unwrap();
        assert_eq!(read_if_there(&path).unwrap().as_deref(), Some("two"));
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "no staging file stays behind");
    }
}
