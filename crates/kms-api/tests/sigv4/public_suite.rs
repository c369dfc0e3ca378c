//! The public test suite of the scheme, which ships inside the package of the AWS signer. It stays there: the folder is
//! looked up when the test runs.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use kms_api::sigv4::{Credentials, CredentialsRefused, SecretAccessKey, SignatureError, SigningKeys, Verifier};
use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::support::Request;

/// Cases of the suite that are refused here on purpose, and why.
const REFUSED: [(&str, &str); 8] = [
    (
        "get-header-value-multiline",
        "folded header lines are obsolete (RFC 9112, section 5.2); HTTP servers refuse them",
    ),
    ("get-relative-normalized", NOT_NORMALISED),
    ("get-relative-relative-normalized", NOT_NORMALISED),
    ("get-slash-dot-slash-normalized", NOT_NORMALISED),
    ("get-slash-normalized", NOT_NORMALISED),
    ("get-slash-pointless-dot-normalized", NOT_NORMALISED),
    ("get-slashes-normalized", NOT_NORMALISED),
    ("post-sts-header-after", "its X-Amz-Security-Token is not signed; all x-amz- headers must be"),
];
const NOT_NORMALISED: &str = "paths are signed as received, never normalised: the service lives at / alone";

/// Folders that are no complete case.
const LEFT_OUT: [(&str, &str); 2] = [
    ("double-encode-path", "no context.json, so nobody knows its secret"),
    ("double-url-encode", "no context.json, so nobody knows its secret"),
];

#[test]
fn the_public_suite_is_verified() {
    let folder = suite_folder();
    let mut names: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names.len(), 40, "another edition of the suite: look through it, then change this number");
    let (mut accepted, mut refused, mut left_out) = (0, 0, 0);
    for name in names.iter().map(|name| name.to_str().unwrap()) {
        if let Some((_, reason)) = LEFT_OUT.iter().find(|(other, _)| *other == name) {
            println!("left out: {name}: {reason}");
            left_out += 1;
            continue;
        }
        let case = Case::load(folder.join(name));
        let outcome = case.verify("header-signed-request.txt");
        if let Some((_, reason)) = REFUSED.iter().find(|(other, _)| *other == name) {
            println!("refused:  {name}: {reason}");
            assert_eq!(outcome, Err(SignatureError::DoesNotMatch), "{name}");
            refused += 1;
        } else {
            assert_eq!(outcome, Ok(()), "{name}");
            accepted += 1;
        }
        let presigned = case.verify("query-signed-request.txt");
        assert_eq!(presigned, Err(SignatureError::MissingAuthenticationToken), "{name}, signed in its query");
    }
    println!("{accepted} cases accepted, {refused} refused on purpose, {left_out} left out");
    assert_eq!((accepted, refused, left_out), (30, REFUSED.len(), LEFT_OUT.len()));
}

/// One folder of the suite.
struct Case {
    folder: PathBuf,
    context: Value,
}

impl Case {
    fn load(folder: PathBuf) -> Self {
        let context = serde_json::from_str(&fs::read_to_string(folder.join("context.json")).unwrap()).unwrap();
        Self { folder, context }
    }

    fn verify(&self, file: &str) -> Result<(), SignatureError> {
        let request = parse_request(&fs::read_to_string(self.folder.join(file)).unwrap());
        let now = OffsetDateTime::parse(self.context["timestamp"].as_str().unwrap(), &Rfc3339).unwrap();
        let service: &'static str = self.context["service"].as_str().unwrap().to_owned().leak();
        let (_, id, region) = request.verify_by(&Verifier::for_service(self, service), now)?;
        assert_eq!(id, self.context["credentials"]["access_key_id"]);
        assert_eq!(region, self.context["region"]);
        Ok(())
    }
}

impl SigningKeys for &Case {
    type Caller = ();

    fn find(&self, id: &str, token: Option<&str>) -> Result<Credentials<()>, CredentialsRefused> {
        let credentials = &self.context["credentials"];
        assert_eq!(id, credentials["access_key_id"]);
        assert_eq!(token, credentials["token"].as_str());
        let secret = credentials["secret_access_key"].as_str().unwrap();
        Ok(Credentials { secret: SecretAccessKey::new(secret.to_owned()), caller: () })
    }
}

/// The suite writes targets as they are, spaces included, so no HTTP library can read it.
fn parse_request(text: &str) -> Request {
    let (head, body) = text.split_once("\n\n").unwrap_or((text, ""));
    // A line that starts with a space goes on with the value before it.
    let head = head.replace("\n ", "\0 ");
    let mut lines = head.lines();
    let request_line = lines.next().unwrap().strip_suffix(" HTTP/1.1").unwrap();
    let (method, target) = request_line.split_once(' ').unwrap();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let headers = lines.map(|line| line.split_once(':').unwrap());
    Request {
        method: method.to_owned(),
        path: path.to_owned(),
        query: query.to_owned(),
        headers: headers.map(|(name, value)| (name.to_owned(), value.replace('\0', "\n").into_bytes())).collect(),
        body: body.as_bytes().to_vec(),
    }
}

/// Where cargo unpacked the dependency. Only packages of this platform are asked for, since the others need not be there.
fn suite_folder() -> PathBuf {
    let rustc = Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into())).arg("-vV").output().unwrap();
    let rustc = String::from_utf8(rustc.stdout).unwrap();
    let platform = rustc.lines().find_map(|line| line.strip_prefix("host: ")).unwrap();
    let metadata = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["metadata", "--format-version", "1", "--filter-platform", platform])
        .args(["--manifest-path", concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")])
        .output()
        .unwrap();
    assert!(metadata.status.success(), "{}", String::from_utf8_lossy(&metadata.stderr));
    let metadata: Value = serde_json::from_slice(&metadata.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let signer = packages.iter().find(|package| package["name"] == "aws-sigv4").unwrap();
    let manifest = Path::new(signer["manifest_path"].as_str().unwrap());
    manifest.with_file_name("aws-signing-test-suite").join("v4")
}
