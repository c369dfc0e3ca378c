//! Signatures that do not hold, each with its type and text. Nothing of a request is looked at before its signature.

use serde_json::json;
use time::{Duration, OffsetDateTime};

use crate::http::{Answer, send, succeed};
use crate::signer::{Request, now, stamp};

const MISMATCH: &str = "The request signature we calculated does not match the signature you provided. Check your AWS \
                        Secret Access Key and signing method. Consult the service documentation for details.";

fn list_keys() -> Request {
    Request::new("ListKeys", json!({}))
}

#[track_caller]
fn mismatches(request: &Request) {
    send(request).is_refusal("InvalidSignatureException", Some(MISMATCH));
}

#[test]
fn a_wrong_signature_has_the_recorded_body() {
    let answer = send(&Request { secret: "wrong".to_owned(), ..list_keys() });
    answer.is_refusal("InvalidSignatureException", Some(MISMATCH));
    assert_eq!(answer.body.len(), 229);
}

#[test]
fn whatever_is_signed_must_arrive_unchanged() {
    let signed = list_keys();
    let authorization = signed.authorization();
    let moved = Request { authorization: Some(authorization.clone()), ..signed.clone() };
    succeed(&moved);
    mismatches(&Request { body: br#"{"Limit":1}"#.to_vec(), ..moved.clone() });
    mismatches(&moved.clone().header("x-amz-target", Some("TrentService.CreateKey")));
    mismatches(&moved.clone().header("host", Some("elsewhere:80")));
    mismatches(&Request { date: signed.date + Duration::SECOND, ..moved });
    let mut flipped = authorization;
    let last = flipped.pop().unwrap();
    flipped.push(if last == '0' { '1' } else { '0' });
    mismatches(&Request { authorization: Some(flipped), ..signed });
}

#[test]
fn the_target_and_every_other_amz_header_must_be_signed() {
    let mut request = list_keys().header("x-amz-target", None);
    request.unsigned.push(("x-amz-target".to_owned(), "TrentService.ListKeys".to_owned()));
    mismatches(&request);
    let mut request = list_keys();
    request.unsigned.push(("X-Amz-Anything".to_owned(), "1".to_owned()));
    mismatches(&request);
    send(&list_keys().header("host", None).header("x-amz-security-token", None)).is_refusal_or_bad_request();
}

#[test]
fn a_declared_hash_of_the_body_must_be_right() {
    let right = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";
    succeed(&list_keys().header("x-amz-content-sha256", Some(right)));
    mismatches(&list_keys().header("x-amz-content-sha256", Some(&right.replace('4', "5"))));
    mismatches(&list_keys().header("x-amz-content-sha256", Some("UNSIGNED-PAYLOAD")));
}

#[test]
fn a_request_without_a_signature_is_told_so() {
    let missing = Some("Request is missing Authentication Token");
    for authorization in ["", "Basic dXNlcjpwYXNz", "Bearer abc"] {
        let request = Request { authorization: Some(authorization.to_owned()), ..list_keys() };
        send(&request).is_refusal("MissingAuthenticationTokenException", missing);
    }
}

#[test]
fn each_missing_part_of_the_header_is_named_and_the_signature_never_repeated() {
    let request = list_keys();
    let whole = request.authorization();
    let part = |name: &str| whole.split([' ', ',']).find(|part| part.starts_with(name)).unwrap().to_owned();
    let (credential, headers, signature) = (part("Credential"), part("SignedHeaders"), part("Signature"));
    let refuses = |authorization: String, shown: String, sentences: &[&str]| {
        let text = format!("{}Authorization={shown}", sentences.concat());
        let answer = send(&Request { authorization: Some(authorization), ..request.clone() });
        answer.is_refusal("IncompleteSignatureException", Some(&text));
        assert!(!answer.text().contains(&signature["Signature=".len()..]));
    };
    let no_credential = "Authorization header requires 'Credential' parameter. ";
    let no_signature = "Authorization header requires 'Signature' parameter. ";
    let no_headers = "Authorization header requires 'SignedHeaders' parameter. ";
    let scheme = "AWS4-HMAC-SHA256";
    refuses(format!("{scheme} {headers}, {signature}"), format!("{scheme} {headers}, Signature="), &[no_credential]);
    refuses(format!("{scheme} {credential}, {headers}"), format!("{scheme} {credential}, {headers}"), &[no_signature]);
    refuses(format!("{scheme} {credential}, {signature}"), format!("{scheme} {credential}, Signature="), &[no_headers]);
    refuses(scheme.to_owned(), scheme.to_owned(), &[no_credential, no_signature, no_headers]);
    let answer = send(&Request { authorization: Some(format!("{scheme} nonsense")), ..request.clone() });
    answer.is_refusal(
        "IncompleteSignatureException",
        Some(&format!(
            "'nonsense' not a valid key=value pair (missing equal-sign) in Authorization header: '{scheme} nonsense'."
        )),
    );
}

#[test]
fn an_unknown_access_key_and_a_session_token_are_not_recognized() {
    let invalid = Some("The security token included in the request is invalid.");
    for access_key in ["AKIAIOSFODNN7EXAMPLE", "12345678901", "1234567890123", "TEST"] {
        let request = Request { access_key: access_key.to_owned(), ..list_keys() };
        send(&request).is_refusal("UnrecognizedClientException", invalid);
    }
    send(&list_keys().header("x-amz-security-token", Some("FwoGZXIvYXdz")))
        .is_refusal("UnrecognizedClientException", invalid);
    succeed(&Request { access_key: "test".to_owned(), ..list_keys() });
}

#[test]
fn a_clock_that_is_off_is_told_how_far() {
    for minutes in [-6, -60, -60 * 24 * 400] {
        let request = Request { date: now() + Duration::minutes(minutes), ..list_keys() };
        let text = message(&send(&request));
        let (earliest, server) =
            times(&text, &format!("Signature expired: {} is now earlier than ", request.stamp()), " - 5 min.)");
        assert_eq!(stamp(server - Duration::minutes(5)), stamp(earliest), "{text}");
    }
    for minutes in [6, 60] {
        let request = Request { date: now() + Duration::minutes(minutes), ..list_keys() };
        let text = message(&send(&request));
        let (latest, server) =
            times(&text, &format!("Signature not yet current: {} is still later than ", request.stamp()), " + 5 min.)");
        assert_eq!(stamp(server + Duration::minutes(5)), stamp(latest), "{text}");
    }
    for seconds in [-290, 290] {
        succeed(&Request { date: now() + Duration::seconds(seconds), ..list_keys() });
    }
}

#[test]
fn a_scope_for_something_else_is_named() {
    let refuses = |request: Request, text: &str| {
        send(&request).is_refusal("InvalidSignatureException", Some(text));
    };
    for region in ["", "nowhere", "us-east", "us_east_1"] {
        let request = Request { region: region.to_owned(), ..list_keys() };
        refuses(request, "Credential should be scoped to a valid region.");
    }
    refuses(
        Request { service: "s3".to_owned(), ..list_keys() },
        "Credential should be scoped to correct service: 'kms'.",
    );
    let request = Request { day: Some("20200101".to_owned()), ..list_keys() };
    let text = format!(
        "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '20200101' != '{}', \
         from '{}'.",
        &request.stamp()[..8],
        request.stamp()
    );
    refuses(request, &text);
}

#[test]
fn a_signature_is_verified_over_the_headers_as_received() {
    // As libmongocrypt sends them: no port in the host, and length and connection signed.
    let request = list_keys().header("host", Some("localhost")).header("connection", Some("close"));
    succeed(&request.header("content-length", Some("2")));
    let spaced = list_keys().header("x-amz-meta", Some("two  spaces"));
    let authorization = spaced.clone().header("x-amz-meta", Some("two spaces")).authorization();
    succeed(&Request { authorization: Some(authorization), ..spaced });
}

#[test]
fn a_refused_signature_says_nothing_about_the_body_or_the_operation() {
    for operation in ["ListKeys", "CreateGrant", "Encrypt"] {
        mismatches(&Request { secret: "wrong".to_owned(), ..Request::raw(operation, "{ this is no json") });
    }
}

impl Answer {
    /// Without `Host` the server itself may refuse the request.
    #[track_caller]
    fn is_refusal_or_bad_request(&self) {
        assert_eq!(self.status, 400, "{self:?}");
    }
}

#[track_caller]
fn message(answer: &Answer) -> String {
    let body = answer.json();
    assert_eq!((answer.status, &body["__type"]), (400, &json!("InvalidSignatureException")));
    body["message"].as_str().unwrap().to_owned()
}

/// The bound and the server's time out of `<start><bound> (<time><end>`.
#[track_caller]
fn times(text: &str, start: &str, end: &str) -> (OffsetDateTime, OffsetDateTime) {
    let middle = text.strip_prefix(start).and_then(|rest| rest.strip_suffix(end)).unwrap_or_else(|| panic!("{text}"));
    let (bound, server) = middle.split_once(" (").unwrap();
    let parse = |text: &str| {
        let format = time::macros::format_description!("[year][month][day]T[hour][minute][second]Z");
        time::PrimitiveDateTime::parse(text, format).unwrap().assume_utc()
    };
    let server = parse(server);
    assert!((now() - server).abs() < Duration::seconds(10), "{text}");
    (parse(bound), server)
}
