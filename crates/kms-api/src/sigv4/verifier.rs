//! The order of the checks. It is the one that services of the same framework were seen to follow: form, date, `host`,
//! algorithm, scope, access key, and the signature last.

use std::cell::RefCell;

use hmac::Mac;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use time::OffsetDateTime;

use super::authorization::Authorization;
use super::canonical_request::{CanonicalRequest, hex};
use super::credential_scope::Credential;
use super::credentials::{Credentials, CredentialsRefused, SecretAccessKey, SigningKeys};
use super::error::SignatureError;
use super::signing_key::{self, SigningKeyCache};
use super::timestamp::Timestamp;

/// A usual request has about a dozen headers.
const USUAL_HEADERS: usize = 24;
/// A buffer that one huge request has grown beyond this is given back.
const KEPT_BUFFER_LEN: usize = 64 * 1024;

/// A request as it came over the wire: nothing decoded, nothing put together again.
#[derive(Clone, Copy)]
pub struct SignedRequest<'a, Headers> {
    /// `POST`
    pub method: &'a str,
    /// The path of the request line, still encoded.
    pub path: &'a str,
    /// The query of the request line without its question mark, still encoded; empty if there is none.
    pub query: &'a str,
    /// Name and value of each header; a name in any case; headers of one name in the order received. With actix:
    /// `request.headers().iter().map(|(name, value)| (name.as_str(), value.as_bytes()))`.
    pub headers: Headers,
    /// The whole body.
    pub body: &'a [u8],
}

/// Who signed, once that is certain. The texts are parts of the request's `Authorization` header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified<'a, Caller> {
    /// What `SigningKeys::find` said about the holder of the access key.
    pub caller: Caller,
    /// The access key id that signed.
    pub access_key_id: &'a str,
    /// The region the client meant.
    pub region: &'a str,
}

/// Verifies signatures for one service. Cheap to share; the derived keys are remembered by each thread.
pub struct Verifier<K> {
    keys: K,
    service: &'static str,
}

impl<K: SigningKeys> Verifier<K> {
    /// A verifier for the service `kms`.
    #[must_use]
    pub const fn new(keys: K) -> Self {
        Self::for_service(keys, "kms")
    }

    /// A verifier for another signing name, such as `iam` or `sts`.
    #[must_use]
    pub const fn for_service(keys: K, service: &'static str) -> Self {
        Self { keys, service }
    }

    /// Finds out who signed `request`; `now` is the time of this server.
    ///
    /// # Errors
    /// See `SignatureError`; the request must then not be served.
    pub fn verify<'a, Headers>(
        &self,
        request: SignedRequest<'a, Headers>,
        now: OffsetDateTime,
    ) -> Result<Verified<'a, K::Caller>, SignatureError>
    where
        Headers: IntoIterator<Item = (&'a str, &'a [u8])>,
    {
        let mut headers = Vec::with_capacity(USUAL_HEADERS);
        headers.extend(request.headers);
        let known = KnownHeaders::find(&headers)?;
        let authorization = Authorization::parse(known.authorization, known.date)?;
        let signed_at = Timestamp::parse(authorization.date)?;
        signed_at.check_skew(now)?;
        check_host_is_signed(authorization.signed_headers)?;
        authorization.check_algorithm()?;
        let credential = Credential::parse(authorization.credential)?;
        credential.check_scope(self.service, &signed_at)?;

        let Credentials { secret, caller } = self.find_credentials(&credential, known.session_token)?;
        let body_hash = hex(Sha256::digest(request.body).into());
        if known.content_sha256.is_some_and(|declared| declared != body_hash) {
            return Err(SignatureError::DoesNotMatch);
        }
        let canonical_request = CanonicalRequest {
            method: request.method,
            path: request.path,
            query: request.query,
            headers: &headers,
            signed_headers: authorization.signed_headers,
            body_hash: &body_hash,
        };
        check_signature(&canonical_request, &signed_at, &credential, secret, authorization.signature)?;
        Ok(Verified { caller, access_key_id: credential.access_key_id, region: credential.region })
    }

    fn find_credentials(
        &self,
        credential: &Credential<'_>,
        session_token: Option<&[u8]>,
    ) -> Result<Credentials<K::Caller>, SignatureError> {
        let session_token = session_token.map(str::from_utf8).transpose().map_err(|_| CredentialsRefused::Invalid);
        session_token.and_then(|token| self.keys.find(credential.access_key_id, token)).map_err(|refused| {
            signing_key::sign_in_vain(credential.text.as_bytes());
            match refused {
                CredentialsRefused::Invalid => SignatureError::UnrecognizedClient,
                CredentialsRefused::Expired => SignatureError::ExpiredToken,
            }
        })
    }
}

/// The headers that steer the verification.
struct KnownHeaders<'a> {
    authorization: &'a str,
    /// `X-Amz-Date`, else `Date`.
    date: Option<&'a [u8]>,
    session_token: Option<&'a [u8]>,
    content_sha256: Option<&'a [u8]>,
}

impl<'a> KnownHeaders<'a> {
    fn find(headers: &[(&'a str, &'a [u8])]) -> Result<Self, SignatureError> {
        let authorization = only(headers, "authorization")?.ok_or(SignatureError::MissingAuthenticationToken)?;
        let date = match only(headers, "x-amz-date")? {
            Some(date) => Some(date),
            None => only(headers, "date")?,
        };
        Ok(Self {
            authorization: str::from_utf8(authorization).map_err(|_| SignatureError::MissingAuthenticationToken)?,
            date,
            session_token: only(headers, "x-amz-security-token")?,
            content_sha256: only(headers, "x-amz-content-sha256")?,
        })
    }
}

/// The value of the only header of that name. Two of them leave open which one counts, so nobody may rely on either.
fn only<'a>(headers: &[(&'a str, &'a [u8])], name: &str) -> Result<Option<&'a [u8]>, SignatureError> {
    let mut values = headers.iter().filter(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| *value);
    match (values.next(), values.next()) {
        (value, None) => Ok(value),
        (_, Some(_)) => Err(SignatureError::DoesNotMatch),
    }
}

fn check_host_is_signed(signed_headers: &str) -> Result<(), SignatureError> {
    if is_signed("host", signed_headers) {
        return Ok(());
    }
    Err(SignatureError::Invalid("'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.".to_owned()))
}

fn is_signed(name: &str, signed_headers: &str) -> bool {
    signed_headers.split(';').any(|signed| signed.eq_ignore_ascii_case(name))
}

fn is_amz_header(name: &str) -> bool {
    name.get(..6).is_some_and(|prefix| prefix.eq_ignore_ascii_case("x-amz-"))
}

thread_local! {
    /// What a thread reuses from request to request: the buffer of the canonical form, and the keys.
    static SCRATCH: RefCell<(Vec<u8>, SigningKeyCache)> = RefCell::default();
}

fn check_signature(
    request: &CanonicalRequest<'_>,
    signed_at: &Timestamp,
    credential: &Credential<'_>,
    secret: SecretAccessKey,
    signature: &str,
) -> Result<(), SignatureError> {
    if request.headers.iter().any(|(name, _)| is_amz_header(name) && !is_signed(name, request.signed_headers)) {
        return Err(SignatureError::DoesNotMatch);
    }
    // Nothing in here calls back, so the scratch is never borrowed twice.
    SCRATCH.with_borrow_mut(|(buffer, keys)| {
        request.write(buffer)?;
        let remembered = keys.find(credential.text, &secret);
        let is_new = remembered.is_none();
        let key = remembered.unwrap_or_else(|| signing_key::derive(&secret, credential));

        let mut mac = key.clone();
        for part in ["AWS4-HMAC-SHA256\n", signed_at.text(), "\n", credential.scope(), "\n"] {
            mac.update(part.as_bytes());
        }
        mac.update(&hex(Sha256::digest(&*buffer).into()));
        let ours = hex(mac.finalize().into_bytes().into());

        buffer.clear();
        buffer.shrink_to(KEPT_BUFFER_LEN);
        if !bool::from(ours.ct_eq(signature.as_bytes())) {
            return Err(SignatureError::DoesNotMatch);
        }
        if is_new {
            keys.remember(credential.text, secret, key);
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_remembered_once_its_signature_was_right_and_not_before() {
        let headers = [("host", &b"localhost"[..])];
        let body_hash = hex(Sha256::digest(b"{}").into());
        let request = CanonicalRequest {
            method: "POST",
            path: "/",
            query: "",
            headers: &headers,
            signed_headers: "host",
            body_hash: &body_hash,
        };
        let signed_at = Timestamp::parse(b"20260101T000000Z").unwrap();
        let credential = Credential::parse("AKIDCACHE/20260101/us-east-1/kms/aws4_request").unwrap();
        let secret = SecretAccessKey::new("secret".to_owned());
        let is_remembered = || {
            SCRATCH
                .with_borrow(|(_, keys)| keys.find("AKIDCACHE/20260101/us-east-1/kms/aws4_request", &secret))
                .is_some()
        };

        let wrong = "0".repeat(64);
        let outcome = check_signature(&request, &signed_at, &credential, secret.clone(), &wrong);
        assert_eq!((outcome, is_remembered()), (Err(SignatureError::DoesNotMatch), false));

        let mut canonical = Vec::new();
        request.write(&mut canonical).unwrap();
        let mut mac = signing_key::derive(&secret, &credential);
        mac.update(b"AWS4-HMAC-SHA256\n20260101T000000Z\n20260101/us-east-1/kms/aws4_request\n");
        mac.update(&hex(Sha256::digest(&canonical).into()));
        let right = String::from_utf8(hex(mac.finalize().into_bytes().into()).to_vec()).unwrap();
        let outcome = check_signature(&request, &signed_at, &credential, secret.clone(), &right);
        assert_eq!((outcome, is_remembered()), (Ok(()), true));
    }
}
