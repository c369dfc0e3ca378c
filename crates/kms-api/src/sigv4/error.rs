//! Why a signature was refused, in the words of AWS.

use thiserror::Error;

/// Why a request was refused before anyone looked at what it asks for.
///
/// `Display` is the text for the client; it holds no secret and no signature. Sources: AWS General Reference, "Common
/// errors"; AWS IAM User Guide, "Troubleshoot Signature Version 4"; answers recorded from services of the same framework.
/// All of them answer with status 400.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SignatureError {
    /// There is no `Authorization` header, or it holds something other than an AWS signature.
    #[error("Request is missing Authentication Token")]
    MissingAuthenticationToken,
    /// The `Authorization` header or the date is incomplete or malformed; the text says what.
    #[error("{0}")]
    Incomplete(String),
    /// Nobody has this access key id, or the session token does not belong to it.
    #[error("The security token included in the request is invalid.")]
    UnrecognizedClient,
    /// The session token was good once.
    #[error("The security token included in the request is expired")]
    ExpiredToken,
    /// The secret is wrong, or a signed byte changed on the way, or a header that must be signed is not.
    #[error(
        "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access \
         Key and signing method. Consult the service documentation for details."
    )]
    DoesNotMatch,
    /// Right in form, but stale, early, for another service, or without `host`; the text says which.
    #[error("{0}")]
    Invalid(String),
}

impl SignatureError {
    /// The `__type` of the error body.
    #[must_use]
    pub const fn exception(&self) -> &'static str {
        match self {
            Self::MissingAuthenticationToken => "MissingAuthenticationTokenException",
            Self::Incomplete(_) => "IncompleteSignatureException",
            Self::UnrecognizedClient => "UnrecognizedClientException",
            Self::ExpiredToken => "ExpiredTokenException",
            Self::DoesNotMatch | Self::Invalid(_) => "InvalidSignatureException",
        }
    }

    /// The `message` of the error body.
    #[must_use]
    pub fn message(&self) -> String {
        self.to_string()
    }
}
