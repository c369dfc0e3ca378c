//! What a client sees of a refusal.

use std::fmt::Debug;

use aws_sdk_kms::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;

/// Exceptions that the KMS model declares nowhere, so that no SDK has a type for them.
const COMMON: [&str; 3] = ["AccessDeniedException", "ValidationException", "ThrottlingException"];

/// A refusal as the SDK gives it.
#[derive(Debug)]
pub(crate) struct Refusal {
    /// `__type`.
    pub(crate) code: String,
    /// The text; none where KMS sends none.
    pub(crate) message: Option<String>,
    status: u16,
    /// The SDK has a type for it at this operation.
    is_typed: bool,
}

impl Refusal {
    /// It is this exception with this text, typed by the SDK unless it is a common one, with the right status.
    #[track_caller]
    pub(crate) fn is(&self, code: &str, message: impl Into<String>) {
        self.check(code, Some(message.into()), !COMMON.contains(&code));
    }

    /// It is this exception, without any text.
    #[track_caller]
    pub(crate) fn is_without_text(&self, code: &str) {
        self.check(code, None, true);
    }

    /// It is a `ValidationException` without any text.
    #[track_caller]
    pub(crate) fn is_common_without_text(&self) {
        self.check("ValidationException", None, false);
    }

    /// It is this exception although the model does not declare it for the operation.
    #[track_caller]
    pub(crate) fn is_undeclared(&self, code: &str, message: impl Into<String>) {
        self.check(code, Some(message.into()), false);
    }

    #[track_caller]
    fn check(&self, code: &str, message: Option<String>, is_typed: bool) {
        let is_fault = ["DependencyTimeoutException", "KMSInternalException"].contains(&code);
        let status = if is_fault { 500 } else { 400 };
        assert_eq!(
            (self.code.as_str(), self.message.clone(), self.is_typed, self.status),
            (code, message, is_typed, status),
            "type, text, known to the SDK, status"
        );
    }
}

/// Takes an outcome apart: `Ok` is only a success, `Err` a refusal by the service.
///
/// # Panics
/// If there was no answer at all.
pub(crate) fn outcome<T, E>(result: Result<T, SdkError<E, HttpResponse>>) -> Result<T, Refusal>
where
    E: ProvideErrorMetadata + Debug,
{
    result.map_err(|error| match error {
        SdkError::ServiceError(answer) => {
            let (error, raw) = (answer.err(), answer.raw());
            let code = error.code().expect("every refusal has a type").to_owned();
            let variant = format!("{error:?}").to_ascii_lowercase();
            let is_typed = variant.starts_with(&format!("{}(", code.to_ascii_lowercase()));
            // The SDK hands on an absent text as an empty one for some types.
            let message = error.message().filter(|text| !text.is_empty()).map(str::to_owned);
            Refusal { code, message, status: raw.status().as_u16(), is_typed }
        }
        other => panic!("the service gave no answer: {other:?}"),
    })
}

/// The refusal of a call that must be refused.
#[track_caller]
pub(crate) fn refused<T: Debug, E>(result: Result<T, SdkError<E, HttpResponse>>) -> Refusal
where
    E: ProvideErrorMetadata + Debug,
{
    match outcome(result) {
        Err(refusal) => refusal,
        Ok(answer) => panic!("this must be refused: {answer:?}"),
    }
}
