//! Time as the service sees it. The trait is here so that rules can ask for it; the clocks themselves are made in the
//! binary (which alone reads `DATA/clock`) and in tests.

use std::time::Duration;

/// A moment in UTC, kept to the millisecond where KMS shows it.
pub type Timestamp = time::OffsetDateTime;

/// The two clocks of the service.
pub trait Clock: Send + Sync {
    /// Wall-clock time used for expiry, import tokens and deletion windows: that of the database, so that it is the same on
    /// all nodes (object-protocol.md S6); `dev` can move it by `DATA/clock`.
    fn now(&self) -> Timestamp;

    /// Wall-clock time that nothing moves: for the skew check of SigV4, the `Date` header and audit records.
    fn real_now(&self) -> Timestamp;

    /// Time since boot including suspension (`CLOCK_BOOTTIME`), for leases: it goes on while a process is stopped.
    fn boottime(&self) -> Duration;

    /// The database said that this is the time, in answer to a question that was asked at the first boot time and answered
    /// at the second. A clock that does not go by the database passes it over.
    fn hear(&self, _database: Timestamp, _asked: Duration, _answered: Duration) {}
}

/// Seconds since the epoch with millisecond precision, as KMS writes its timestamps on the wire.
pub fn epoch_seconds(moment: Timestamp) -> f64 {
    (moment.unix_timestamp_nanos().div_euclid(1_000_000) as f64) / 1_000.0
}

/// The moment of a wire timestamp; none when it lies outside the years that can be represented.
pub fn from_epoch_seconds(seconds: f64) -> Option<Timestamp> {
    if !seconds.is_finite() || seconds.abs() > 3.0e11 {
        return None;
    }
    let milliseconds = (seconds * 1_000.0).round() as i128;
    Timestamp::from_unix_timestamp_nanos(milliseconds * 1_000_000).ok()
}

/// Cuts a moment to the millisecond, the precision that rows and wire share.
pub fn to_millisecond(moment: Timestamp) -> Timestamp {
    let nanos = moment.unix_timestamp_nanos().div_euclid(1_000_000) * 1_000_000;
    Timestamp::from_unix_timestamp_nanos(nanos).unwrap_or(moment)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wire_timestamps_keep_milliseconds() {
        let moment = from_epoch_seconds(1_607_472_987.918).unwrap();
        assert!((epoch_seconds(moment) - 1_607_472_987.918).abs() < 1e-6);
    }

    #[test]
    fn timestamps_out_of_range_are_none() {
        for seconds in [f64::NAN, f64::INFINITY, 1e18, -1e18] {
            assert!(from_epoch_seconds(seconds).is_none());
        }
    }
}
