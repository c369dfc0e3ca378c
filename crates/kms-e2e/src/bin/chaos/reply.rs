//! What came back from a server, in the words of the model.

use aws_sdk_kms::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_kms::operation::RequestId;

use crate::answer::Answer;

/// What came back.
pub(crate) enum Reply {
    /// An answer, or a refusal that says that nothing happened.
    Known(Answer),
    /// Nobody knows whether it happened. `was_told` if a server said so, else there was no answer.
    Unknown { why: String, was_told: bool },
    /// The signature was refused for the server's clock: nothing happened.
    NotTaken,
    /// A refusal that no model of KMS gives here, or an answer with a content that it cannot have.
    Wrong(String),
}

/// What a client knows after a call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Heard {
    /// What the server did, or that it did nothing.
    Answer,
    /// That the server does not know either.
    Doubt,
    Nothing,
}

impl Reply {
    /// What the client knows after it.
    pub(crate) const fn heard(&self) -> Heard {
        match self {
            Self::Unknown { was_told: true, .. } => Heard::Doubt,
            Self::Unknown { was_told: false, .. } => Heard::Nothing,
            Self::Known(_) | Self::NotTaken | Self::Wrong(_) => Heard::Answer,
        }
    }
}

/// Reads a result; the id of the request if a server answered.
pub(crate) fn read<T: RequestId, E: ProvideErrorMetadata>(
    result: &Result<T, SdkError<E>>,
    done: impl FnOnce(&T) -> Answer,
) -> (Reply, Option<String>)
where
    SdkError<E>: RequestId,
{
    match result {
        Ok(output) => (Reply::Known(done(output)), output.request_id().map(str::to_owned)),
        Err(error) => (refusal(error.code(), error.message()), error.request_id().map(str::to_owned)),
    }
}

fn refusal(code: Option<&str>, message: Option<&str>) -> Reply {
    let Some(code) = code else {
        return Reply::Unknown { why: "no answer".to_owned(), was_told: false };
    };
    Reply::Known(match code {
        "KMSInvalidStateException" => Answer::InvalidState,
        "DisabledException" => Answer::IsDisabled,
        "IncorrectKeyMaterialException" => Answer::Incorrect,
        "KMSInvalidSignatureException" | "KMSInvalidMacException" => Answer::Forged,
        "AlreadyExistsException" => Answer::Exists,
        "NotFoundException" => Answer::NotFound,
        // Decrypt's word for the ciphertext of a key that does not exist. Source: kms-operations.md 3.2.
        "AccessDeniedException" if message.is_some_and(|text| text.contains("does not exist")) => Answer::NotFound,
        "ExpiredImportTokenException" => Answer::TooLate,
        "ValidationException" if message.is_some_and(|text| text.contains("must be in the future")) => Answer::TooLate,
        "DependencyTimeoutException" | "KMSInternalException" | "ThrottlingException" => {
            return Reply::Unknown { why: code.to_owned(), was_told: true };
        }
        "InvalidSignatureException" if message.is_some_and(is_about_time) => return Reply::NotTaken,
        other => return Reply::Wrong(format!("{other}: {}", message.unwrap_or_default())),
    })
}

/// Source: protocol.md 5.
fn is_about_time(message: &str) -> bool {
    message.starts_with("Signature expired: ") || message.starts_with("Signature not yet current: ")
}
