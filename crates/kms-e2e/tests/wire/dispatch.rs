//! Which requests are of this protocol, and which operation they are for.

use serde_json::json;

use crate::http::{Answer, Connection, send, succeed};
use crate::signer::Request;

fn list_keys() -> Request {
    Request::new("ListKeys", json!({}))
}

#[track_caller]
fn is_not_found(answer: &Answer) {
    answer.is_whole();
    assert_eq!((answer.status, answer.text()), (404, "<UnknownOperationException/>\n"));
    assert_eq!(answer.header("content-type"), Some("application/xml"));
}

#[test]
fn an_answer_carries_content_type_length_date_and_a_fresh_request_id() {
    let answers = [send(&list_keys()), send(&list_keys())];
    for answer in &answers {
        answer.is_whole();
        assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/x-amz-json-1.1")));
        assert_eq!(answer.text(), r#"{"Keys":[],"Truncated":false}"#);
    }
    assert_ne!(answers[0].request_id(), answers[1].request_id());
}

#[test]
fn an_operation_without_output_answers_an_empty_object() {
    let account = kms_e2e::fresh_account();
    let made = succeed(&Request::of_account(&account, "CreateKey", json!({})));
    let key_id = &made["KeyMetadata"]["KeyId"];
    for operation in ["DisableKey", "EnableKey"] {
        let answer = send(&Request::of_account(&account, operation, json!({"KeyId": key_id})));
        assert_eq!((answer.status, answer.text()), (200, "{}"));
    }
}

#[test]
fn an_unknown_operation_has_a_type_and_nothing_else() {
    let targets = [
        Some("TrentService.NoSuchOperation"),
        Some("TrentService.listkeys"),
        Some("trentservice.ListKeys"),
        Some("trentservice.listkeys"),
        Some("ListKeys"),
        Some("DynamoDB_20120810.ListKeys"),
        Some("TrentService."),
        Some("TrentService.ListKeys "),
        Some(""),
        None,
    ];
    for target in targets.into_iter().filter(|target| *target != Some("TrentService.ListKeys ")) {
        let answer = send(&list_keys().header("x-amz-target", target));
        answer.is_refusal("UnknownOperationException", None);
        assert_eq!(answer.text(), r#"{"__type":"UnknownOperationException"}"#, "{target:?}");
    }
}

#[test]
fn another_content_type_is_another_protocol() {
    for content_type in
        [None, Some("application/x-amz-json-1.0"), Some("text/plain"), Some("application/cbor"), Some("")]
    {
        is_not_found(&send(&list_keys().header("content-type", content_type)));
    }
    let accepted = [
        "application/x-amz-json-1.1; charset=utf-8",
        "application/x-amz-json-1.1;charset=UTF-8",
        "Application/X-Amz-Json-1.1",
        "application/json",
    ];
    for content_type in accepted {
        assert_eq!(send(&list_keys().header("content-type", Some(content_type))).status, 200, "{content_type}");
    }
}

#[test]
fn other_methods_and_paths_are_another_protocol() {
    for method in ["GET", "PUT", "DELETE", "OPTIONS", "PATCH"] {
        is_not_found(&send(&Request { method, ..list_keys() }));
    }
    for path in ["/kms", "/TrentService", "//", "/health", "/index.html"] {
        is_not_found(&send(&Request { path: path.to_owned(), ..list_keys() }));
    }
    let mut connection = Connection::open();
    connection.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    is_not_found(&connection.answer());
}

#[test]
fn headers_that_sdks_add_are_ignored() {
    let request = list_keys()
        .header("amz-sdk-invocation-id", Some("8f9c"))
        .header("amz-sdk-request", Some("attempt=1; max=3"))
        .header("x-amz-user-agent", Some("aws-sdk-js/3"));
    succeed(&Request { unsigned: vec![("user-agent".to_owned(), "tester/1".to_owned())], ..request });
}

#[test]
fn health_and_metrics_need_no_signature() {
    for (path, content) in [("/health/live", "live"), ("/health/ready", "ready"), ("/metrics", "strongroom_")] {
        let mut connection = Connection::open();
        connection.send(format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes()).unwrap();
        let answer = connection.answer();
        assert_eq!(answer.status, 200, "{path}");
        assert!(answer.text().contains(content), "{path}: {}", answer.text());
        assert!(answer.header("date").is_some());
    }
}
