//! Every text a client may read, word for word.

use time::Duration;

use crate::support::{MISMATCH, NOW, Request, SIGNER, Signer, TEMPORARY_ID, USUAL};

const CREDENTIAL: &str = "Credential=AKIDEXAMPLE/20260101/us-east-1/kms/aws4_request";
const INCOMPLETE: &str = "IncompleteSignatureException";
const INVALID: &str = "InvalidSignatureException";

fn signed() -> Request {
    SIGNER.sign(Request::encrypt(), USUAL)
}

/// The refusal of a request with this `Authorization` header.
fn with_authorization(header: &str) -> (&'static str, String) {
    signed().authorization(|_| header.to_owned()).refusal()
}

#[test]
fn no_token() {
    let expected = ("MissingAuthenticationTokenException", "Request is missing Authentication Token".to_owned());
    assert_eq!(signed().without("authorization").refusal(), expected);
    for header in ["", "Basic dXNlcjpwYXNz", "Bearer abc"] {
        assert_eq!(with_authorization(header), expected, "{header}");
    }
    assert_eq!(signed().without("authorization").with("authorization", [0xff]).refusal(), expected);
}

#[test]
fn incomplete_names_all_that_is_missing_and_repeats_the_header() {
    let everything = signed().without("x-amz-date").authorization(|_| "AWS4-HMAC-SHA256".to_owned());
    let text = "Authorization header requires 'Credential' parameter. Authorization header requires 'Signature' \
                parameter. Authorization header requires 'SignedHeaders' parameter. Authorization header requires \
                existence of either a 'X-Amz-Date' or a 'Date' header. Authorization=AWS4-HMAC-SHA256";
    assert_eq!(everything.refusal(), (INCOMPLETE, text.to_owned()));
}

#[test]
fn incomplete_names_only_what_is_missing_and_drops_the_signature() {
    for (header, sentence, repeated) in [
        (
            "AWS4-HMAC-SHA256 SignedHeaders=host, Signature=0123".to_owned(),
            "Authorization header requires 'Credential' parameter.",
            "AWS4-HMAC-SHA256 SignedHeaders=host, Signature=".to_owned(),
        ),
        (
            format!("AWS4-HMAC-SHA256 {CREDENTIAL}, SignedHeaders=host, Signature="),
            "Authorization header requires 'Signature' parameter.",
            format!("AWS4-HMAC-SHA256 {CREDENTIAL}, SignedHeaders=host, Signature="),
        ),
        (
            format!("AWS4-HMAC-SHA256 Signature=0123, {CREDENTIAL}"),
            "Authorization header requires 'SignedHeaders' parameter.",
            format!("AWS4-HMAC-SHA256 Signature=, {CREDENTIAL}"),
        ),
    ] {
        assert_eq!(with_authorization(&header), (INCOMPLETE, format!("{sentence} Authorization={repeated}")));
    }
    let (exception, message) = signed().without("x-amz-date").refusal();
    let start =
        "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. Authorization=AWS4-";
    assert_eq!(exception, INCOMPLETE);
    assert!(message.starts_with(start) && message.ends_with(", Signature="), "{message}");
}

#[test]
fn a_part_without_an_equal_sign() {
    assert_eq!(
        with_authorization("AWS4-HMAC-SHA256 Signature=0123,    Credential,    SignedHeaders"),
        (
            INCOMPLETE,
            "'Credential' not a valid key=value pair (missing equal-sign) in Authorization header: \
             'AWS4-HMAC-SHA256 Signature=,    Credential,    SignedHeaders'."
                .to_owned()
        )
    );
}

#[test]
fn an_unreadable_date() {
    let request = signed().without("x-amz-date").with("X-Amz-Date", "2026-01-01");
    let text = "Date must be in ISO-8601 'basic format'. Got '2026-01-01'. See http://en.wikipedia.org/wiki/ISO_8601";
    assert_eq!(request.refusal(), (INCOMPLETE, text.to_owned()));
}

#[test]
fn another_algorithm() {
    let request = signed().authorization(|text| text.replace("AWS4-HMAC-SHA256", "AWS4-ECDSA-P256-SHA256"));
    let text = "Unsupported AWS 'algorithm': 'AWS4-ECDSA-P256-SHA256' (only AWS4-HMAC-SHA256 for now).";
    assert_eq!(request.refusal(), (INCOMPLETE, text.to_owned()));
}

#[test]
fn a_credential_that_is_too_short_or_too_long() {
    for credential in ["AKIDEXAMPLE", "a/b/c/d", "a/b/c/d/e/f"] {
        let header = format!("AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders=host, Signature=00");
        let text = "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got";
        assert_eq!(with_authorization(&header), (INCOMPLETE, format!("{text} '{credential}'")));
    }
}

#[test]
fn a_scope_that_does_not_fit() {
    for (scope, text) in [
        ("20260101/nowhere/kms/aws4_request", "Credential should be scoped to a valid region."),
        ("20260101/us-east-1/s3/aws4_request", "Credential should be scoped to correct service: 'kms'."),
        (
            "20260101/us-east-1/kms/aws5_request",
            "Credential should be scoped with a valid terminator: 'aws4_request', not 'aws5_request'.",
        ),
        (
            "20251231/us-east-1/kms/aws4_request",
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: \
             '20251231' != '20260101', from '20260101T000500Z'.",
        ),
    ] {
        let signed = Signer { scope, ..SIGNER }.sign(Request::encrypt(), USUAL);
        assert_eq!(signed.refusal(), (INVALID, text.to_owned()));
    }
}

#[test]
fn an_unknown_access_key_and_a_stale_session_token() {
    let unknown = Signer { access_key_id: "AKIDNOBODY", ..SIGNER }.sign(Request::encrypt(), USUAL);
    let text = "The security token included in the request is invalid.";
    assert_eq!(unknown.refusal(), ("UnrecognizedClientException", text.to_owned()));

    let stale = Request::encrypt().with("X-Amz-Security-Token", "old");
    let names = "host;x-amz-date;x-amz-security-token;x-amz-target";
    let stale = Signer { access_key_id: TEMPORARY_ID, ..SIGNER }.sign(stale, names);
    let text = "The security token included in the request is expired";
    assert_eq!(stale.refusal(), ("ExpiredTokenException", text.to_owned()));
}

#[test]
fn a_wrong_signature() {
    let changed = Request { body: b"{}".to_vec(), ..signed() };
    assert_eq!(changed.refusal(), (INVALID, MISMATCH.to_owned()));
}

#[test]
fn a_clock_that_is_off() {
    for (now, text) in [
        (
            NOW + Duration::seconds(301),
            "Signature expired: 20260101T000500Z is now earlier than 20260101T000501Z (20260101T001001Z - 5 min.)",
        ),
        (
            NOW - Duration::seconds(301),
            "Signature not yet current: 20260101T000500Z is still later than 20260101T000459Z (20251231T235959Z + 5 min.)",
        ),
    ] {
        let refusal = signed().verify_at(now).unwrap_err();
        assert_eq!((refusal.exception(), refusal.message()), (INVALID, text.to_owned()));
    }
}
