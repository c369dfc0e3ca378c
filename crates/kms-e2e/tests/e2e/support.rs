//! A key, its ciphertext, its import: what the tests begin with.

use std::sync::OnceLock;
use std::time::Duration;

use aws_sdk_kms::Client;
use aws_sdk_kms::primitives::{Blob, DateTime};
use aws_sdk_kms::types::{AlgorithmSpec, KeyMetadata, KeyState, OriginType, WrappingKeySpec};
use kms_e2e::{Server, client, fresh_account, material, wrap};
use tokio::sync::{Mutex, MutexGuard};

pub(crate) const REGION: &str = "us-east-1";

/// A client of a fresh account on the shared server.
pub(crate) fn fresh() -> Client {
    client(Server::shared().endpoint(), &fresh_account(), REGION)
}

/// A server whose clock a test may move; one test at a time has it, and finds it at the real time.
pub(crate) async fn timed() -> MutexGuard<'static, Server> {
    static TIMED: OnceLock<Mutex<Server>> = OnceLock::new();
    let server = TIMED.get_or_init(|| Mutex::new(Server::start().expect("no server to test"))).lock().await;
    server.set_clock_offset(0).unwrap();
    server
}

/// A symmetric key whose material is made in the token.
pub(crate) async fn new_key(client: &Client) -> KeyMetadata {
    client.create_key().send().await.unwrap().key_metadata.unwrap()
}

/// A key that waits for its material.
pub(crate) async fn new_external_key(client: &Client) -> KeyMetadata {
    client.create_key().origin(OriginType::External).send().await.unwrap().key_metadata.unwrap()
}

/// A name that no alias has.
pub(crate) fn fresh_alias() -> String {
    format!("alias/{}", kms_core::KeyId::random())
}

/// A fresh alias of a key.
pub(crate) async fn new_alias(client: &Client, key_id: &str) -> String {
    let name = fresh_alias();
    client.create_alias().alias_name(&name).target_key_id(key_id).send().await.unwrap();
    name
}

/// The description of a key now.
pub(crate) async fn describe(client: &Client, key_id: &str) -> KeyMetadata {
    client.describe_key().key_id(key_id).send().await.unwrap().key_metadata.unwrap()
}

/// The state of a key now.
pub(crate) async fn state(client: &Client, key_id: &str) -> KeyState {
    describe(client, key_id).await.key_state.unwrap()
}

/// The ARN of a key.
pub(crate) fn arn(key: &KeyMetadata) -> &str {
    key.arn().unwrap()
}

/// A wrapping key with its token, RSA 2048 and OAEP SHA-256.
pub(crate) struct Parameters {
    pub(crate) token: Blob,
    pub(crate) public_key: Vec<u8>,
}

impl Parameters {
    /// These bytes, wrapped.
    pub(crate) fn wrap(&self, bytes: &[u8]) -> Blob {
        Blob::new(wrap(&self.public_key, &AlgorithmSpec::RsaesOaepSha256, bytes).unwrap())
    }
}

/// Asks for a wrapping key.
pub(crate) async fn parameters(client: &Client, key_id: &str) -> Parameters {
    let answer = client
        .get_parameters_for_import()
        .key_id(key_id)
        .wrapping_algorithm(AlgorithmSpec::RsaesOaepSha256)
        .wrapping_key_spec(WrappingKeySpec::Rsa2048)
        .send()
        .await
        .unwrap();
    Parameters { token: answer.import_token.unwrap(), public_key: answer.public_key.unwrap().into_inner() }
}

/// A key with `material(number)` imported, without expiry.
pub(crate) async fn imported_key(client: &Client, number: u8) -> KeyMetadata {
    let key = new_external_key(client).await;
    kms_e2e::import(client, key.key_id(), &material(number)).await.unwrap();
    describe(client, key.key_id()).await
}

/// Encrypts `hello`.
pub(crate) async fn encrypt(client: &Client, key_id: &str) -> Blob {
    let answer = client.encrypt().key_id(key_id).plaintext(Blob::new("hello")).send().await.unwrap();
    answer.ciphertext_blob.unwrap()
}

/// Decrypts by the key that the ciphertext names.
pub(crate) async fn decrypt(client: &Client, ciphertext: &Blob) -> Vec<u8> {
    let answer = client.decrypt().ciphertext_blob(ciphertext.clone()).send().await.unwrap();
    answer.plaintext.unwrap().into_inner()
}

/// The time now.
#[expect(clippy::disallowed_methods, reason = "the tests look at the clock from outside")]
pub(crate) fn now() -> time::OffsetDateTime {
    time::OffsetDateTime::now_utc()
}

/// A moment so many seconds from now, cut to the second.
pub(crate) fn seconds_from_now(seconds: i64) -> DateTime {
    DateTime::from_secs(now().unix_timestamp() + seconds)
}

/// Waits until this becomes true.
///
/// # Panics
/// If it has not after 20 seconds.
pub(crate) async fn eventually(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    for _ in 0..200 {
        if is_so().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("this did not happen within 20 seconds: {what}");
}
