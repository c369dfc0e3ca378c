//! Signature Version 4 as a client makes it, with everything that a test may want to be wrong.
//! Source: AWS IAM User Guide, "Create a signed AWS API request".

use hmac::{Hmac, KeyInit, Mac};
use kms_core::ids::hex;
use kms_e2e::Server;
use serde_json::Value;
use sha2::{Digest, Sha256};
use time::OffsetDateTime;
use time::macros::format_description;

/// A request in parts.
#[derive(Clone)]
pub(crate) struct Request {
    pub(crate) method: &'static str,
    pub(crate) path: String,
    pub(crate) body: Vec<u8>,
    pub(crate) access_key: String,
    pub(crate) secret: String,
    pub(crate) region: String,
    pub(crate) service: String,
    /// The signature's moment.
    pub(crate) date: OffsetDateTime,
    /// Overrides the day of the scope.
    pub(crate) day: Option<String>,
    /// Signed headers besides the date.
    pub(crate) headers: Vec<(String, String)>,
    /// Headers that are sent and not signed.
    pub(crate) unsigned: Vec<(String, String)>,
    /// Takes the place of the whole `Authorization` header; an empty one is not sent.
    pub(crate) authorization: Option<String>,
    /// The body in chunks instead of a length.
    pub(crate) chunked: bool,
}

impl Request {
    /// A correct request of a fresh account.
    pub(crate) fn new(operation: &str, body: Value) -> Self {
        Self::of_account(&kms_e2e::fresh_account(), operation, body)
    }

    /// A correct request of the root of this account.
    pub(crate) fn of_account(account: &str, operation: &str, body: Value) -> Self {
        let headers = [
            ("host", Server::shared().address()),
            ("content-type", "application/x-amz-json-1.1"),
            ("x-amz-target", &format!("TrentService.{operation}")),
        ];
        Self {
            method: "POST",
            path: "/".to_owned(),
            body: body.to_string().into_bytes(),
            access_key: account.to_owned(),
            secret: "test".to_owned(),
            region: "us-east-1".to_owned(),
            service: "kms".to_owned(),
            date: now(),
            day: None,
            headers: headers.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
            unsigned: Vec::new(),
            authorization: None,
            chunked: false,
        }
    }

    /// With these bytes as body.
    pub(crate) fn raw(operation: &str, body: impl Into<Vec<u8>>) -> Self {
        Self { body: body.into(), ..Self::new(operation, Value::Null) }
    }

    /// With this value of a signed header, or without it.
    pub(crate) fn header(mut self, name: &str, value: Option<&str>) -> Self {
        self.headers.retain(|(other, _)| other != name);
        self.headers.extend(value.map(|value| (name.to_owned(), value.to_owned())));
        self
    }

    /// The request as it goes over the wire.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut lines = vec![format!("{} {} HTTP/1.1", self.method, self.path)];
        lines.extend(self.sent_headers().iter().map(|(name, value)| format!("{name}: {value}")));
        let mut bytes = (lines.join("\r\n") + "\r\n\r\n").into_bytes();
        if self.chunked {
            for chunk in self.body.chunks(7) {
                bytes.extend(format!("{:x}\r\n", chunk.len()).bytes().chain(chunk.iter().copied()).chain(*b"\r\n"));
            }
            bytes.extend(b"0\r\n\r\n");
        } else {
            bytes.extend(&self.body);
        }
        bytes
    }

    /// The head alone, with the length of the whole body.
    pub(crate) fn head(&self) -> Vec<u8> {
        let bytes = self.bytes();
        bytes[..bytes.len() - self.body.len()].to_vec()
    }

    /// `20260101T000000Z`
    pub(crate) fn stamp(&self) -> String {
        stamp(self.date)
    }

    /// Names of the signed headers.
    pub(crate) fn signed_headers(&self) -> String {
        self.canonical_headers().into_iter().map(|(name, _)| name).collect::<Vec<_>>().join(";")
    }

    /// `AWS4-HMAC-SHA256 Credential=…, SignedHeaders=…, Signature=…`
    pub(crate) fn authorization(&self) -> String {
        let day = self.day.clone().unwrap_or_else(|| self.stamp()[..8].to_owned());
        let scope = format!("{day}/{}/{}/aws4_request", self.region, self.service);
        let headers: String =
            self.canonical_headers().iter().map(|(name, value)| format!("{name}:{}\n", value.trim())).collect();
        let signed = self.signed_headers();
        let body = hex(&Sha256::digest(&self.body));
        let (path, query) = self.path.split_once('?').unwrap_or((&self.path, ""));
        let canonical = format!("{}\n{path}\n{query}\n{headers}\n{signed}\n{body}", self.method);
        let to_sign =
            format!("AWS4-HMAC-SHA256\n{}\n{scope}\n{}", self.stamp(), hex(&Sha256::digest(canonical.as_bytes())));
        let mut key = format!("AWS4{}", self.secret).into_bytes();
        for part in [day.as_str(), &self.region, &self.service, "aws4_request", &to_sign] {
            key = hmac(&key, part.as_bytes());
        }
        let credential = format!("{}/{scope}", self.access_key);
        format!("AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders={signed}, Signature={}", hex(&key))
    }

    fn canonical_headers(&self) -> Vec<(String, String)> {
        let mut headers = self.headers.clone();
        headers.push(("x-amz-date".to_owned(), self.stamp()));
        headers.sort();
        headers
    }

    fn sent_headers(&self) -> Vec<(String, String)> {
        let mut headers = self.canonical_headers();
        headers.extend(self.unsigned.iter().cloned());
        let authorization = self.authorization.clone().unwrap_or_else(|| self.authorization());
        if !authorization.is_empty() {
            headers.push(("authorization".to_owned(), authorization));
        }
        let is_there = headers.iter().any(|(name, _)| name == "content-length");
        match self.chunked {
            true => headers.push(("transfer-encoding".to_owned(), "chunked".to_owned())),
            false if !is_there => headers.push(("content-length".to_owned(), self.body.len().to_string())),
            false => {}
        }
        headers
    }
}

/// The time now.
#[expect(clippy::disallowed_methods, reason = "a client has a clock of its own")]
pub(crate) fn now() -> OffsetDateTime {
    OffsetDateTime::now_utc()
}

/// A moment in the basic format of ISO 8601.
pub(crate) fn stamp(moment: OffsetDateTime) -> String {
    moment.format(format_description!("[year][month][day]T[hour][minute][second]Z")).unwrap()
}

fn hmac(key: &[u8], data: &[u8]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    mac.update(data);
    mac.finalize().into_bytes().to_vec()
}
