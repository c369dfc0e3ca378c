//! A full queue: what a client reads when more requests wait than the service takes.

use kms_e2e::{Server, fresh_account};
use serde_json::json;

use crate::http::Connection;
use crate::signer::Request;

/// RSA data key pairs that are made or wait at the same time: one and 8. Source: docs/configuration.md, "Limits built in".
const TAKEN: usize = 1 + 8;
const REQUESTS: usize = TAKEN + 7;

/// protocol.md 8.
const TEXT: &str = "You have exceeded the rate at which you may call KMS. Reduce the frequency of your calls.";

#[test]
fn more_requests_than_wait_are_throttled_with_the_type_text_and_status_of_kms() {
    let server = Server::start().unwrap();
    let account = fresh_account();
    let mut connection = Connection::to(&server);
    connection.send(&Request::of_account(&account, "CreateKey", json!({})).bytes()).unwrap();
    let created = connection.answer().json();
    let key_id = created["KeyMetadata"]["KeyId"].as_str().unwrap();
    let body = json!({"KeyId": key_id, "KeyPairSpec": "RSA_4096"});
    let bytes = Request::of_account(&account, "GenerateDataKeyPairWithoutPlaintext", body).bytes();
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
    assert!(made > 0 && throttled > 0, "{made} of {REQUESTS} were made, {throttled} throttled");
}
