//! How long the verification of a signature takes: `cargo run --release -p kms-api --example sigv4_speed`.
//!
//! Prints the median and the best of some rounds, on one thread; design goal: a valid request below 4 µs.
#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a tool for developers, run by hand")]

use std::hint::black_box;
use std::time::{Duration, Instant, SystemTime};

use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use kms_api::sigv4::{
    Credentials, CredentialsRefused, SecretAccessKey, SignatureError, SignedRequest, SigningKeys, Verifier,
};
use time::OffsetDateTime;
use time::macros::datetime;

const NOW: OffsetDateTime = datetime!(2026-01-01 00:05 UTC);
const ROUNDS: usize = 21;
const PER_ROUND: u32 = 5_000;

struct OneKey(SecretAccessKey);

impl SigningKeys for OneKey {
    type Caller = u32;

    fn find(&self, id: &str, _token: Option<&str>) -> Result<Credentials<u32>, CredentialsRefused> {
        if id != "AKIDEXAMPLE" {
            return Err(CredentialsRefused::Invalid);
        }
        Ok(Credentials { secret: self.0.clone(), caller: 7 })
    }
}

fn main() {
    let verifier = Verifier::new(OneKey(SecretAccessKey::new("secret".to_owned())));
    for body_len in [150, 6_000] {
        let body = vec![b'a'; body_len];
        for (what, id) in [("valid", "AKIDEXAMPLE"), ("wrong signature", "AKIDEXAMPLE"), ("unknown key", "AKIDNOBODY")]
        {
            let headers = signed_headers(id, &body);
            let mut received = body.clone();
            if what == "wrong signature" {
                received[0] = b'b';
            }
            let expected = match what {
                "valid" => Ok(7),
                "unknown key" => Err(SignatureError::UnrecognizedClient),
                _ => Err(SignatureError::DoesNotMatch),
            };
            assert_eq!(verify(&verifier, &headers, &received), expected);
            report(what, body_len, || drop(black_box(verify(&verifier, &headers, black_box(&received)))));
        }
    }
}

fn verify(verifier: &Verifier<OneKey>, headers: &[(String, String)], body: &[u8]) -> Result<u32, SignatureError> {
    let headers = headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
    let request = SignedRequest { method: "POST", path: "/", query: "", headers, body };
    verifier.verify(request, NOW).map(|verified| verified.caller)
}

fn report(what: &str, body_len: usize, mut once: impl FnMut()) {
    let mut rounds: Vec<Duration> = (0..ROUNDS)
        .map(|_| {
            let start = Instant::now();
            (0..PER_ROUND).for_each(|_| once());
            start.elapsed() / PER_ROUND
        })
        .collect();
    rounds.sort();
    let (median, best) = (rounds[ROUNDS / 2], rounds[0]);
    println!("{what:>16}, body {body_len:>5} bytes: median {median:>8.2?}, best {best:>8.2?}");
}

/// The headers of an SDK request, signed by the signer of the AWS SDK.
fn signed_headers(access_key_id: &str, body: &[u8]) -> Vec<(String, String)> {
    let identity = aws_credential_types::Credentials::new(access_key_id, "secret", None, None, "example").into();
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region("us-east-1")
        .name("kms")
        .time(SystemTime::from(NOW))
        .settings(SigningSettings::default())
        .build()
        .unwrap()
        .into();
    let mut headers: Vec<_> = [
        ("host", "kms.us-east-1.amazonaws.com"),
        ("content-type", "application/x-amz-json-1.1"),
        ("content-length", "150"),
        ("x-amz-target", "TrentService.Encrypt"),
        ("user-agent", "aws-sdk-rust/1.3.3 os/linux lang/rust/1.95.0"),
        ("amz-sdk-request", "attempt=1; max=3"),
        ("amz-sdk-invocation-id", "00000000-0000-4000-8000-000000000000"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into();
    let signable = headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let signable =
        SignableRequest::new("POST", "https://kms.us-east-1.amazonaws.com/", signable, SignableBody::Bytes(body));
    let (instructions, _) = sign(signable.unwrap(), &params).unwrap().into_parts();
    headers.extend(instructions.headers().map(|(name, value)| (name.to_owned(), value.to_owned())));
    headers
}
