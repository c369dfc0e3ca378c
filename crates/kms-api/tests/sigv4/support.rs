//! A request that can be signed by hand, changed and verified. The signer follows the AWS page step by step and shares
//! no code with the verifier.

use hmac::{Hmac, KeyInit, Mac};
use kms_api::sigv4::{
    Credentials, CredentialsRefused, SecretAccessKey, SignatureError, SignedRequest, SigningKeys, Verifier,
};
use sha2::{Digest, Sha256};
use time::OffsetDateTime;
use time::macros::datetime;

pub(crate) const ACCESS_KEY_ID: &str = "AKIDEXAMPLE";
pub(crate) const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
/// An access key id that goes with the session token `young`, had `old`, and has the same secret.
pub(crate) const TEMPORARY_ID: &str = "ASIAEXAMPLE";
pub(crate) const NOW: OffsetDateTime = datetime!(2026-01-01 00:05 UTC);
pub(crate) const STAMP: &str = "20260101T000500Z";
pub(crate) const MISMATCH: &str = "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.";

pub(crate) struct Keys;

impl SigningKeys for Keys {
    type Caller = &'static str;

    fn find(&self, id: &str, token: Option<&str>) -> Result<Credentials<&'static str>, CredentialsRefused> {
        let found = |caller| Ok(Credentials { secret: SecretAccessKey::new(SECRET.to_owned()), caller });
        match (id, token) {
            (ACCESS_KEY_ID, None) => found("root"),
            (TEMPORARY_ID, Some("young")) => found("role"),
            (TEMPORARY_ID, Some("old")) => Err(CredentialsRefused::Expired),
            _ => Err(CredentialsRefused::Invalid),
        }
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: String,
    pub(crate) headers: Vec<(String, Vec<u8>)>,
    pub(crate) body: Vec<u8>,
}

impl Request {
    /// A KMS request as SDKs send it, not signed yet.
    pub(crate) fn encrypt() -> Self {
        let headers = [
            ("Host", "kms.us-east-1.amazonaws.com"),
            ("X-Amz-Date", STAMP),
            ("X-Amz-Target", "TrentService.Encrypt"),
            ("Content-Type", "application/x-amz-json-1.1"),
            ("User-Agent", "test"),
        ];
        Self {
            method: "POST".to_owned(),
            path: "/".to_owned(),
            query: String::new(),
            headers: headers.iter().map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec())).collect(),
            body: br#"{"KeyId":"alias/test","Plaintext":"AA=="}"#.to_vec(),
        }
    }

    pub(crate) fn with(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.headers.push((name.to_owned(), value.as_ref().to_vec()));
        self
    }

    pub(crate) fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(other, _)| !other.eq_ignore_ascii_case(name));
        self
    }

    pub(crate) fn value(&self, name: &str) -> String {
        let found = self.headers.iter().find(|(other, _)| other.eq_ignore_ascii_case(name));
        String::from_utf8(found.unwrap().1.clone()).unwrap()
    }

    /// Changes the `Authorization` header.
    pub(crate) fn authorization(self, change: impl FnOnce(&str) -> String) -> Self {
        let changed = change(&self.value("authorization"));
        self.without("authorization").with("Authorization", changed)
    }

    pub(crate) fn verify(&self) -> Result<&'static str, SignatureError> {
        self.verify_at(NOW)
    }

    pub(crate) fn verify_at(&self, now: OffsetDateTime) -> Result<&'static str, SignatureError> {
        self.verify_by(&Verifier::new(Keys), now).map(|verified| verified.0)
    }

    /// Caller, access key id and region.
    pub(crate) fn verify_by<K: SigningKeys>(
        &self,
        verifier: &Verifier<K>,
        now: OffsetDateTime,
    ) -> Result<(K::Caller, String, String), SignatureError> {
        let request = SignedRequest {
            method: &self.method,
            path: &self.path,
            query: &self.query,
            headers: self.headers.iter().map(|(name, value)| (name.as_str(), value.as_slice())),
            body: &self.body,
        };
        let verified = verifier.verify(request, now)?;
        Ok((verified.caller, verified.access_key_id.to_owned(), verified.region.to_owned()))
    }

    pub(crate) fn refusal(&self) -> (&'static str, String) {
        let refusal = self.verify().expect_err("the request must be refused");
        (refusal.exception(), refusal.message())
    }
}

/// A client that signs exactly the headers it is told to.
pub(crate) struct Signer {
    pub(crate) access_key_id: &'static str,
    pub(crate) stamp: &'static str,
    pub(crate) scope: &'static str,
}

pub(crate) const SIGNER: Signer =
    Signer { access_key_id: ACCESS_KEY_ID, stamp: STAMP, scope: "20260101/us-east-1/kms/aws4_request" };
pub(crate) const USUAL: &str = "content-type;host;x-amz-date;x-amz-target";

impl Signer {
    pub(crate) fn sign(&self, request: Request, signed_headers: &str) -> Request {
        self.sign_with_body_hash(request, signed_headers, None)
    }

    pub(crate) fn sign_with_body_hash(&self, request: Request, signed_headers: &str, hash: Option<&str>) -> Request {
        let Request { method, path, query, .. } = &request;
        let mut canonical = format!("{method}\n{path}\n{query}\n").into_bytes();
        for name in signed_headers.split(';') {
            let values: Vec<_> = request.headers.iter().filter(|(other, _)| other.eq_ignore_ascii_case(name)).collect();
            let values: Vec<_> = values.iter().map(|(_, value)| fold(value)).collect();
            canonical.extend([name.as_bytes(), b":", &values.join(&b','), b"\n"].concat());
        }
        let body_hash = hash.map_or_else(|| hex(&Sha256::digest(&request.body)), str::to_owned);
        canonical.extend(format!("\n{signed_headers}\n{body_hash}").bytes());
        let text = format!("AWS4-HMAC-SHA256\n{}\n{}\n{}", self.stamp, self.scope, hex(&Sha256::digest(&canonical)));
        let first = format!("AWS4{SECRET}").into_bytes();
        let key = self.scope.split('/').fold(first, |key, part| mac(&key, part));
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential={}/{}, SignedHeaders={signed_headers}, Signature={}",
            self.access_key_id,
            self.scope,
            hex(&mac(&key, &text))
        );
        request.with("Authorization", authorization)
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn mac(key: &[u8], text: &str) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

fn fold(value: &[u8]) -> Vec<u8> {
    value.split(|byte| *byte == b' ').filter(|word| !word.is_empty()).collect::<Vec<_>>().join(&b' ')
}
