//! A token is made once and never again. These tests run the real `softhsm2-util`.

#![expect(clippy::unwrap_used, reason = "a test ends at the first surprise")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use kms_local::{EphemeralFolder, LocalError, SoftHsmToken};

const LABEL: &str = "strongroom";

fn folder() -> EphemeralFolder {
    EphemeralFolder::new("strongroom-try-").unwrap()
}

#[test]
fn a_token_is_made_once_and_opened_after_that() {
    let folder = folder();
    let made = SoftHsmToken::create_or_open(folder.path(), LABEL).unwrap();
    let slots = |token: &SoftHsmToken| -> Vec<_> {
        fs::read_dir(token.token_folder()).unwrap().map(|entry| entry.unwrap().file_name()).collect()
    };
    let opened = SoftHsmToken::create_or_open(folder.path(), LABEL).unwrap();
    assert_eq!(slots(&made), slots(&opened));
    assert_eq!(made.pin(), opened.pin());
    assert!(opened.module().is_file());
}

#[test]
fn a_shell_that_sources_token_env_reaches_the_token() {
    let folder = folder();
    SoftHsmToken::create_or_open(folder.path(), LABEL).unwrap();
    let script = r#". "$0/token.env" && softhsm2-util --show-slots && test -n "$PKCS11_MODULE" && test ${#PIN} = 48"#;
    let output = Command::new("sh").arg("-c").arg(script).arg(folder.path()).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(text.contains("Label:            strongroom"), "{text}");
    for name in ["token.env", "token.pin", "token.so-pin"] {
        let mode = fs::metadata(folder.path().join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
}

#[test]
fn a_token_that_is_gone_is_never_made_again() {
    let folder = folder();
    let token = SoftHsmToken::create_or_open(folder.path(), LABEL).unwrap();
    let (place, aside) = (token.token_folder(), folder.path().join("aside"));
    fs::rename(&place, &aside).unwrap();
    let refusal = SoftHsmToken::create_or_open(folder.path(), LABEL).unwrap_err();
    assert!(matches!(refusal, LocalError::TokenMissing { .. }), "{refusal}");
    assert!(refusal.to_string().contains("is missing; restore it"), "{refusal}");
    fs::create_dir(&place).unwrap();
    assert!(matches!(SoftHsmToken::create_or_open(folder.path(), LABEL), Err(LocalError::TokenMissing { .. })));
    assert_eq!(fs::read_dir(&place).unwrap().count(), 0, "nothing was made in the empty folder");
    fs::remove_dir(&place).unwrap();
    fs::rename(&aside, &place).unwrap();
    SoftHsmToken::create_or_open(folder.path(), LABEL).unwrap();
}

#[test]
fn a_start_killed_before_its_marker_keeps_the_token_it_made() {
    let folder = folder();
    let token = SoftHsmToken::create_or_open(folder.path(), LABEL).unwrap();
    let pin = token.pin().to_owned();
    fs::remove_file(folder.path().join("token.made")).unwrap();
    fs::create_dir(folder.path().join("token.new")).unwrap();
    let again = SoftHsmToken::create_or_open(folder.path(), LABEL).unwrap();
    assert_eq!(again.pin(), pin);
    assert_eq!(fs::read_dir(again.token_folder()).unwrap().count(), 1);
}

#[test]
fn a_folder_that_was_moved_still_works() {
    let folder = folder();
    let here = folder.path().join("here");
    SoftHsmToken::create_or_open(&here, LABEL).unwrap();
    let there = folder.path().join("there");
    fs::rename(&here, &there).unwrap();
    let token = SoftHsmToken::create_or_open(&there, LABEL).unwrap();
    let config = fs::read_to_string(token.config_file()).unwrap();
    assert!(config.contains(&format!("directories.tokendir = {}", token.token_folder().display())), "{config}");
}

#[test]
fn another_label_is_refused_and_the_pin_is_not_printed() {
    let folder = folder();
    let token = SoftHsmToken::create_or_open(folder.path(), LABEL).unwrap();
    assert!(!format!("{token:?}").contains(token.pin()));
    let refusal = SoftHsmToken::create_or_open(folder.path(), "another").unwrap_err().to_string();
    assert!(refusal.contains("strongroom, not another"), "{refusal}");
}
