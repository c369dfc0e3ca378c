//! Whatever signed byte changes, the request is refused.

use proptest::prelude::*;
use proptest::sample::{Index, select};

use crate::support::{ACCESS_KEY_ID, Request, SIGNER};

const SIGNED: &str = "content-type;host;x-amz-date;x-amz-meta;x-amz-target;x-twice";

/// The parts of a request that a signature covers.
const PARTS: [&str; 9] =
    ["method", "path", "query", "header name", "header value", "body", "credential", "signed headers", "signature"];

/// What happens to one byte of a part.
#[derive(Debug, Clone, Copy)]
enum Change {
    Replace(u8),
    Insert(u8),
    Remove,
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn any_change_of_a_signed_byte_is_refused(
        request in request(),
        part in select(&PARTS[..]),
        header in select(SIGNED.split(';').collect::<Vec<_>>()),
        at in any::<Index>(),
        change in change(),
    ) {
        let signed = SIGNER.sign(request, SIGNED);
        prop_assert_eq!(signed.verify(), Ok("root"));
        let changed = tamper(&signed, part, header, at, change);
        prop_assume!(changed.is_some());
        let changed = changed.unwrap();
        prop_assert!(changed.verify().is_err(), "{} changed, still accepted: {:?}", part, changed);
    }
}

fn tamper(signed: &Request, part: &str, header: &str, at: Index, change: Change) -> Option<Request> {
    let mut request = signed.clone();
    let signed_header =
        |request: &Request| request.headers.iter().position(|(name, _)| name.eq_ignore_ascii_case(header));
    match part {
        "method" => request.method = changed_text(&request.method, at, change)?,
        "path" => request.path = changed_text(&request.path, at, change)?,
        "query" => request.query = changed_text(&request.query, at, change)?,
        "body" => request.body = changed(&request.body, at, change)?,
        "header name" => {
            let index = signed_header(&request)?;
            // Another case is no other name.
            let name = changed_text(&request.headers[index].0, at, change)?;
            request.headers[index].0 = Some(name).filter(|name| !name.eq_ignore_ascii_case(header))?;
        }
        "header value" => {
            let index = signed_header(&request)?;
            request.headers[index].1 = changed(&request.headers[index].1, at, change)?;
        }
        parameter => {
            let name = match parameter {
                "credential" => "Credential=",
                "signed headers" => "SignedHeaders=",
                _ => "Signature=",
            };
            let authorization = request.value("authorization");
            let start = authorization.find(name).unwrap() + name.len();
            let end = authorization[start..].find(',').map_or(authorization.len(), |length| start + length);
            let value = changed_text(&authorization[start..end], at, change)?;
            request = request.authorization(|_| [&authorization[..start], &value, &authorization[end..]].concat());
        }
    }
    Some(request)
}

fn changed_text(text: &str, at: Index, change: Change) -> Option<String> {
    changed(text.as_bytes(), at, change).map(|bytes| String::from_utf8(bytes).unwrap())
}

/// None if the change makes no difference: there is no byte, or it is the same, or a space of a run of spaces goes.
fn changed(bytes: &[u8], at: Index, change: Change) -> Option<Vec<u8>> {
    let mut new = bytes.to_vec();
    match change {
        Change::Insert(byte) => new.insert(at.index(bytes.len() + 1), byte),
        _ if bytes.is_empty() => return None,
        Change::Replace(byte) => new[at.index(bytes.len())] = byte,
        Change::Remove if bytes[at.index(bytes.len())] == b' ' => return None,
        Change::Remove => drop(new.remove(at.index(bytes.len()))),
    }
    (new != bytes).then_some(new)
}

fn change() -> impl Strategy<Value = Change> {
    // Bytes that canonicalisation never drops; spaces and separators have tests of their own.
    let byte = prop_oneof![b'a'..=b'z', b'0'..=b'9', b'A'..=b'Z'];
    (byte, 0..3).prop_map(|(byte, kind)| match kind {
        0 => Change::Replace(byte),
        1 => Change::Insert(byte),
        _ => Change::Remove,
    })
}

fn request() -> impl Strategy<Value = Request> {
    let path = "(/[a-zA-Z0-9_~.-]{1,6}){1,3}";
    // In ascending order already, so that the plain signer of these tests can take it as it is.
    let query = proptest::option::of("a=[a-z0-9]{1,4}&b=[a-z0-9]{1,4}%2F").prop_map(Option::unwrap_or_default);
    let value = "[!-~]{1,6}( {1,3}[!-~]{1,4}){0,3}";
    let body = proptest::collection::vec(any::<u8>(), 0..100);
    (path, query, value, value, value, body).prop_map(|(path, query, meta, first, second, body)| {
        Request { path, query, body, ..Request::encrypt() }
            .with("x-amz-meta", meta)
            .with("X-Twice", first)
            .with("x-twice", second)
    })
}

#[test]
fn headers_that_are_not_signed_may_change() {
    let signed = SIGNER.sign(Request::encrypt(), crate::support::USUAL);
    let proxied = signed.clone().without("user-agent").with("User-Agent", "other").with("X-Amzn-Trace-Id", "Root=1");
    assert_eq!(proxied.verify(), Ok("root"));
    let mut reordered = signed;
    reordered.headers.reverse();
    assert_eq!(reordered.verify(), Ok("root"));
}

#[test]
fn another_access_key_id_is_refused_even_with_a_valid_signature() {
    let signed = SIGNER.sign(Request::encrypt(), crate::support::USUAL);
    let other = signed.authorization(|text| text.replace(ACCESS_KEY_ID, "AKIDOTHER"));
    assert_eq!(other.refusal().0, "UnrecognizedClientException");
}
