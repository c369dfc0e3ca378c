//! How many requests came and how they ended: one addition for each, of which `/metrics` reads the sums.

use std::sync::atomic::{AtomicU64, Ordering};

use kms_core::{KmsError, Operation};

/// The model has this many operations.
const OPERATIONS: usize = Operation::ALL.len();

/// Where a request that came to its operation ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Outcome {
    Ok,
    Refused,
    Throttled,
    Timeout,
    Fault,
}

impl Outcome {
    const ALL: [(Self, &'static str); 5] = [
        (Self::Ok, "ok"),
        (Self::Refused, "refused"),
        (Self::Throttled, "throttled"),
        (Self::Timeout, "timeout"),
        (Self::Fault, "fault"),
    ];

    fn of<T>(result: &Result<T, KmsError>) -> Self {
        match result {
            Ok(_) => Self::Ok,
            Err(KmsError::Throttling) => Self::Throttled,
            Err(KmsError::DependencyTimeout(_)) => Self::Timeout,
            Err(error) if error.is_fault() => Self::Fault,
            Err(_) => Self::Refused,
        }
    }
}

/// Why a request came to no operation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Rejection {
    /// No valid signature of a known access key.
    Signature,
    /// Not a request of this protocol.
    Protocol,
    /// No operation of the model.
    UnknownOperation,
    /// Its body was too large, too slow or broken off.
    Body,
}

impl Rejection {
    const ALL: [(Self, &'static str); 4] = [
        (Self::Signature, "signature"),
        (Self::Protocol, "protocol"),
        (Self::UnknownOperation, "unknown_operation"),
        (Self::Body, "body"),
    ];
}

/// The counts of this process.
#[derive(Debug)]
pub(crate) struct RequestCounts {
    by_operation: [[AtomicU64; Outcome::ALL.len()]; OPERATIONS],
    rejected: [AtomicU64; Rejection::ALL.len()],
}

impl RequestCounts {
    pub(crate) fn new() -> Self {
        let zeros = || std::array::from_fn(|_| AtomicU64::new(0));
        Self { by_operation: std::array::from_fn(|_| zeros()), rejected: std::array::from_fn(|_| AtomicU64::new(0)) }
    }

    /// Counts the end of a request.
    pub(crate) fn count<T>(&self, operation: Operation, result: &Result<T, KmsError>) {
        self.by_operation[operation as usize][Outcome::of(result) as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a request that came to no operation.
    pub(crate) fn reject(&self, rejection: Rejection) {
        self.rejected[rejection as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// Brings the counters of the recorder to these sums. An outcome that never came has no line.
    pub(crate) fn publish(&self) {
        for (operation, counts) in Operation::ALL.iter().zip(&self.by_operation) {
            for ((_, outcome), count) in Outcome::ALL.iter().zip(counts) {
                let count = count.load(Ordering::Relaxed);
                if count > 0 {
                    let labels = [("operation", operation.name()), ("outcome", *outcome)];
                    metrics::counter!("strongroom_requests_total", &labels).absolute(count);
                }
            }
        }
        for ((_, reason), count) in Rejection::ALL.iter().zip(&self.rejected) {
            let count = count.load(Ordering::Relaxed);
            metrics::counter!("strongroom_rejected_requests_total", "reason" => *reason).absolute(count);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_word_has_the_place_of_its_value() {
        assert!(Operation::ALL.iter().enumerate().all(|(index, operation)| *operation as usize == index));
        assert!(Outcome::ALL.iter().enumerate().all(|(index, (outcome, _))| *outcome as usize == index));
        assert!(Rejection::ALL.iter().enumerate().all(|(index, (rejection, _))| *rejection as usize == index));
    }

    #[test]
    fn a_timeout_is_no_fault_and_a_refusal_is_the_clients() {
        let outcome = |error| Outcome::of(&Err::<(), _>(error));
        assert_eq!(outcome(KmsError::timeout("late")), Outcome::Timeout);
        assert_eq!(outcome(KmsError::internal("broken")), Outcome::Fault);
        assert_eq!(outcome(KmsError::Throttling), Outcome::Throttled);
        assert_eq!(outcome(KmsError::InvalidCiphertext), Outcome::Refused);
    }
}
