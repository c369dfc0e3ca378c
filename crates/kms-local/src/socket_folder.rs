//! Where the socket of a private Postgres lies: short enough for a socket address, closed to everybody else.

use std::fs::DirBuilder;
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use crate::LocalError;
use crate::address::socket_name;

/// A socket address on Linux holds 107 bytes and a final zero byte; one byte is left to spare.
const LONGEST_PATH: usize = 106;

/// Makes the folder for the socket of the Postgres under `dir` (absolute, without links): `dir/postgres-run`, or where
/// that is too long one under the temporary folder whose name is a hash of `dir`. `owner` runs the server.
///
/// # Errors
/// [`LocalError::Unusable`] if the folder is there and belongs to somebody else; [`LocalError::File`].
pub(crate) fn make(dir: &Path, owner: (u32, u32)) -> Result<PathBuf, LocalError> {
    let folder = place(dir);
    match DirBuilder::new().mode(0o700).create(&folder) {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::AlreadyExists => refuse_foreign(&folder, owner.0)?,
        Err(error) => return Err(LocalError::file(&folder)(error)),
    }
    std::os::unix::fs::lchown(&folder, Some(owner.0), Some(owner.1)).map_err(LocalError::file(&folder))?;
    Ok(folder)
}

/// Where the folder for the socket of the Postgres under `dir` (absolute, without links) is, made or not.
pub(crate) fn place(dir: &Path) -> PathBuf {
    path_for(dir, &std::env::temp_dir())
}

fn path_for(dir: &Path, temp: &Path) -> PathBuf {
    let beside = dir.join("postgres-run");
    let length = beside.join(socket_name()).as_os_str().len();
    if length <= LONGEST_PATH {
        return beside;
    }
    temp.join(format!("strongroom-{:016x}", fnv1a(dir.as_os_str().as_encoded_bytes())))
}

/// Under a shared temporary folder somebody else could have made it, or a link to it, to read along.
fn refuse_foreign(folder: &Path, owner: u32) -> Result<(), LocalError> {
    let found = std::fs::symlink_metadata(folder).map_err(LocalError::file(folder))?;
    let me = rustix::process::geteuid().as_raw();
    let is_ours = found.uid() == owner || found.uid() == me;
    if found.is_dir() && is_ours && found.mode() & 0o777 == 0o700 {
        return Ok(());
    }
    Err(LocalError::Unusable(format!("{} is not a private folder of this user; remove it", folder.display())))
}

/// FNV-1a, 64 bits. It only has to give the same name at each start; who owns the folder is checked.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_socket_path_never_exceeds_what_a_socket_address_holds() {
        let temp = Path::new("/tmp");
        for length in 1..300 {
            let dir = PathBuf::from(format!("/{}", "d".repeat(length)));
            let socket = path_for(&dir, temp).join(socket_name());
            assert!(socket.as_os_str().len() <= LONGEST_PATH, "{length}: {}", socket.display());
        }
        assert_eq!(path_for(Path::new("/var/lib/x"), temp), Path::new("/var/lib/x/postgres-run"));
    }

    #[test]
    fn a_socket_folder_that_others_may_enter_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let me = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
        let folder = make(dir.path(), me).unwrap();
        make(dir.path(), me).unwrap();
        std::fs::set_permissions(&folder, Permissions::from_mode(0o755)).unwrap();
        assert!(matches!(make(dir.path(), me), Err(LocalError::Unusable(_))));
    }
}
