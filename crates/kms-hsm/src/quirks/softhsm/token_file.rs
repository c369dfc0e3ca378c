//! The guard of `token.object`. SoftHSM rewrites this file at each login by truncating it, without fsync or rename; a kill
//! in that moment leaves it empty or short, and with it the wrapped master key of every object on the token is lost
//! (hsm-facts 0.1). So a verified copy lies beside the token folder, and a torn file is replaced by it before the library
//! is initialised. A healthy file is never touched.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::object_file::{self, Value};
use super::token_copy::{Entry, TokenCopy, write_atomically};
use crate::config::OpenError;
use crate::write_lock::WriteLock;

/// The pause before a torn file is read again: another program may be in the middle of its login.
const SECOND_LOOK: Duration = Duration::from_millis(25);
/// Looks, with that pause after each, before a file counts as torn.
const LOOKS: u32 = 3;
/// `CKA_OS_TOKENFLAGS`, as SoftHSM calls it.
const FLAGS: u64 = 0x8000_534b;
/// `CKF_{USER,SO}_PIN_{COUNT_LOW,FINAL_TRY,LOCKED}`.
const FLAGS_OF_LOGINS: u64 = 0x0077_0000;

/// The guard of one token's `token.object`. Its methods are called under the write lock.
pub(crate) struct TokenFile {
    folder: PathBuf,
    label: String,
    /// Each `token.object` with its folder, as the library has read it.
    seen: Vec<Entry>,
}

/// How `token.object` and its verified copy stand.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TokenFileState {
    /// Whole, and the copy is the same.
    Copied,
    /// Whole, and the copy is older by no more than logins: the next opening renews it.
    OlderCopy,
    /// Whole, and the copy is whole too but has other keys, because a PIN was changed or one of the two is damaged: the next
    /// opening that reads the sentinel renews the copy.
    OtherKeys,
    /// Whole, without a copy, or with one whose checksum is wrong: the next opening makes one.
    NoCopy,
    /// Torn, and the next start of a node restores it from the copy.
    TornButCopied,
    /// Torn, and there is no copy: restore it from a backup.
    Torn,
}

/// Looks at the `token.object` of the token with this label under a SoftHSM folder, under the write lock.
///
/// # Errors
/// [`OpenError::TokenMissing`] if the folder is gone, [`OpenError::File`], [`OpenError::Hsm`] if the lock is held too long.
pub fn token_file_state(folder: &Path, label: &str) -> Result<TokenFileState, OpenError> {
    let lock = WriteLock::open(Some(folder))?;
    let _guard = lock.acquire()?;
    TokenFile::new(folder, label).state()
}

impl TokenFile {
    /// The guard of the token with this label under a SoftHSM `directories.tokendir`.
    pub(crate) fn new(folder: &Path, label: &str) -> Self {
        Self { folder: folder.to_owned(), label: label.to_owned(), seen: Vec::new() }
    }

    /// Restores a torn `token.object` from the verified copy. To be called before the library is initialised.
    ///
    /// # Errors
    /// [`OpenError::TokenMissing`] if the folder of the token is gone, [`OpenError::TokenTorn`] if the file is torn and
    /// no copy names it, [`OpenError::File`].
    pub(crate) fn check(&self) -> Result<(), OpenError> {
        if !self.folder.is_dir() {
            return Err(OpenError::TokenMissing(format!("no folder {}", self.folder.display())));
        }
        let copy = TokenCopy::load(&self.folder)?;
        let ours = |entry: &&Entry| label_of(&entry.bytes).as_deref() == Some(&self.label);
        for entry in copy.entries().iter().filter(ours) {
            let slot_folder = self.folder.join(&entry.slot_folder);
            if !slot_folder.is_dir() {
                return Err(OpenError::TokenMissing(format!("no folder {}", slot_folder.display())));
            }
            self.restore_if_torn(&slot_folder.join("token.object"), &entry.bytes)?;
        }
        self.refuse_torn_without_copy(&copy)
    }

    /// Refuses a torn `token.object` and restores nothing.
    ///
    /// # Errors
    /// [`OpenError::TokenMissing`] if the folder is gone, [`OpenError::NotRestored`] if [`TokenFile::check`] would restore
    /// the file, [`OpenError::TokenTorn`] if it could not, [`OpenError::File`].
    pub(crate) fn refuse_torn(&self) -> Result<(), OpenError> {
        if !self.folder.is_dir() {
            return Err(OpenError::TokenMissing(format!("no folder {}", self.folder.display())));
        }
        match self.refuse_torn_without_copy(&TokenCopy::default()) {
            Err(OpenError::TokenTorn(path)) => {
                let copy = TokenCopy::load(&self.folder)?;
                let has_copy = path.parent().is_some_and(|slot_folder| copy.of(slot_folder).is_some());
                Err(if has_copy { OpenError::NotRestored(path) } else { OpenError::TokenTorn(path) })
            }
            other => other,
        }
    }

    fn state(&self) -> Result<TokenFileState, OpenError> {
        match self.refuse_torn() {
            Err(OpenError::NotRestored(_)) => return Ok(TokenFileState::TornButCopied),
            Err(OpenError::TokenTorn(_)) => return Ok(TokenFileState::Torn),
            other => other?,
        }
        let copy = TokenCopy::load(&self.folder)?;
        let mut state = TokenFileState::NoCopy;
        for slot_folder in self.slot_folders()? {
            let bytes = read(&slot_folder.join("token.object"))?;
            if label_of(&bytes).as_deref() != Some(&self.label) {
                continue;
            }
            match copy.of(&slot_folder) {
                Some(entry) if entry.bytes == bytes => state = TokenFileState::Copied,
                Some(entry) if differ_by_logins(&entry.bytes, &bytes) => state = TokenFileState::OlderCopy,
                Some(_) => state = TokenFileState::OtherKeys,
                None => {}
            }
        }
        Ok(state)
    }

    /// Remembers each `token.object` as it is now. To be called before the library reads them.
    ///
    /// # Errors
    /// [`OpenError::File`].
    pub(crate) fn see(&mut self) -> Result<(), OpenError> {
        self.seen = self.whole_files()?;
        Ok(())
    }

    /// Forgets what was seen: the library has read the files earlier.
    pub(crate) fn forget_seen(&mut self) {
        self.seen.clear();
    }

    /// Renews the verified copy once an object was decrypted with the master key, which proves the file that the library
    /// has read, but for the part that the SO's PIN opens. A file that differs from it by more than logins is left out.
    ///
    /// # Errors
    /// [`OpenError::File`].
    pub(crate) fn renew(&self) -> Result<(), OpenError> {
        self.renew_where(|_, now| {
            let seen = self.seen.iter().find(|seen| seen.slot_folder == now.slot_folder);
            seen.is_some_and(|seen| differ_by_logins(&seen.bytes, &now.bytes))
        })
    }

    /// Renews the copy from a file of which nothing is proved yet: where there is none, and where the file differs from it
    /// by no more than a login changes. A master key that is damaged on the disk never takes the place of a good one.
    ///
    /// # Errors
    /// [`OpenError::File`].
    pub(crate) fn renew_unproved(&self) -> Result<(), OpenError> {
        self.renew_where(|copied, now| copied.is_none_or(|copied| differ_by_logins(&copied.bytes, &now.bytes)))
    }

    fn renew_where(&self, may_replace: impl Fn(Option<&Entry>, &Entry) -> bool) -> Result<(), OpenError> {
        let mut copy = TokenCopy::load(&self.folder)?;
        let mut is_other = false;
        for now in self.whole_files()? {
            let copied = copy.of(&self.folder.join(&now.slot_folder));
            if copied.is_none_or(|copied| copied.bytes != now.bytes) && may_replace(copied, &now) {
                copy.replace(now);
                is_other = true;
            }
        }
        if is_other { copy.store(&self.folder) } else { Ok(()) }
    }

    /// The files of this token. One that another program is writing just now is left out: the copy made before stays good,
    /// because a login does not change the keys.
    fn whole_files(&self) -> Result<Vec<Entry>, OpenError> {
        let mut files = Vec::new();
        for slot_folder in self.slot_folders()? {
            let bytes = read(&slot_folder.join("token.object"))?;
            if label_of(&bytes).as_deref() == Some(&self.label) {
                let name = slot_folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
                files.push(Entry { slot_folder: name, bytes });
            }
        }
        Ok(files)
    }

    /// How many token objects the token's folder holds beyond those that a search has found: 0 if it found them all.
    ///
    /// # Errors
    /// [`OpenError::TokenMissing`] if the folder is away, [`OpenError::File`].
    pub(crate) fn count_hidden(&self, found: usize) -> Result<usize, OpenError> {
        for slot_folder in self.slot_folders()? {
            if settled_label(&slot_folder.join("token.object"))?.as_deref() != Some(&self.label) {
                continue;
            }
            let files = object_files(&slot_folder)?;
            // Reading them all is worth it only if there are more files than objects; then torn ones are told apart.
            if files.len() <= found {
                return Ok(0);
            }
            let whole = files.iter().filter(|path| read(path).is_ok_and(|bytes| object_file::is_token_object(&bytes)));
            return Ok(whole.count().saturating_sub(found));
        }
        Err(OpenError::TokenMissing(format!("no whole token.object of {:?} in {}", self.label, self.folder.display())))
    }

    fn restore_if_torn(&self, path: &Path, bytes: &[u8]) -> Result<(), OpenError> {
        if settled_label(path)?.is_some() {
            return Ok(());
        }
        let found = read(path)?;
        // What is replaced is kept, in case a later SoftHSM writes a form that this code takes for torn.
        if !found.is_empty() {
            write_atomically(&self.folder.with_file_name("token-object.torn"), &found)?;
        }
        write_atomically(path, bytes)?;
        tracing::warn!(path = %path.display(), torn_bytes = found.len(), "restored a torn token.object from its copy");
        Ok(())
    }

    fn refuse_torn_without_copy(&self, copy: &TokenCopy) -> Result<(), OpenError> {
        let mut torn = None;
        for slot_folder in self.slot_folders()? {
            let path = slot_folder.join("token.object");
            match label_of(&read(&path)?) {
                Some(label) if label == self.label => return Ok(()),
                Some(_) => {}
                None if copy.of(&slot_folder).is_some() => {}
                None => torn = Some(path),
            }
        }
        torn.map_or(Ok(()), |path| Err(OpenError::TokenTorn(path)))
    }

    fn slot_folders(&self) -> Result<Vec<PathBuf>, OpenError> {
        let list = fs::read_dir(&self.folder).map_err(OpenError::file(&self.folder))?;
        let paths = list.map(|entry| entry.map(|entry| entry.path())).collect::<Result<Vec<_>, _>>();
        let paths = paths.map_err(OpenError::file(&self.folder))?;
        Ok(paths.into_iter().filter(|path| path.is_dir()).collect())
    }
}

/// Files `*.object` of more than no bytes; a kill can leave empty ones.
fn object_files(slot_folder: &Path) -> Result<Vec<PathBuf>, OpenError> {
    let mut files = Vec::new();
    for entry in fs::read_dir(slot_folder).map_err(OpenError::file(slot_folder))? {
        let path = entry.map_err(OpenError::file(slot_folder))?.path();
        let is_object = path.extension().is_some_and(|extension| extension == "object");
        // A file that vanished since it was listed is no object.
        if is_object && !path.ends_with("token.object") && path.metadata().is_ok_and(|metadata| metadata.len() > 0) {
            files.push(path);
        }
    }
    Ok(files)
}

/// The token label in the bytes of a whole `token.object`, or none if they are torn: it has label, serial, flags and the
/// master key wrapped under each PIN.
pub(crate) fn label_of(bytes: &[u8]) -> Option<String> {
    const LABEL: u64 = 0x8000_5349;
    const WRAPPED_UNDER_USER_PIN: u64 = 0x8000_534d;
    let attributes = object_file::parse(bytes)?;
    let text = |wanted| {
        attributes.iter().find_map(|(attribute, value)| match value {
            Value::Bytes(bytes) if *attribute == wanted && !bytes.is_empty() => Some(*bytes),
            _ => None,
        })
    };
    let has_flags =
        attributes.iter().any(|(attribute, value)| *attribute == FLAGS && matches!(value, Value::Number(_)));
    let is_whole = has_flags && text(WRAPPED_UNDER_USER_PIN).is_some();
    let label = std::str::from_utf8(text(LABEL)?).ok()?.trim_end();
    is_whole.then(|| label.to_owned())
}

/// Whether two whole files are the same but for their counter and the flags of failed logins.
fn differ_by_logins(one: &[u8], other: &[u8]) -> bool {
    let lasting = |(id, value)| match value {
        Value::Number(flags) if id == FLAGS => (id, Value::Number(flags & !FLAGS_OF_LOGINS)),
        other => (id, other),
    };
    let rest = |bytes| object_file::parse(bytes).map(|all| all.into_iter().map(lasting).collect());
    let (one, other): (Option<Vec<_>>, _) = (rest(one), rest(other));
    one.is_some() && one == other
}

/// The label in a `token.object`; none if it is torn, which a login of another program is excused for: it is looked at again.
fn settled_label(path: &Path) -> Result<Option<String>, OpenError> {
    for _ in 0..LOOKS {
        if let Some(label) = label_of(&read(path)?) {
            return Ok(Some(label));
        }
        std::thread::sleep(SECOND_LOOK);
    }
    Ok(label_of(&read(path)?))
}

/// A missing file counts as an empty one: both are torn.
fn read(path: &Path) -> Result<Vec<u8>, OpenError> {
    match fs::read(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
        other => other.map_err(OpenError::file(path)),
    }
}

#[cfg(test)]
#[path = "token_file_tests.rs"]
mod tests;
