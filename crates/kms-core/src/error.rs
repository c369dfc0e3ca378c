//! The one error of an operation: a variant per exception of the KMS model and of its common errors, same name.

use std::error::Error as StdError;

/// A refusal as KMS words it. `Display` is the text for the client; a cause goes by `source()` to the log, once, at the
/// boundary. Texts never echo input except where the model's constraint texts do. Source: kms-operations.md, protocol.md 4.
#[derive(Debug)]
pub enum KmsError {
    /// The caller may not do this. Caller's side.
    AccessDenied(String),
    /// A name is taken. Caller's side.
    AlreadyExists(String),
    /// Postgres, the token or a peer did not answer in time, or the outcome is not known. Ours; retry.
    DependencyTimeout(Option<Cause>),
    /// The key is disabled. Caller's side.
    Disabled(String),
    /// DryRun was set and everything else was in order. Not a fault.
    DryRunOperation,
    /// The import token is older than 24 hours. Caller's side.
    ExpiredImportToken,
    /// The ciphertext belongs to another key than the one named. Caller's side.
    IncorrectKey,
    /// The imported bytes are not the material they must be. Caller's side.
    IncorrectKeyMaterial(String),
    /// An alias name that is none. Caller's side.
    InvalidAliasName(String),
    /// An ARN or an alias where it may not stand. Caller's side.
    InvalidArn(String),
    /// A ciphertext or wrapped material that does not open; never says why. Caller's side.
    InvalidCiphertext,
    /// A grant token that is not one. Caller's side.
    InvalidGrantToken(String),
    /// An import token that is not one, or belongs to another key. Caller's side.
    InvalidImportToken,
    /// The usage of the key, or its spec, does not fit. Caller's side.
    InvalidKeyUsage(String),
    /// A MAC that is not that of the message under the key. Caller's side.
    InvalidMac,
    /// A marker that is not one of ours for this list. Caller's side.
    InvalidMarker(String),
    /// The public key of a peer that is none of this key's curve. Caller's side.
    InvalidPublicKey,
    /// A signature that is not one of the message by the key. Caller's side.
    InvalidSignature,
    /// The state of the key does not allow the operation. Caller's side.
    InvalidState(String),
    /// Something of ours failed; the cause is for the log. Ours; retry.
    Internal(Cause),
    /// A quota. Caller's side.
    LimitExceeded(String),
    /// A policy that cannot be read or would lock everybody out. Caller's side.
    MalformedPolicyDocument(Option<String>),
    /// A name that is reserved for AWS. Caller's side.
    NotAuthorized,
    /// No such key, alias, grant. Caller's side.
    NotFound(String),
    /// A body of the wrong JSON types, or no JSON at all. Caller's side.
    Serialization(Option<String>),
    /// A tag that may not be. Caller's side.
    Tag(String),
    /// Too much at once. Caller's side; retry later.
    Throttling,
    /// KMS has this operation or combination, this deployment does not serve it.
    UnsupportedOperation(Option<String>),
    /// A member outside its constraints. Caller's side.
    Validation(String),
}

/// What lies behind an error of ours; for the log alone.
pub type Cause = Box<dyn StdError + Send + Sync>;

impl KmsError {
    /// An internal error with its cause.
    pub fn internal(cause: impl Into<Cause>) -> Self {
        Self::Internal(cause.into())
    }

    /// A retryable error with its cause.
    pub fn timeout(cause: impl Into<Cause>) -> Self {
        Self::DependencyTimeout(Some(cause.into()))
    }

    /// The name of the exception: `__type` on the wire, `errorCode` in the audit record.
    pub const fn exception(&self) -> &'static str {
        match self {
            Self::AccessDenied(_) => "AccessDeniedException",
            Self::AlreadyExists(_) => "AlreadyExistsException",
            Self::DependencyTimeout(_) => "DependencyTimeoutException",
            Self::Disabled(_) => "DisabledException",
            Self::DryRunOperation => "DryRunOperationException",
            Self::ExpiredImportToken => "ExpiredImportTokenException",
            Self::IncorrectKey => "IncorrectKeyException",
            Self::IncorrectKeyMaterial(_) => "IncorrectKeyMaterialException",
            Self::InvalidAliasName(_) => "InvalidAliasNameException",
            Self::InvalidArn(_) => "InvalidArnException",
            Self::InvalidCiphertext => "InvalidCiphertextException",
            Self::InvalidGrantToken(_) => "InvalidGrantTokenException",
            Self::InvalidImportToken => "InvalidImportTokenException",
            Self::InvalidKeyUsage(_) => "InvalidKeyUsageException",
            Self::InvalidMac => "KMSInvalidMacException",
            Self::InvalidMarker(_) => "InvalidMarkerException",
            Self::InvalidSignature => "KMSInvalidSignatureException",
            Self::InvalidState(_) => "KMSInvalidStateException",
            Self::Internal(_) => "KMSInternalException",
            Self::LimitExceeded(_) => "LimitExceededException",
            Self::MalformedPolicyDocument(_) => "MalformedPolicyDocumentException",
            Self::NotAuthorized => "NotAuthorizedException",
            Self::NotFound(_) => "NotFoundException",
            Self::Serialization(_) => "SerializationException",
            Self::Tag(_) => "TagException",
            Self::Throttling => "ThrottlingException",
            Self::UnsupportedOperation(_) => "UnsupportedOperationException",
            Self::InvalidPublicKey | Self::Validation(_) => "ValidationException",
        }
    }

    /// The text for the client; none where KMS sends no message member at all.
    pub fn message(&self) -> Option<&str> {
        match self {
            Self::AccessDenied(text)
            | Self::AlreadyExists(text)
            | Self::Disabled(text)
            | Self::IncorrectKeyMaterial(text)
            | Self::InvalidAliasName(text)
            | Self::InvalidArn(text)
            | Self::InvalidGrantToken(text)
            | Self::InvalidKeyUsage(text)
            | Self::InvalidMarker(text)
            | Self::InvalidState(text)
            | Self::LimitExceeded(text)
            | Self::NotFound(text)
            | Self::Tag(text)
            | Self::Validation(text) => Some(text),
            Self::MalformedPolicyDocument(text) | Self::Serialization(text) | Self::UnsupportedOperation(text) => {
                text.as_deref()
            }
            Self::DependencyTimeout(_) => Some("The system timed out while trying to fulfill the request."),
            Self::Internal(_) => Some("The request was rejected because an internal exception occurred."),
            Self::DryRunOperation => Some("The request would have succeeded, but the DryRun option is set."),
            Self::IncorrectKey => {
                Some("The key ID in the request does not identify a CMK that can perform this operation.")
            }
            Self::Throttling => {
                Some("You have exceeded the rate at which you may call KMS. Reduce the frequency of your calls.")
            }
            Self::ExpiredImportToken
            | Self::InvalidImportToken
            | Self::InvalidCiphertext
            | Self::InvalidMac
            | Self::InvalidPublicKey
            | Self::InvalidSignature
            | Self::NotAuthorized => None,
        }
    }

    /// Whether the fault is ours: status 500, and SDKs try again.
    pub const fn is_fault(&self) -> bool {
        matches!(self, Self::DependencyTimeout(_) | Self::Internal(_))
    }

    /// Whether the refusal rests on what is stored about a key, so that a cached record must be read anew before it is
    /// answered (object-protocol.md S4).
    pub const fn rests_on_stored_facts(&self) -> bool {
        matches!(
            self,
            Self::AccessDenied(_)
                | Self::Disabled(_)
                | Self::InvalidState(_)
                | Self::NotFound(_)
                | Self::InvalidCiphertext
                | Self::IncorrectKey
        )
    }
}

impl std::fmt::Display for KmsError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.message().unwrap_or(self.exception()))
    }
}

impl StdError for KmsError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::Internal(cause) | Self::DependencyTimeout(Some(cause)) => Some(cause.as_ref()),
            _ => None,
        }
    }
}

impl From<crate::hsm::HsmError> for KmsError {
    fn from(error: crate::hsm::HsmError) -> Self {
        use crate::hsm::HsmError;
        match error {
            HsmError::BadWrappedMaterial | HsmError::BadCiphertext => Self::InvalidCiphertext,
            HsmError::BadInput(_) => Self::Validation(error.to_string()),
            HsmError::Unsupported(_) => Self::UnsupportedOperation(Some(error.to_string())),
            HsmError::ClaimLost | HsmError::TokenUnknown | HsmError::Busy(_) => Self::timeout(error),
            HsmError::ObjectMissing | HsmError::ObjectMismatch | HsmError::Unavailable(_) => Self::internal(error),
        }
    }
}
