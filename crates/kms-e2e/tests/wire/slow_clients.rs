//! Clients that send slowly or not at all are cut off, and nobody else waits for them.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::http::{Connection, succeed};
use crate::signer::Request;

/// Sends one byte at a time until the server has had enough; gives how long that took and the status it said.
fn trickle(bytes: &[u8], pause: Duration) -> (Duration, Option<u16>) {
    let mut connection = Connection::open();
    let began = Instant::now();
    for byte in bytes {
        if connection.send(&[*byte]).is_err() {
            break;
        }
        std::thread::sleep(pause);
        assert!(began.elapsed() < Duration::from_secs(40), "the server is too patient");
    }
    let status = connection.try_answer().map(|answer| answer.status);
    assert!(connection.is_closed());
    (began.elapsed(), status)
}

#[test]
fn headers_that_trickle_are_cut_off_after_seconds() {
    let request = Request::new("ListKeys", json!({}));
    let (took, status) = trickle(&request.bytes()[..60], Duration::from_millis(200));
    assert!(took >= Duration::from_secs(4), "{took:?}");
    assert!(matches!(status, None | Some(408)), "{status:?}");
}

#[test]
fn a_body_that_trickles_is_cut_off_after_seconds() {
    let request = Request::raw("ListKeys", " ".repeat(1000));
    let mut connection = Connection::open();
    connection.send(&request.head()).unwrap();
    let began = Instant::now();
    while connection.send(b" ").is_ok() && began.elapsed() < Duration::from_secs(14) {
        std::thread::sleep(Duration::from_millis(250));
    }
    let answer = connection.answer();
    answer.is_whole();
    assert_eq!((answer.status, answer.json()), (408, json!({"__type": "RequestTimeoutException"})));
    assert!(connection.is_closed());
}

#[test]
fn two_hundred_clients_that_say_nothing_do_not_slow_down_one_that_does() {
    let request = Request::new("ListKeys", json!({}));
    let head = request.head();
    let mut idle = Vec::new();
    for number in 0..200 {
        let mut connection = Connection::open();
        connection.send(&head[..number % head.len()]).unwrap();
        idle.push(connection);
    }
    let began = Instant::now();
    for _ in 0..50 {
        succeed(&Request::new("ListKeys", json!({})));
    }
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
}
