//! What the tests with rusoto need: a server, a client of it, and the wrapping of key material.

use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use hyper::client::{Client, HttpConnector};
use rusoto_core::{HttpClient, Region};
use rusoto_credential::StaticProvider;
use rusoto_kms::{GetParametersForImportRequest, ImportKeyMaterialRequest, Kms, KmsClient};

const READY: &str = "strongroom is ready at ";
const STOP_TIME: Duration = Duration::from_secs(30);

/// A throw-away `strongroom dev`, stopped when it is dropped. If this process dies it stops too: its standard input ends.
pub struct Server {
    child: Child,
    /// Kept open, or the server could not write to it.
    _stdout: BufReader<ChildStdout>,
    endpoint: String,
}

impl Server {
    /// Starts the program that the environment names by `STRONGROOM_BIN` and waits until it is ready.
    ///
    /// # Panics
    /// It does not become ready.
    pub fn start() -> Self {
        let program = std::env::var_os("STRONGROOM_BIN").expect("STRONGROOM_BIN names the built server");
        let mut child = Command::new(program)
            .args(["dev", "--listen", "127.0.0.1:0", "--ephemeral", "--until-stdin-ends"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the server can be started");
        let mut stdout = BufReader::new(child.stdout.take().expect("the output is piped"));
        let mut line = String::new();
        stdout.read_line(&mut line).expect("the server prints text");
        let endpoint = line.strip_prefix(READY).expect("the server becomes ready").trim().to_owned();
        Self { child, _stdout: stdout, endpoint }
    }

    /// A client of a fresh account, with this secret. rusoto's own connector would take https only.
    pub fn client(&self, secret: &str) -> KmsClient {
        let dispatcher = HttpClient::from_builder(Client::builder(), HttpConnector::new());
        let credentials = StaticProvider::new_minimal(fresh_account(), secret.to_owned());
        let region = Region::Custom { name: "eu-central-1".to_owned(), endpoint: self.endpoint.clone() };
        KmsClient::new_with(dispatcher, credentials, region)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let begun = Instant::now();
        while begun.elapsed() < STOP_TIME {
            match self.child.try_wait().expect("the server was not waited for before") {
                Some(status) if status.success() || std::thread::panicking() => return,
                Some(status) => panic!("the server ended with {status}"),
                None => std::thread::sleep(Duration::from_millis(20)),
            }
        }
        let _ended_meanwhile = self.child.kill();
        assert!(std::thread::panicking(), "the server did not stop in time");
    }
}

/// Imports 32 bytes into a key of origin EXTERNAL, valid until the given second since 1970, or for ever.
pub async fn import_material(kms: &KmsClient, key: &str, material: &[u8], valid_to: Option<f64>) {
    let parameters = kms
        .get_parameters_for_import(GetParametersForImportRequest {
            key_id: key.to_owned(),
            wrapping_algorithm: "RSAES_OAEP_SHA_256".to_owned(),
            wrapping_key_spec: "RSA_2048".to_owned(),
        })
        .await
        .expect("the key waits for material");
    let expires = valid_to.map_or("KEY_MATERIAL_DOES_NOT_EXPIRE", |_| "KEY_MATERIAL_EXPIRES");
    kms.import_key_material(ImportKeyMaterialRequest {
        encrypted_key_material: wrap(&parameters.public_key.expect("the answer has a wrapping key"), material),
        expiration_model: Some(expires.to_owned()),
        import_token: parameters.import_token.expect("the answer has a token"),
        key_id: key.to_owned(),
        valid_to,
    })
    .await
    .expect("the material is taken");
}

/// Encrypts key material under the wrapping key with openssl, in the words of the AWS documentation.
fn wrap(public_key: &[u8], material: &[u8]) -> Bytes {
    let file = scratch_file();
    std::fs::write(&file, public_key).expect("the temporary folder can be written");
    let options = ["rsa_padding_mode:oaep", "rsa_oaep_md:sha256", "rsa_mgf1_md:sha256"];
    let mut openssl = Command::new("openssl")
        .args(["pkeyutl", "-encrypt", "-pubin", "-keyform", "DER", "-inkey"])
        .arg(&file)
        .args(options.iter().flat_map(|option| ["-pkeyopt", option]))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("openssl is installed");
    openssl.stdin.take().expect("the input is piped").write_all(material).expect("openssl reads it");
    let output = openssl.wait_with_output().expect("openssl ends");
    std::fs::remove_file(&file).expect("the file is still there");
    assert!(output.status.success(), "openssl ended with {}", output.status);
    output.stdout.into()
}

/// Twelve digits that no other client of this process has.
fn fresh_account() -> String {
    format!("{:012}", 100_000_000_000 + unique() % 900_000_000_000)
}

fn scratch_file() -> PathBuf {
    std::env::temp_dir().join(format!("strongroom-rusoto-{}-{}", std::process::id(), unique()))
}

fn unique() -> u64 {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock is past 1970");
    now.as_micros() as u64 + COUNT.fetch_add(1, Ordering::Relaxed)
}
