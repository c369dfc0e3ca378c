//! Sizes: the body's limit of 1 MiB, headers without end.

use serde_json::json;

use crate::http::{Answer, Connection, send, succeed};
use crate::signer::Request;

const MIB: usize = 1 << 20;

/// A correct request whose body has this many bytes.
fn request_of(bytes: usize) -> Request {
    let mut body = br#"{"Limit":1}"#.to_vec();
    body.resize(bytes, b' ');
    Request::raw("ListKeys", body)
}

#[track_caller]
fn is_too_large(answer: &Answer) {
    answer.is_whole();
    assert_eq!((answer.status, answer.json()["__type"].as_str()), (413, Some("RequestEntityTooLargeException")));
}

#[test]
fn a_body_of_1_mib_is_read_and_one_byte_more_is_refused() {
    assert_eq!(send(&request_of(MIB)).status, 200);
    is_too_large(&send(&request_of(MIB + 1)));
    assert_eq!(send(&Request { chunked: true, ..request_of(100_000) }).status, 200);
}

#[test]
fn a_chunked_body_past_the_limit_is_refused_while_it_comes() {
    let request = Request { chunked: true, ..request_of(3 * MIB) };
    let mut connection = Connection::open();
    let bytes = request.bytes();
    // The server may close before everything is sent.
    for piece in bytes.chunks(64 * 1024) {
        if connection.send(piece).is_err() {
            break;
        }
    }
    if let Some(answer) = connection.try_answer() {
        is_too_large(&answer);
    }
    succeed(&Request::new("ListKeys", json!({})));
}

#[test]
fn a_declared_gigabyte_is_refused_without_being_waited_for() {
    let mut request = request_of(0);
    request.unsigned.push(("content-length".to_owned(), (1 << 30).to_string()));
    let head = String::from_utf8(request.bytes()).unwrap();
    let mut connection = Connection::open();
    connection.send(head.replace("content-length: 0\r\n", "").as_bytes()).unwrap();
    connection.send(&vec![b' '; 2 * MIB]).ok();
    if let Some(answer) = connection.try_answer() {
        assert!([400, 413].contains(&answer.status), "{answer:?}");
    }
}

#[test]
fn headers_without_end_are_cut_off() {
    let mut connection = Connection::open();
    let mut sent = connection.send(b"POST / HTTP/1.1\r\nHost: x\r\n");
    let line = format!("X-Filler: {}\r\n", "x".repeat(8_000));
    for _ in 0..1_000 {
        sent = sent.and_then(|()| connection.send(line.as_bytes()));
    }
    let status = connection.try_answer().map(|answer| answer.status);
    assert!(status.is_none_or(|status| (400..500).contains(&status)), "{status:?}");
    assert!(connection.is_closed());
    succeed(&Request::new("ListKeys", json!({})));
}
