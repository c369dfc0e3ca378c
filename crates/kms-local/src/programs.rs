//! Finds the programs of Postgres. Debian keeps `initdb` and `postgres` off the PATH.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::LocalError;

const DEBIAN_FOLDER: &str = "/usr/lib/postgresql";
const OLDEST_MAJOR: u32 = 14;

/// `initdb` and `postgres` of one installation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Programs {
    pub(crate) initdb: PathBuf,
    pub(crate) postgres: PathBuf,
    pub(crate) major: u32,
}

impl Programs {
    /// Looks on the PATH, then asks `pg_config --bindir`, then takes the newest under `/usr/lib/postgresql`.
    /// `data_major` is the version that made the data folder, if there is one: no other version can read it.
    ///
    /// # Errors
    /// [`LocalError::ProgramMissing`]; [`LocalError::Unusable`] if only other versions are installed.
    pub(crate) fn find(data_major: Option<u32>) -> Result<Self, LocalError> {
        let installed: Vec<Self> = candidate_folders().iter().filter_map(|folder| Self::in_folder(folder)).collect();
        if installed.is_empty() {
            let advice =
                "install the package `postgresql` (version 14 or newer), or run `cargo xtask setup`".to_owned();
            return Err(LocalError::ProgramMissing { program: "postgres with initdb", advice });
        }
        let wanted = |found: &&Self| data_major.map_or(found.major >= OLDEST_MAJOR, |major| found.major == major);
        installed.iter().find(wanted).cloned().ok_or_else(|| {
            let need = data_major.map_or_else(|| format!("{OLDEST_MAJOR} or newer"), |major| major.to_string());
            let have: Vec<_> = installed.iter().map(|found| found.major.to_string()).collect();
            LocalError::Unusable(format!("Postgres {need} is needed and only {} is installed", have.join(", ")))
        })
    }

    fn in_folder(folder: &Path) -> Option<Self> {
        let (initdb, postgres) = (folder.join("initdb"), folder.join("postgres"));
        if !initdb.is_file() {
            return None;
        }
        let major = parse_major(&output_of(&postgres, "--version")?)?;
        Some(Self { initdb, postgres, major })
    }
}

fn candidate_folders() -> Vec<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    folders.extend(output_of(Path::new("pg_config"), "--bindir").map(|text| PathBuf::from(text.trim())));
    let mut versions: Vec<u32> = std::fs::read_dir(DEBIAN_FOLDER)
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .collect();
    versions.sort_unstable_by(|a, b| b.cmp(a));
    folders.extend(versions.iter().map(|version| Path::new(DEBIAN_FOLDER).join(version.to_string()).join("bin")));
    folders
}

fn output_of(program: &Path, argument: &str) -> Option<String> {
    let output = Command::new(program).arg(argument).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

/// `postgres (PostgreSQL) 15.18 (Debian …)` gives 15; `17beta1` gives 17.
fn parse_major(version: &str) -> Option<u32> {
    let number = version.split_whitespace().find(|word| word.starts_with(|c: char| c.is_ascii_digit()))?;
    let digits = number.find(|c: char| !c.is_ascii_digit()).map_or(number, |end| &number[..end]);
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_major_version_is_read_from_what_postgres_says() {
        assert_eq!(parse_major("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n"), Some(15));
        assert_eq!(parse_major("postgres (PostgreSQL) 18beta2"), Some(18));
        assert_eq!(parse_major("nonsense"), None);
    }

    #[test]
    fn a_data_folder_of_a_version_that_is_not_installed_is_named() {
        let refusal = Programs::find(Some(9)).unwrap_err().to_string();
        assert!(refusal.starts_with("Postgres 9 is needed"), "{refusal}");
    }
}
