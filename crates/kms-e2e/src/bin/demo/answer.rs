//! What a call of the SDK came back with, and what it should have.

use aws_sdk_kms::error::{ProvideErrorMetadata, SdkError};

/// What came back.
pub(crate) enum Answer {
    /// The call was answered; says what it gave.
    Done(String),
    /// The call was refused.
    Refused {
        /// The exception.
        code: String,
        /// Its text.
        message: String,
    },
}

/// What must come back.
#[derive(Clone, Copy)]
pub(crate) enum Expected {
    /// An answer that says this of itself.
    Done(&'static str),
    /// This exception, with a text that ends so.
    Refused(&'static str, &'static str),
}

impl Answer {
    /// The answer to a call, told by `say` when there is one.
    pub(crate) fn of<T, E: ProvideErrorMetadata>(
        result: &Result<T, SdkError<E>>,
        say: impl FnOnce(&T) -> String,
    ) -> Self {
        match result {
            Ok(output) => Self::Done(say(output)),
            Err(error) => Self::Refused {
                code: error.code().unwrap_or("no answer").to_owned(),
                message: error.message().unwrap_or_default().to_owned(),
            },
        }
    }

    /// As a cell of the table.
    pub(crate) fn text(&self) -> String {
        match self {
            Self::Done(text) => text.clone(),
            Self::Refused { code, .. } => format!("refused: {code}"),
        }
    }

    /// The text of a refusal.
    pub(crate) fn message(&self) -> Option<&str> {
        match self {
            Self::Done(_) => None,
            Self::Refused { message, .. } => Some(message),
        }
    }

    /// Whether it is what it must be.
    pub(crate) fn is(&self, expected: Expected) -> bool {
        match (self, expected) {
            (Self::Done(text), Expected::Done(wanted)) => text == wanted,
            (Self::Refused { code, message }, Expected::Refused(exception, end)) => {
                code == exception && message.ends_with(end)
            }
            _ => false,
        }
    }
}

impl Expected {
    /// In words, for the report of what went wrong.
    pub(crate) fn text(self) -> String {
        match self {
            Self::Done(text) => text.to_owned(),
            Self::Refused(code, end) => format!("{code} (…{end})"),
        }
    }
}
