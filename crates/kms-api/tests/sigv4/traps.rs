//! One test for each way in which verifiers of this scheme are known to go wrong.

use kms_api::sigv4::Verifier;
use time::Duration;

use crate::support::{Keys, MISMATCH, NOW, Request, SIGNER, STAMP, Signer, TEMPORARY_ID, USUAL, hex};
use sha2::{Digest, Sha256};

fn mismatch() -> (&'static str, String) {
    ("InvalidSignatureException", MISMATCH.to_owned())
}

#[test]
fn an_unsigned_x_amz_target_is_refused() {
    let signed = SIGNER.sign(Request::encrypt(), "host;x-amz-date");
    assert_eq!(signed.refusal(), mismatch());
}

#[test]
fn an_x_amz_header_added_on_the_way_is_refused() {
    for name in ["X-Amz-Anything", "x-amz-meta", "X-AMZ-TARGET"] {
        let signed = SIGNER.sign(Request::encrypt(), USUAL).with(name, "added");
        assert_eq!(signed.refusal(), mismatch(), "{name}");
    }
}

#[test]
fn an_unsigned_date_is_refused() {
    assert_eq!(SIGNER.sign(Request::encrypt(), "host;x-amz-target").refusal(), mismatch());
}

#[test]
fn an_unsigned_host_is_refused() {
    let (exception, message) = SIGNER.sign(Request::encrypt(), "x-amz-date;x-amz-target").refusal();
    assert_eq!(exception, "InvalidSignatureException");
    assert_eq!(message, "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.");
}

#[test]
fn signed_headers_that_are_absent_unsorted_repeated_or_upper_case_are_refused() {
    for names in [
        "absent;content-type;host;x-amz-date;x-amz-target",
        "host;content-type;x-amz-date;x-amz-target",
        "host;host;x-amz-date;x-amz-target",
        "Host;x-amz-date;x-amz-target",
        "host;x-amz-date;x-amz-target;",
    ] {
        assert_eq!(SIGNER.sign(Request::encrypt(), names).refusal(), mismatch(), "{names}");
    }
}

#[test]
fn values_of_one_name_are_joined_by_commas_in_the_order_received() {
    let names = "host;x-amz-date;x-amz-target;x-many";
    let signed = SIGNER.sign(Request::encrypt().with("X-Many", "b").with("x-many", "a"), names);
    assert_eq!(signed.verify(), Ok("root"));
    let joined = signed.clone().without("x-many").with("x-many", "b,a");
    assert_eq!(joined.verify(), Ok("root"));
    let reordered = signed.without("x-many").with("x-many", "a").with("x-many", "b");
    assert_eq!(reordered.refusal(), mismatch());
}

#[test]
fn values_are_trimmed_and_inner_runs_of_spaces_folded() {
    let names = "host;x-amz-date;x-amz-target;x-spaced";
    let signed = SIGNER.sign(Request::encrypt().with("x-spaced", "a b c"), names);
    let spaced = signed.clone().without("x-spaced").with("x-spaced", "  a   b  c ");
    assert_eq!(spaced.verify(), Ok("root"));
    let glued = signed.without("x-spaced").with("x-spaced", "ab c");
    assert_eq!(glued.refusal(), mismatch());
}

#[test]
fn a_request_signed_in_its_query_has_no_token() {
    let query = "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIDEXAMPLE%2F20260101%2Fus-east-1%2Fkms%2Faws4_request\
                 &X-Amz-Date=20260101T000500Z&X-Amz-Expires=60&X-Amz-SignedHeaders=host&X-Amz-Signature=00";
    let request = Request { query: query.to_owned(), ..Request::encrypt() };
    assert_eq!(request.refusal().0, "MissingAuthenticationTokenException");
}

#[test]
fn a_declared_body_hash_must_be_the_one_of_the_body() {
    let names = "host;x-amz-content-sha256;x-amz-date;x-amz-target";
    let body_hash = hex(&Sha256::digest(&Request::encrypt().body));
    let right = Request::encrypt().with("X-Amz-Content-Sha256", &body_hash);
    assert_eq!(SIGNER.sign(right, names).verify(), Ok("root"));
    let empty = hex(&Sha256::digest(b""));
    for declared in ["UNSIGNED-PAYLOAD", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", &empty, &body_hash.to_uppercase(), ""] {
        let request = Request::encrypt().with("X-Amz-Content-Sha256", declared);
        let signed = SIGNER.sign_with_body_hash(request.clone(), names, Some(declared));
        assert_eq!(signed.refusal(), mismatch(), "{declared}");
        assert_eq!(SIGNER.sign(request, names).refusal(), mismatch(), "{declared}");
    }
}

#[test]
fn the_day_region_service_and_terminator_of_the_scope_must_fit() {
    for scope in [
        "20260102/us-east-1/kms/aws4_request",
        "20260101/nowhere/kms/aws4_request",
        "20260101/us-east-1/s3/aws4_request",
        "20260101/us-east-1/kms/aws5_request",
    ] {
        let (exception, message) = Signer { scope, ..SIGNER }.sign(Request::encrypt(), USUAL).refusal();
        assert_eq!(exception, "InvalidSignatureException", "{scope}");
        assert!(message.contains("redential s"), "{message}");
    }
}

#[test]
fn any_region_is_served_and_named() {
    for region in ["us-east-1", "eu-central-2", "us-gov-west-1", "us-isob-east-1"] {
        let scope: &'static str = format!("20260101/{region}/kms/aws4_request").leak();
        let signed = Signer { scope, ..SIGNER }.sign(Request::encrypt(), USUAL);
        let verified = signed.verify_by(&Verifier::new(Keys), NOW).unwrap();
        assert_eq!(verified, ("root", "AKIDEXAMPLE".to_owned(), region.to_owned()));
    }
}

#[test]
fn a_verifier_serves_one_service_only() {
    let signer = Signer { scope: "20260101/us-east-1/sts/aws4_request", ..SIGNER };
    let signed = signer.sign(Request::encrypt(), USUAL);
    assert!(signed.verify_by(&Verifier::for_service(Keys, "sts"), NOW).is_ok());
    assert!(signed.verify().is_err());
}

#[test]
fn the_date_header_stands_in_for_x_amz_date() {
    for date in ["Thu, 01 Jan 2026 00:05:00 GMT", STAMP] {
        let request = Request::encrypt().without("x-amz-date").with("Date", date);
        assert_eq!(SIGNER.sign(request.clone(), "date;host;x-amz-target").verify(), Ok("root"), "{date}");
        assert_eq!(SIGNER.sign(request, "host;x-amz-target").verify(), Ok("root"), "the signed text holds the date");
    }
    let both = Request::encrypt().with("Date", "Thu, 01 Jan 1970 00:00:00 GMT");
    assert_eq!(SIGNER.sign(both, USUAL).verify(), Ok("root"));
}

#[test]
fn spaces_after_the_commas_are_optional() {
    let signed = SIGNER.sign(Request::encrypt(), USUAL);
    assert_eq!(signed.clone().authorization(|text| text.replace(", ", ",")).verify(), Ok("root"));
    assert_eq!(signed.authorization(|text| text.replace(", ", " ")).verify(), Ok("root"));
}

#[test]
fn a_signature_of_another_length_or_case_is_refused() {
    let signed = SIGNER.sign(Request::encrypt(), USUAL);
    for change in [
        |text: &str| text[..text.len() - 1].to_owned(),
        |text: &str| format!("{text}0"),
        |text: &str| text.split_at(text.len() - 64).0.to_owned() + &text[text.len() - 64..].to_uppercase(),
        |text: &str| text.split_at(text.len() - 64).0.to_owned() + &"0".repeat(64),
    ] {
        assert_eq!(signed.clone().authorization(change).refusal(), mismatch());
    }
}

#[test]
fn the_clock_may_be_off_by_five_minutes_either_way() {
    let signed = SIGNER.sign(Request::encrypt(), USUAL);
    for seconds in [-300, -1, 0, 300] {
        assert_eq!(signed.verify_at(NOW + Duration::seconds(seconds)), Ok("root"), "{seconds}");
    }
    for seconds in [-301, 301, 86_400] {
        assert!(signed.verify_at(NOW + Duration::seconds(seconds)).is_err(), "{seconds}");
    }
}

#[test]
fn path_and_query_are_signed_as_received() {
    let request = Request { path: "/a".to_owned(), query: "x=%2F&y=".to_owned(), ..Request::encrypt() };
    let signed = SIGNER.sign(request, USUAL);
    assert_eq!(signed.verify(), Ok("root"));
    for path in ["/a/", "//a", "/./a", "/b/../a", "/%61", ""] {
        let changed = Request { path: path.to_owned(), ..signed.clone() };
        assert_eq!(changed.refusal(), mismatch(), "{path}");
    }
    for query in ["x=%252F&y=", "x=%2f&y=", "x=%2F", "x=%2F&y=&", ""] {
        let changed = Request { query: query.to_owned(), ..signed.clone() };
        assert_eq!(changed.refusal(), mismatch(), "{query}");
    }
    // Only the order is free, and an empty value may leave out its equal sign: both mean the same.
    let reordered = Request { query: "y&x=%2F".to_owned(), ..signed };
    assert_eq!(reordered.verify(), Ok("root"));
}

#[test]
fn the_host_is_the_one_received_with_or_without_its_port() {
    for host in ["localhost", "localhost:8080", "127.0.0.1:443"] {
        let request = Request::encrypt().without("host").with("Host", host);
        assert_eq!(SIGNER.sign(request, USUAL).verify(), Ok("root"), "{host}");
    }
}

#[test]
fn headers_that_steer_the_verification_may_come_once() {
    let signed = SIGNER.sign(Request::encrypt(), USUAL);
    let again = signed.value("authorization");
    assert_eq!(signed.clone().with("authorization", again).refusal(), mismatch());
    assert_eq!(signed.with("x-amz-date", STAMP).refusal(), mismatch());
}

#[test]
fn a_session_token_is_passed_to_the_lookup_and_must_be_signed() {
    let temporary = Signer { access_key_id: TEMPORARY_ID, ..SIGNER };
    let names = "host;x-amz-date;x-amz-security-token;x-amz-target";
    let request = Request::encrypt().with("X-Amz-Security-Token", "young");
    assert_eq!(temporary.sign(request.clone(), names).verify(), Ok("role"));
    assert_eq!(temporary.sign(request.clone(), "host;x-amz-date;x-amz-target").refusal(), mismatch());
    let unknown = ["UnrecognizedClientException", "The security token included in the request is invalid."];
    for (signer, request) in [
        (&SIGNER, request),
        (&temporary, Request::encrypt()),
        (&temporary, Request::encrypt().with("X-Amz-Security-Token", "forged")),
        (&temporary, Request::encrypt().with("X-Amz-Security-Token", [0xff])),
    ] {
        let names = if request.headers.iter().any(|(name, _)| name == "X-Amz-Security-Token") { names } else { USUAL };
        let (exception, message) = signer.sign(request, names).refusal();
        assert_eq!([exception, &message], unknown);
    }
}
