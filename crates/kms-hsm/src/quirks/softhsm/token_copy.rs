//! The verified copy of `token.object`: one file beside the token folder, one entry per token, a SHA-256 at its end.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::config::OpenError;

const MAGIC: &[u8] = b"strongroom token.object copy 1\n";

/// The `token.object` of one token.
pub(crate) struct Entry {
    /// The name of its folder under the token folder.
    pub(crate) slot_folder: String,
    /// The whole file.
    pub(crate) bytes: Vec<u8>,
}

/// All entries of a copy.
#[derive(Default)]
pub(crate) struct TokenCopy(Vec<Entry>);

impl TokenCopy {
    /// Reads `<folder>/../token-object.copy`; no file, or one with a wrong checksum, gives no entries.
    ///
    /// # Errors
    /// [`OpenError::File`] if it exists but cannot be read.
    pub(crate) fn load(folder: &Path) -> Result<Self, OpenError> {
        let path = path_beside(folder);
        match fs::read(&path) {
            Ok(bytes) => Ok(decode(&bytes).unwrap_or_else(|| {
                tracing::warn!(path = %path.display(), "the copy of token.object is damaged and not used");
                Self::default()
            })),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(OpenError::file(&path)(error)),
        }
    }

    /// Writes the copy atomically: the old one stays whole until the new one is on the disk.
    ///
    /// # Errors
    /// [`OpenError::File`].
    pub(crate) fn store(&self, folder: &Path) -> Result<(), OpenError> {
        write_atomically(&path_beside(folder), &encode(self))
    }

    pub(crate) fn entries(&self) -> &[Entry] {
        &self.0
    }

    /// The entry for this folder.
    pub(crate) fn of(&self, slot_folder: &Path) -> Option<&Entry> {
        self.0.iter().find(|entry| slot_folder.ends_with(&entry.slot_folder))
    }

    /// Puts the entry in the place of an older one of the same folder.
    pub(crate) fn replace(&mut self, entry: Entry) {
        self.0.retain(|old| old.slot_folder != entry.slot_folder);
        self.0.push(entry);
    }
}

/// Writes a file so that after a crash either the old or the new content is there, whole: new file, fsync, rename, fsync
/// of the folder. The new file's name does not end in `.object`, so SoftHSM does not take it for one.
///
/// # Errors
/// [`OpenError::File`].
pub(crate) fn write_atomically(path: &Path, bytes: &[u8]) -> Result<(), OpenError> {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    let new = PathBuf::from(name);
    let written = || -> std::io::Result<()> {
        let mut file = OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&new)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&new, path)?;
        path.parent().map_or(Ok(()), |parent| File::open(parent)?.sync_all())
    };
    written().map_err(OpenError::file(path))
}

fn path_beside(folder: &Path) -> PathBuf {
    folder.with_file_name("token-object.copy")
}

fn encode(copy: &TokenCopy) -> Vec<u8> {
    let mut bytes = MAGIC.to_vec();
    for entry in &copy.0 {
        for part in [entry.slot_folder.as_bytes(), &entry.bytes] {
            bytes.extend((part.len() as u64).to_be_bytes());
            bytes.extend(part);
        }
    }
    let checksum = Sha256::digest(&bytes);
    bytes.extend(checksum);
    bytes
}

fn decode(bytes: &[u8]) -> Option<TokenCopy> {
    let (body, checksum) = bytes.split_last_chunk::<32>()?;
    if Sha256::digest(body)[..] != checksum[..] {
        return None;
    }
    let mut rest = body.strip_prefix(MAGIC)?;
    let mut copy = TokenCopy::default();
    while !rest.is_empty() {
        let (name, tail) = split_part(rest)?;
        let (token_object, tail) = split_part(tail)?;
        let slot_folder = std::str::from_utf8(name).ok()?.to_owned();
        copy.replace(Entry { slot_folder, bytes: token_object.to_vec() });
        rest = tail;
    }
    Some(copy)
}

fn split_part(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<8>()?;
    rest.split_at_checked(usize::try_from(u64::from_be_bytes(*length)).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_come_back_and_a_flipped_bit_is_seen() {
        let mut copy = TokenCopy::default();
        copy.replace(Entry { slot_folder: "a".to_owned(), bytes: vec![1; 320] });
        copy.replace(Entry { slot_folder: "b".to_owned(), bytes: vec![2; 10] });
        copy.replace(Entry { slot_folder: "a".to_owned(), bytes: vec![3; 320] });
        let bytes = encode(&copy);
        let back = decode(&bytes).unwrap();
        assert_eq!(back.entries().len(), 2);
        assert!(back.entries().iter().any(|entry| entry.slot_folder == "a" && entry.bytes == [3; 320]));
        for at in 0..bytes.len() {
            let mut flipped = bytes.clone();
            flipped[at] ^= 0x10;
            assert!(decode(&flipped).is_none(), "{at}");
        }
    }
}
