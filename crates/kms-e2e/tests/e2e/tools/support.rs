//! Running the commands, and a PKCS#11 program that nobody here wrote.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

/// Runs `strongroom` with these arguments, then `--data-dir` and the folder, to its end.
pub(super) fn command(arguments: &[&str], data_dir: &Path) -> Output {
    let mut command = Command::new(kms_e2e::strongroom_binary().unwrap());
    command.args(arguments).arg("--data-dir").arg(data_dir).env_remove("SOFTHSM2_CONF");
    command.output().unwrap()
}

/// The same with `--json`: the exit status and what was printed.
#[track_caller]
pub(super) fn json(arguments: &[&str], data_dir: &Path) -> (i32, Value) {
    let output = command(&[arguments, &["--json"]].concat(), data_dir);
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    let value = serde_json::from_str(&text).unwrap_or_else(|_| panic!("{output:?}"));
    (output.status.code().unwrap(), value)
}

/// Runs `pkcs11-tool` on the token of a data folder, logged in.
pub(super) fn pkcs11_tool(data_dir: &Path, arguments: &[&str]) -> Output {
    let script = r#". "$1/token.env" && shift && exec pkcs11-tool --module "$PKCS11_MODULE" --token-label "$TOKEN_LABEL" --login --pin "$PIN" "$@""#;
    Command::new("sh").args(["-c", script, "pkcs11-tool"]).arg(data_dir).args(arguments).output().unwrap()
}

/// A secret key of 32 bytes put into the token from outside, with this id and label.
#[track_caller]
pub(super) fn put_key(data_dir: &Path, id: uuid::Uuid, label: &str) {
    let id = id.simple().to_string();
    let made = pkcs11_tool(data_dir, &["--keygen", "--key-type", "generic:32", "--id", &id, "--label", label]);
    assert!(made.status.success(), "{made:?}");
}

/// How many secret keys with this id another program finds.
#[track_caller]
pub(super) fn count_keys(data_dir: &Path, id: uuid::Uuid) -> usize {
    let listing = pkcs11_tool(data_dir, &["--list-objects", "--type", "secrkey"]);
    assert!(listing.status.success(), "{listing:?}");
    let id = id.simple().to_string();
    String::from_utf8_lossy(&listing.stdout).lines().filter(|line| line.contains(&id)).count()
}

/// The body of a page.
#[track_caller]
pub(super) fn get(address: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    body.to_owned()
}

/// The folder of the only token below a token folder: `token.object` and the objects.
pub(super) fn objects_folder(token_folder: &Path) -> PathBuf {
    std::fs::read_dir(token_folder).unwrap().flatten().map(|entry| entry.path()).find(|path| path.is_dir()).unwrap()
}
