//! No input makes the verifier panic, and none without the secret is accepted.

use proptest::prelude::*;
use time::OffsetDateTime;

use crate::support::{NOW, Request, SIGNER, STAMP, USUAL};

const NAMES: [&str; 9] = [
    "authorization",
    "x-amz-date",
    "date",
    "host",
    "x-amz-security-token",
    "x-amz-content-sha256",
    "x-amz-target",
    "x-amz-",
    "é-x",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn arbitrary_headers_are_refused_without_a_panic(request in request(), seconds in any::<i64>()) {
        prop_assert!(request.verify().is_err());
        let now = OffsetDateTime::from_unix_timestamp(seconds).unwrap_or(NOW);
        prop_assert!(request.verify_at(now).is_err());
    }

    #[test]
    fn a_signed_header_may_hold_any_bytes(value in proptest::collection::vec(any::<u8>(), 0..60)) {
        let signed = SIGNER.sign(Request::encrypt().with("x-amz-any", &value), "host;x-amz-any;x-amz-date;x-amz-target");
        prop_assert_eq!(signed.verify(), Ok("root"));
        let changed = signed.without("x-amz-any").with("x-amz-any", [value, vec![0xff]].concat());
        prop_assert!(changed.verify().is_err());
    }

    #[test]
    fn arbitrary_parts_around_a_good_signature_never_panic(
        at in any::<prop::sample::Index>(),
        junk in proptest::collection::vec(any::<u8>(), 1..8),
    ) {
        let mut signed = SIGNER.sign(Request::encrypt(), USUAL);
        let (_, authorization) = signed.headers.last_mut().unwrap();
        let at = at.index(authorization.len());
        authorization.splice(at..=at, junk);
        let _ = signed.verify();
    }
}

fn request() -> impl Strategy<Value = Request> {
    let bytes = proptest::collection::vec(any::<u8>(), 0..60).boxed();
    let text = |pattern: &'static str| pattern.prop_map(String::into_bytes).boxed();
    let value = prop_oneof![
        bytes.clone(),
        text("AWS4-HMAC-SHA256 (Credential|Signature|SignedHeaders|[a-z]{0,3})[=, ;]{0,2}.{0,20}"),
        text(
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260101/us-east-1/kms/aws4_request,SignedHeaders=(host|;|x-amz-date|é){0,4},Signature=[0-9a-fé]{0,64}"
        ),
        text("[0-9]{0,8}T[0-9]{0,6}Z?"),
        text("(Mon|Thu), [0-9]{2} (Jan|Feb) [0-9]{4} [0-9:]{8} GMT"),
        Just(STAMP.as_bytes().to_vec()).boxed(),
    ];
    let name = prop_oneof![proptest::sample::select(&NAMES[..]).prop_map(str::to_owned), ".{0,8}"];
    let headers = proptest::collection::vec((name, value), 0..10);
    (".{0,5}", ".{0,20}", ".{0,20}", headers, bytes).prop_map(|(method, path, query, headers, body)| Request {
        method,
        path,
        query,
        headers,
        body,
    })
}
