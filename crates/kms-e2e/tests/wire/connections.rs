//! Connections: kept, pipelined, chunked, half closed, aborted, and bytes that are no HTTP.

use kms_e2e::fresh_account;
use serde_json::json;

use crate::http::{Connection, succeed};
use crate::signer::Request;

fn list_keys() -> Request {
    Request::new("ListKeys", json!({}))
}

#[test]
fn one_connection_carries_many_requests_refused_ones_too() {
    let mut connection = Connection::open();
    for round in 0..20 {
        let request = if round % 2 == 0 { list_keys() } else { Request::new("DescribeKey", json!({"KeyId": "foo"})) };
        connection.send(&request.bytes()).unwrap();
        let answer = connection.answer();
        answer.is_whole();
        assert_eq!(answer.status, if round % 2 == 0 { 200 } else { 400 });
    }
}

#[test]
fn pipelined_requests_are_answered_in_their_order() {
    let account = fresh_account();
    let describe = |name: &str| Request::of_account(&account, "DescribeKey", json!({"KeyId": name}));
    let names: Vec<String> = (0..10).map(|number| format!("no-key-{number}")).collect();
    let all: Vec<u8> = names.iter().flat_map(|name| describe(name).bytes()).collect();
    let mut connection = Connection::open();
    connection.send(&all).unwrap();
    for name in names {
        connection.answer().is_refusal("NotFoundException", Some(&format!("Invalid keyId '{name}'")));
    }
}

#[test]
fn a_body_may_come_in_chunks_or_byte_by_byte() {
    succeed(&Request { chunked: true, ..list_keys() });
    let mut connection = Connection::open();
    for byte in list_keys().bytes() {
        connection.send(&[byte]).unwrap();
    }
    assert_eq!(connection.answer().status, 200);
}

#[test]
fn a_client_that_waits_for_100_continue_gets_it() {
    let mut request = list_keys();
    request.unsigned.push(("expect".to_owned(), "100-continue".to_owned()));
    let mut connection = Connection::open();
    connection.send(&request.head()).unwrap();
    connection.send(&request.body).unwrap();
    assert_eq!(connection.answer().status, 200);
}

#[test]
fn a_client_that_has_finished_sending_still_gets_its_answer() {
    let mut connection = Connection::open();
    connection.send(&list_keys().bytes()).unwrap();
    connection.finish_sending();
    assert_eq!(connection.answer().status, 200);
    assert!(connection.is_closed());
}

#[test]
fn connection_close_closes() {
    let mut connection = Connection::open();
    connection.send(&list_keys().header("connection", Some("close")).bytes()).unwrap();
    assert_eq!(connection.answer().status, 200);
    assert!(connection.is_closed());
}

#[test]
fn clients_that_go_away_at_any_point_harm_nobody() {
    let account = fresh_account();
    let request = Request::of_account(&account, "CreateKey", json!({"Description": "x".repeat(1000)}));
    let bytes = request.bytes();
    for cut in [0, 1, 20, 200, request.head().len(), bytes.len() - 1] {
        for _ in 0..5 {
            let mut connection = Connection::open();
            connection.send(&bytes[..cut]).unwrap();
        }
    }
    // What was not sent to its end was not done, and what was is done once although nobody reads the answer.
    let count = || succeed(&Request::of_account(&account, "ListKeys", json!({})))["Keys"].as_array().unwrap().len();
    assert_eq!(count(), 0);
    Connection::open().send(&bytes).unwrap();
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
    while count() == 0 && std::time::Instant::now() < deadline {
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    assert_eq!(count(), 1);
}

#[test]
fn bytes_that_are_no_http_are_refused_and_closed() {
    let mut noise = Vec::new();
    for length in [1, 100, 10_000] {
        let mut bytes = vec![0; length];
        getrandom::fill(&mut bytes).unwrap();
        bytes.extend(b"\r\n\r\n");
        noise.push(bytes);
    }
    noise.push(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 a greeting of TLS\r\n\r\n".to_vec());
    noise.push(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec());
    noise.push(b"POST / HTTP/9.9\r\n\r\n".to_vec());
    noise.push(b"POST / HTTP/1.1\r\nno colon\r\n\r\n".to_vec());
    noise.push(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n".to_vec());
    noise.push(b"\0\0\0\0\r\n\r\n".to_vec());
    for bytes in noise {
        let mut connection = Connection::open();
        connection.send(&bytes).ok();
        connection.finish_sending();
        let status = connection.try_answer().map(|answer| answer.status);
        assert!(status.is_none_or(|status| (400..=505).contains(&status)), "{status:?} for {bytes:?}");
        assert!(connection.is_closed());
    }
    succeed(&list_keys());
}

#[test]
fn two_ways_to_say_where_a_body_ends_are_refused() {
    let body = list_keys().bytes();
    let head = "POST / HTTP/1.1\r\nHost: x\r\n";
    for lengths in [
        "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "Content-Length: 0\r\nContent-Length: 5\r\n\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
    ] {
        let mut connection = Connection::open();
        connection.send(&[head.as_bytes(), lengths.as_bytes(), &body].concat()).ok();
        let first = connection.try_answer().map(|answer| answer.status);
        assert!(first.is_none_or(|status| status >= 400), "{lengths:?}: {first:?}");
    }
}
