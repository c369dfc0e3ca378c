//! What can go wrong with the rows, told apart by what the caller can do about it.

use diesel::result::{ConnectionError, DatabaseErrorKind, Error};
use kms_core::KmsError;

/// Why a query, a transaction or its publication failed. No text quotes a row: Postgres' message names constraints and
/// columns, its detail, which would show values, is left out.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum MetadataError {
    /// The row that had to be there is not. Ours.
    #[error("no such row")]
    NotFound,
    /// Somebody else changed the key after it was read: read again and decide anew.
    #[error("the key was changed by another request")]
    VersionChanged,
    /// A row like this exists; holds the name of the constraint. The transaction can only be rolled back.
    #[error("the row exists already ({0})")]
    AlreadyExists(String),
    /// A row's lock was not free in time: retry later.
    #[error("a row lock was not free in time")]
    LockTimeout,
    /// Postgres cannot be reached or did not answer in time; nothing was committed.
    #[error("Postgres is unavailable: {0}")]
    Unavailable(String),
    /// The answer to a COMMIT was lost: it may have happened. Never retried, looked up instead (object-protocol.md A6).
    #[error("it is not known whether the transaction was committed: {0}")]
    OutcomeUnknown(String),
    /// Anything else: a bug, a broken row or a schema that is not ours.
    #[error("metadata: {0}")]
    Other(String),
}

impl From<MetadataError> for KmsError {
    fn from(error: MetadataError) -> Self {
        match error {
            MetadataError::LockTimeout | MetadataError::Unavailable(_) | MetadataError::OutcomeUnknown(_) => {
                Self::timeout(error)
            }
            MetadataError::NotFound
            | MetadataError::VersionChanged
            | MetadataError::AlreadyExists(_)
            | MetadataError::Other(_) => Self::internal(error),
        }
    }
}

impl MetadataError {
    /// A row that says what no writer of ours writes.
    pub(crate) fn broken_row(column: &str) -> Self {
        Self::Other(format!("a row holds an unknown value in {column}"))
    }
}

/// Sorts an error of diesel by what can be done about it.
pub(crate) fn from_diesel(error: Error) -> MetadataError {
    match error {
        Error::NotFound => MetadataError::NotFound,
        Error::DatabaseError(DatabaseErrorKind::UniqueViolation, information) => {
            MetadataError::AlreadyExists(information.constraint_name().unwrap_or("unnamed").to_owned())
        }
        error if is_lost_connection(&error) => MetadataError::Unavailable(first_line(&error.to_string())),
        error => MetadataError::Other(first_line(&error.to_string())),
    }
}

/// Sorts an error of making a connection. libpq's text names host and user, never the password.
pub(crate) fn from_connecting(error: &ConnectionError) -> MetadataError {
    MetadataError::Unavailable(first_line(&error.to_string()))
}

/// How libpq and Postgres say that a connection ended, where diesel leaves the kind of the error open, as it does for what
/// libpq says outside a statement's result.
const LOST: [&str; 7] = [
    "server closed the connection unexpectedly",
    "terminating connection",
    "could not receive data from server",
    "could not send data to server",
    "no connection to the server",
    "SSL connection has been closed",
    "SSL SYSCALL error",
];

/// Whether the connection is gone, so that nothing more can be asked over it.
pub(crate) fn is_lost_connection(error: &Error) -> bool {
    match error {
        Error::DatabaseError(DatabaseErrorKind::Unknown, information) => {
            LOST.iter().any(|text| information.message().starts_with(text))
        }
        Error::DatabaseError(kind, _) => {
            matches!(kind, DatabaseErrorKind::ClosedConnection | DatabaseErrorKind::UnableToSendCommand)
        }
        Error::BrokenTransactionManager => true,
        Error::RollbackErrorOnCommit { commit_error, .. } => is_lost_connection(commit_error),
        _ => false,
    }
}

/// Whether Postgres itself said no, over a connection that lives: then a COMMIT did certainly not happen.
pub(crate) fn is_definite_refusal(error: &Error) -> bool {
    matches!(error, Error::DatabaseError(_, _)) && !is_lost_connection(error)
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_may_pass_by_waiting_is_answered_as_a_timeout() {
        for error in [
            MetadataError::LockTimeout,
            MetadataError::Unavailable("gone".into()),
            MetadataError::OutcomeUnknown("gone".into()),
        ] {
            assert!(matches!(KmsError::from(error), KmsError::DependencyTimeout(Some(_))));
        }
        for error in [
            MetadataError::NotFound,
            MetadataError::VersionChanged,
            MetadataError::AlreadyExists("keys_pkey".into()),
            MetadataError::Other("odd".into()),
        ] {
            assert!(matches!(KmsError::from(error), KmsError::Internal(_)));
        }
    }

    #[test]
    fn a_lost_connection_leaves_the_outcome_of_a_commit_open_and_a_refusal_does_not() {
        let lost = |kind| Error::DatabaseError(kind, Box::new("text".to_owned()));
        assert!(!is_definite_refusal(&lost(DatabaseErrorKind::ClosedConnection)));
        assert!(!is_definite_refusal(&lost(DatabaseErrorKind::UnableToSendCommand)));
        for text in LOST {
            let unsorted = Error::DatabaseError(DatabaseErrorKind::Unknown, Box::new(format!("{text}\n\tmore")));
            assert!(!is_definite_refusal(&unsorted));
            assert!(matches!(from_diesel(unsorted), MetadataError::Unavailable(_)));
        }
        assert!(!is_definite_refusal(&Error::BrokenTransactionManager));
        assert!(is_definite_refusal(&lost(DatabaseErrorKind::SerializationFailure)));
        assert!(is_definite_refusal(&lost(DatabaseErrorKind::Unknown)));
    }
}
