//! AWS Signature Version 4, verified over the request exactly as it was received.
//!
//! Source of the rules: AWS IAM User Guide, "AWS Signature Version 4 for API requests". Where this verifier has to
//! choose, it chooses the strict reading:
//!
//! - Header form only. A request that is signed in its query string carries no `Authorization` header and gets
//!   `MissingAuthenticationTokenException`; no KMS SDK signs that way, and presigned URLs end up in access logs.
//! - `host` and every `x-amz-*` header present must be signed. Otherwise a thief of one signed request could change its
//!   `X-Amz-Target` and turn an `Encrypt` into a `ScheduleKeyDeletion`.
//! - The path is signed as received, encoded once more and never normalised: KMS lives at `/` alone, so a path that
//!   changes under normalisation has no honest reason to be here.
//! - A signature names its headers in ascending order, in lower case, each once, and all are present.
//!
//! ```
//! # use kms_api::sigv4::*;
//! # use time::macros::datetime;
//! struct OneKey;
//! impl SigningKeys for OneKey {
//!     type Caller = &'static str;
//!     fn find(&self, id: &str, token: Option<&str>) -> Result<Credentials<&'static str>, CredentialsRefused> {
//!         match (id, token) {
//!             ("test", None) => Ok(Credentials { secret: SecretAccessKey::new("test".to_owned()), caller: "root" }),
//!             _ => Err(CredentialsRefused::Invalid),
//!         }
//!     }
//! }
//! let request = SignedRequest { method: "POST", path: "/", query: "", headers: [("host", &b"localhost"[..])], body: b"{}" };
//! let refusal = Verifier::new(OneKey).verify(request, datetime!(2026-11-24 12:00 UTC)).err();
//! assert_eq!(refusal, Some(SignatureError::MissingAuthenticationToken));
//! ```

mod authorization;
mod canonical_request;
mod credential_scope;
mod credentials;
mod error;
mod signing_key;
mod timestamp;
mod verifier;

pub use credentials::{Credentials, CredentialsRefused, SecretAccessKey, SigningKeys};
pub use error::SignatureError;
pub use verifier::{SignedRequest, Verified, Verifier};
