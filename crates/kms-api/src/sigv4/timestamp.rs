//! The date of a signature: `X-Amz-Date`, else `Date`.

use time::format_description::well_known::Rfc2822;
use time::{Date, Duration, Month, OffsetDateTime, PrimitiveDateTime, Time, UtcOffset};

use super::error::SignatureError;

/// How far the clock of a client may be off, either way. Source: what KMS allows, five minutes.
const SKEW: Duration = Duration::minutes(5);

/// Bytes of `20260101T000000Z`.
const STAMP_LEN: usize = 16;
/// Bytes of `Thu, 01 Jan 2026 00:00:00 GMT`.
const HTTP_DATE_LEN: usize = 29;

/// A moment in whole seconds, with the text that gets signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Timestamp {
    moment: OffsetDateTime,
    text: [u8; STAMP_LEN],
}

impl Timestamp {
    /// Reads the value of `X-Amz-Date` or `Date`: ISO 8601 basic format in UTC, or the date format of HTTP.
    ///
    /// # Errors
    /// `Incomplete` with the text of AWS, which repeats the value.
    pub(super) fn parse(value: &[u8]) -> Result<Self, SignatureError> {
        parse_basic(value).or_else(|| parse_http_date(value)).map(Self::of).ok_or_else(|| {
            let value = String::from_utf8_lossy(value);
            SignatureError::Incomplete(format!(
                "Date must be in ISO-8601 'basic format'. Got '{value}'. See http://en.wikipedia.org/wiki/ISO_8601"
            ))
        })
    }

    /// `20260101T000000Z`
    pub(super) fn text(&self) -> &str {
        as_text(&self.text)
    }

    /// `20260101`
    pub(super) fn day(&self) -> &str {
        as_text(&self.text[..8])
    }

    /// Whether the signature is neither too old nor too far ahead at `now`; five minutes sharp are allowed.
    ///
    /// # Errors
    /// `Invalid` with the text from which SDKs learn that their clock is off.
    pub(super) fn check_skew(&self, now: OffsetDateTime) -> Result<(), SignatureError> {
        let now = in_whole_seconds(now);
        let (earliest, latest) = (now.saturating_sub(SKEW), now.saturating_add(SKEW));
        if (earliest..=latest).contains(&self.moment) {
            return Ok(());
        }
        let [now, earliest, latest] = [now, earliest, latest].map(Self::of);
        let (signed, now) = (self.text(), now.text());
        Err(SignatureError::Invalid(if self.moment < earliest.moment {
            let earliest = earliest.text();
            format!("Signature expired: {signed} is now earlier than {earliest} ({now} - 5 min.)")
        } else {
            let latest = latest.text();
            format!("Signature not yet current: {signed} is still later than {latest} ({now} + 5 min.)")
        }))
    }

    fn of(moment: OffsetDateTime) -> Self {
        let moment = in_whole_seconds(moment);
        let (year, month, day) = moment.to_calendar_date();
        let (hour, minute, second) = moment.to_hms();
        let mut text = *b"00000000T000000Z";
        write_digits(&mut text[..4], year.unsigned_abs());
        for (at, value) in [(4, month as u8), (6, day), (9, hour), (11, minute), (13, second)] {
            write_digits(&mut text[at..at + 2], u32::from(value));
        }
        Self { moment, text }
    }
}

/// Fractions go, or a signature could count as older than a moment that prints the same.
fn in_whole_seconds(moment: OffsetDateTime) -> OffsetDateTime {
    moment.to_offset(UtcOffset::UTC).replace_nanosecond(0).unwrap_or(moment)
}

fn parse_basic(value: &[u8]) -> Option<OffsetDateTime> {
    let value: &[u8; STAMP_LEN] = value.try_into().ok()?;
    if value[8] != b'T' || value[15] != b'Z' {
        return None;
    }
    let two = |at: usize| number(&value[at..at + 2]).and_then(|number| u8::try_from(number).ok());
    let year = i32::try_from(number(&value[..4])?).ok()?;
    let date = Date::from_calendar_date(year, Month::try_from(two(4)?).ok()?, two(6)?).ok()?;
    let time = Time::from_hms(two(9)?, two(11)?, two(13)?).ok()?;
    Some(PrimitiveDateTime::new(date, time).assume_utc())
}

/// RFC 9110, section 5.6.7, the one form that may still be sent; its length is fixed.
fn parse_http_date(value: &[u8]) -> Option<OffsetDateTime> {
    let value = str::from_utf8(value).ok().filter(|value| value.len() == HTTP_DATE_LEN)?;
    let moment = OffsetDateTime::parse(value, &Rfc2822).ok()?;
    moment.checked_to_offset(UtcOffset::UTC)
}

fn number(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0, |sum, digit| digit.is_ascii_digit().then(|| sum * 10 + u32::from(digit - b'0')))
}

fn write_digits(into: &mut [u8], mut number: u32) {
    for digit in into.iter_mut().rev() {
        *digit = b"0123456789"[(number % 10) as usize];
        number /= 10;
    }
}

fn as_text(digits: &[u8]) -> &str {
    // Only digits, `T` and `Z` are ever written.
    str::from_utf8(digits).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    #[test]
    fn both_formats_name_the_same_moment() {
        let basic = Timestamp::parse(b"20110909T233600Z").unwrap();
        assert_eq!(basic, Timestamp::parse(b"Fri, 09 Sep 2011 23:36:00 GMT").unwrap());
        assert_eq!(basic.moment, datetime!(2011-09-09 23:36 UTC));
        assert_eq!((basic.text(), basic.day()), ("20110909T233600Z", "20110909"));
    }

    #[test]
    fn a_moment_that_does_not_exist_is_no_date() {
        for value in
            ["20260230T000000Z", "20260101T240000Z", "20260101T000060Z", "2026-01-01T00:00:00Z", "", "20260101"]
        {
            let refusal = Timestamp::parse(value.as_bytes()).unwrap_err();
            assert_eq!(
                refusal.message(),
                format!(
                    "Date must be in ISO-8601 'basic format'. Got '{value}'. See http://en.wikipedia.org/wiki/ISO_8601"
                )
            );
        }
    }

    #[test]
    fn five_minutes_sharp_are_allowed_and_a_second_more_is_not() {
        let signed = Timestamp::parse(b"20260101T000000Z").unwrap();
        let midnight = datetime!(2026-01-01 00:00 UTC);
        for seconds in [-300, 0, 300] {
            assert_eq!(signed.check_skew(midnight + Duration::seconds(seconds)), Ok(()), "{seconds}");
        }
        assert_eq!(signed.check_skew(midnight + Duration::milliseconds(300_999)), Ok(()));
        for seconds in [-301, 301] {
            assert!(signed.check_skew(midnight + Duration::seconds(seconds)).is_err(), "{seconds}");
        }
    }

    #[test]
    fn the_ends_of_time_do_not_overflow() {
        let signed = Timestamp::parse(b"00000101T000000Z").unwrap();
        let first = time::PrimitiveDateTime::MIN.assume_utc();
        let last = time::PrimitiveDateTime::MAX.assume_utc();
        assert!(signed.check_skew(first).is_err() && signed.check_skew(last).is_err());
    }
}
