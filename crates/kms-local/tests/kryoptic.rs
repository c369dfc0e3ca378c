//! A token of the second make is made once and never again. These tests run the real `pkcs11-tool` on the real module.

#![expect(clippy::unwrap_used, reason = "a test ends at the first surprise")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use kms_local::{EphemeralFolder, KryopticToken, LocalError};

const LABEL: &str = "strongroom second";

fn folder() -> EphemeralFolder {
    EphemeralFolder::new("strongroom-try-").unwrap()
}

/// `cargo xtask test --pq` names it.
fn module() -> PathBuf {
    std::env::var_os("STRONGROOM_PQ_MODULE").expect("STRONGROOM_PQ_MODULE names the module").into()
}

#[test]
#[ignore = "needs the module: cargo xtask test --pq"]
fn a_token_is_made_once_and_a_shell_that_sources_its_file_logs_in() {
    let folder = folder();
    let made = KryopticToken::create_or_open(folder.path(), LABEL, &module()).unwrap();
    let opened = KryopticToken::create_or_open(folder.path(), LABEL, &module()).unwrap();
    assert_eq!((made.pin(), made.module()), (opened.pin(), opened.module()));
    let script = r#". "$0/token.env" && pkcs11-tool --module "$PKCS11_MODULE" --token-label "$TOKEN_LABEL" --login --pin env:PIN \
        --keygen --key-type AES:32 --label trial"#;
    let output = Command::new("sh").arg("-c").arg(script).arg(folder.path()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("trial"), "{text}");
    assert!(!format!("{made:?}").contains(made.pin()));
}

#[test]
#[ignore = "needs the module: cargo xtask test --pq"]
fn a_token_that_is_gone_is_never_made_again() {
    let folder = folder();
    KryopticToken::create_or_open(folder.path(), LABEL, &module()).unwrap();
    let storage = folder.path().join("token/token.sql");
    fs::rename(&storage, folder.path().join("aside")).unwrap();
    let refusal = KryopticToken::create_or_open(folder.path(), LABEL, &module()).unwrap_err();
    assert!(matches!(refusal, LocalError::TokenMissing { .. }), "{refusal}");
    assert!(!storage.exists());
    fs::rename(folder.path().join("aside"), &storage).unwrap();
    KryopticToken::create_or_open(folder.path(), LABEL, &module()).unwrap();
}

#[test]
fn a_module_that_is_not_there_is_told_with_the_command_that_builds_it() {
    let folder = folder();
    let refusal = KryopticToken::create_or_open(folder.path(), LABEL, Path::new("/nowhere/m.so")).unwrap_err();
    assert!(refusal.to_string().contains("cargo xtask kryoptic"), "{refusal}");
    assert!(!folder.path().join("token.made").exists());
}
