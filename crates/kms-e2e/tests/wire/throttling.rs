//! What a client reads when more requests come than the service takes.

use kms_e2e::{Server, fresh_account};
use serde_json::{Value, json};

use crate::http::Connection;
use crate::signer::Request;

/// RSA data key pairs that are made or wait at the same time: one and 8. Source: docs/configuration.md, "Limits built in".
const TAKEN: usize = 1 + 8;
const REQUESTS: usize = TAKEN + 7;

/// protocol.md 8.
const TEXT: &str = "You have exceeded the rate at which you may call KMS. Reduce the frequency of your calls.";

#[test]
fn more_data_key_pairs_than_may_wait_are_throttled() {
    let pair = |key_id: &str| json!({"KeyId": key_id, "KeyPairSpec": "RSA_3072"});
    some_are_made_and_some_throttled(json!({}), "GenerateDataKeyPairWithoutPlaintext", pair);
}

/// Three at once; no pairs of this wrapping algorithm lie ready. Without the bound they would hold a session each.
#[test]
fn more_wrapping_pairs_than_are_made_at_once_are_throttled() {
    let algorithm = "RSA_AES_KEY_WRAP_SHA_256";
    let wrapping =
        |key_id: &str| json!({"KeyId": key_id, "WrappingAlgorithm": algorithm, "WrappingKeySpec": "RSA_3072"});
    let rsa = json!({"Origin": "EXTERNAL", "KeySpec": "RSA_2048", "KeyUsage": "SIGN_VERIFY"});
    some_are_made_and_some_throttled(rsa, "GetParametersForImport", wrapping);
}

/// Creates a key and sends it all requests before any answer is read.
fn some_are_made_and_some_throttled(key: Value, operation: &str, body: impl Fn(&str) -> Value) {
    let server = Server::start().unwrap();
    let account = fresh_account();
    // Before the connection is there: the first signature of a process is slow, and the server gives a client 5 s.
    let create = Request::of_account(&account, "CreateKey", key).bytes();
    let mut connection = Connection::to(&server);
    connection.send(&create).unwrap();
    let created = connection.answer();
    assert_eq!(created.status, 200, "{created:?}");
    let created = created.json();
    let key_id = created["KeyMetadata"]["KeyId"].as_str().unwrap();
    let bytes = Request::of_account(&account, operation, body(key_id)).bytes();
    let open = |_| {
        let mut connection = Connection::to(&server);
        connection.send(&bytes).unwrap();
        connection
    };
    let mut connections: Vec<Connection> = (0..REQUESTS).map(open).collect();
    let (mut made, mut throttled) = (0, 0);
    for connection in &mut connections {
        let answer = connection.answer();
        match answer.status {
            200 => made += 1,
            // On a busy machine the last of those that wait may wait too long.
            500 => assert_eq!(answer.json()["__type"], "DependencyTimeoutException"),
            _ => {
                answer.is_refusal("ThrottlingException", Some(TEXT));
                throttled += 1;
            }
        }
    }
    assert!(made > 0 && throttled > 0, "{operation}: {made} of {REQUESTS} were made, {throttled} throttled");
}
