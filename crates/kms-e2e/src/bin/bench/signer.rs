//! The client's half of Signature Version 4, with the signing key kept: one SHA-256 of the body, one of the canonical
//! request and one HMAC for each request, as an SDK does it. Source: AWS General Reference, "Signature Version 4".

use std::fmt::Write as _;

use hmac::{Hmac, KeyInit, Mac};
use kms_e2e::NODE_ACCOUNT;
use sha2::{Digest, Sha256};
use time::OffsetDateTime;

pub(crate) const REGION: &str = "us-east-1";
const SIGNED_HEADERS: &str = "content-type;host;x-amz-date;x-amz-target";
pub(crate) const CONTENT_TYPE: &str = "application/x-amz-json-1.1";

/// Signs for the root user of [`NODE_ACCOUNT`], whose secret is `test`.
pub(crate) struct Signer {
    host: String,
    /// The day that the key is for.
    day: String,
    key: Hmac<Sha256>,
}

impl Signer {
    pub(crate) fn new(host: &str) -> Self {
        Self { host: host.to_owned(), day: String::new(), key: mac(b"") }
    }

    /// The whole request. With `is_bad` one digit of the signature is another one.
    pub(crate) fn request(&mut self, operation: &str, body: &str, is_bad: bool) -> String {
        let (day, moment) = now();
        if self.day != day {
            self.key = signing_key(&day);
            self.day = day;
        }
        let Self { host, day, .. } = &*self;
        let scope = format!("{day}/{REGION}/kms/aws4_request");
        let target = format!("TrentService.{operation}");
        let canonical = format!(
            "POST\n/\n\ncontent-type:{CONTENT_TYPE}\nhost:{host}\nx-amz-date:{moment}\nx-amz-target:{target}\n\n\
             {SIGNED_HEADERS}\n{}",
            hex(&Sha256::digest(body))
        );
        let to_sign = format!("AWS4-HMAC-SHA256\n{moment}\n{scope}\n{}", hex(&Sha256::digest(canonical)));
        let mut mac = self.key.clone();
        mac.update(to_sign.as_bytes());
        let mut signature = hex(&mac.finalize().into_bytes());
        if is_bad {
            let other = if signature.ends_with('0') { "1" } else { "0" };
            signature.replace_range(63.., other);
        }
        format!(
            "POST / HTTP/1.1\r\nhost: {host}\r\ncontent-type: {CONTENT_TYPE}\r\nx-amz-date: {moment}\r\n\
             x-amz-target: {target}\r\nuser-agent: strongroom-bench\r\nauthorization: AWS4-HMAC-SHA256 \
             Credential={NODE_ACCOUNT}/{scope}, SignedHeaders={SIGNED_HEADERS}, Signature={signature}\r\n\
             content-length: {}\r\n\r\n{body}",
            body.len()
        )
    }
}

fn signing_key(day: &str) -> Hmac<Sha256> {
    let mut key = b"AWS4test".to_vec();
    for part in [day, REGION, "kms", "aws4_request"] {
        let mut mac = mac(&key);
        mac.update(part.as_bytes());
        key = mac.finalize().into_bytes().to_vec();
    }
    mac(&key)
}

#[expect(clippy::expect_used, reason = "HMAC takes a key of any length")]
fn mac(key: &[u8]) -> Hmac<Sha256> {
    <Hmac<Sha256> as KeyInit>::new_from_slice(key).expect("HMAC takes a key of any length")
}

/// `20260131` and `20260131T235959Z`.
#[expect(clippy::disallowed_methods, reason = "a client signs with the real time")]
fn now() -> (String, String) {
    let now = OffsetDateTime::now_utc();
    let day = format!("{:04}{:02}{:02}", now.year(), u8::from(now.month()), now.day());
    let moment = format!("{day}T{:02}{:02}{:02}Z", now.hour(), now.minute(), now.second());
    (day, moment)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(64), |mut text, byte| {
        let _infallible = write!(text, "{byte:02x}");
        text
    })
}
