//! What is made once under a folder and never again in silence: a token, its marker and its PINs.
//!
//! `token/` is the token, made aside and renamed; `token.made` names its label and says that it was made here.

use std::fs;
use std::path::Path;

use zeroize::Zeroizing;

use crate::{LocalError, files};

/// Sees that `token/` under `dir` holds a token of this label: makes one if none was ever made there. `is_token` tells the
/// entry of `token/` that makes it one. `dir` is a private folder.
///
/// # Errors
/// [`LocalError::TokenMissing`] if one was made and is gone, [`LocalError::Unusable`] if it has another label,
/// [`LocalError::File`], and those of `make`.
pub(crate) fn see_to_it(
    dir: &Path,
    label: &str,
    is_token: impl Fn(&Path) -> bool,
    make: impl FnOnce() -> Result<(), LocalError>,
) -> Result<(), LocalError> {
    let folder = dir.join("token");
    let marker = dir.join("token.made");
    if let Some(made) = files::read_if_there(&marker)? {
        return check_presence(&folder, made.trim(), label, is_token);
    }
    // Without its marker the folder is the last step of a start that was killed right there.
    if !folder.exists() {
        make()?;
    }
    check_presence(&folder, label, label, is_token)?;
    files::write_private(&marker, label)
}

/// A label of a token is 1 to 32 printable ASCII characters (CK_TOKEN_INFO, PKCS#11 3.2).
///
/// # Errors
/// [`LocalError::Unusable`].
pub(crate) fn check_label(label: &str) -> Result<(), LocalError> {
    let is_printable = label.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic());
    if is_printable && (1..=32).contains(&label.len()) && label.trim() == label {
        return Ok(());
    }
    Err(LocalError::Unusable("the label of a token is 1 to 32 printable ASCII characters".to_owned()))
}

/// 48 hexadecimal digits: 192 random bits.
///
/// # Errors
/// [`LocalError::Unusable`] if the system gives none.
pub(crate) fn random_pin() -> Result<Zeroizing<String>, LocalError> {
    let mut bytes = Zeroizing::new([0_u8; 24]);
    getrandom::fill(bytes.as_mut_slice())
        .map_err(|error| LocalError::Unusable(format!("the system gives no random bytes: {error}")))?;
    Ok(Zeroizing::new(bytes.iter().map(|byte| format!("{byte:02x}")).collect()))
}

/// The one line of a file that holds a secret.
///
/// # Errors
/// [`LocalError::File`].
pub(crate) fn read_secret(path: &Path) -> Result<Zeroizing<String>, LocalError> {
    let content = fs::read_to_string(path).map(Zeroizing::new).map_err(LocalError::file(path))?;
    Ok(Zeroizing::new(content.trim().to_owned()))
}

/// A value as one word for the shell.
pub(crate) fn shell_quote(value: &str) -> String {
    format!("'{}'", value.replace('\'', r"'\''"))
}

fn check_presence(folder: &Path, made: &str, label: &str, is_token: impl Fn(&Path) -> bool) -> Result<(), LocalError> {
    if made != label {
        let text = format!("{} holds a token with the label {made}, not {label}", folder.display());
        return Err(LocalError::Unusable(text));
    }
    let missing =
        |reason: &str| Err(LocalError::TokenMissing { folder: folder.to_path_buf(), reason: reason.to_owned() });
    match fs::read_dir(folder) {
        Err(_) => missing("the folder cannot be read or is not there"),
        Ok(mut entries) => {
            let has_token = entries.any(|entry| entry.is_ok_and(|entry| is_token(&entry.path())));
            if has_token { Ok(()) } else { missing("the folder holds no token") }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

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
