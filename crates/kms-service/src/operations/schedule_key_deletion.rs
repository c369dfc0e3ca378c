//! `ScheduleKeyDeletion`: the key is unusable at once and gone when the window ends.
//! Source: AWS KMS API Reference, ScheduleKeyDeletion.

use kms_core::KmsError;
use kms_core::clock::{epoch_seconds, to_millisecond};
use kms_core::key_state::KeyState;
use kms_metadata::KeyChange;
use serde::{Deserialize, Serialize};
use serde_json::json;
use time::Duration;

use crate::cloudtrail;
use crate::context::Context;

/// The documented window in days, narrower than the model's 1 to 365.
const WINDOW_DAYS: std::ops::RangeInclusive<i64> = 7..=30;
const DEFAULT_WINDOW_DAYS: i64 = 30;

/// The request.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Input {
    key_id: String,
    pending_window_in_days: Option<i64>,
}

/// The answer.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(Deserialize))]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Output {
    key_id: String,
    deletion_date: f64,
    key_state: String,
    pending_window_in_days: i64,
}

/// # Errors
/// `NotFoundException`, `InvalidArnException`; `ValidationException` outside 7 to 30 days; `KMSInvalidStateException` if
/// deletion is scheduled already.
pub(crate) fn run(cx: &Context<'_>, input: Input) -> Result<Output, KmsError> {
    let key = cx.key_for(&input.key_id)?;
    let days = input.pending_window_in_days.unwrap_or(DEFAULT_WINDOW_DAYS);
    check_window(days)?;
    let deletion_date = to_millisecond(cx.now() + Duration::days(days));
    let arn = key.address.arn();
    let response = json!({
        "keyId": arn,
        "keyState": KeyState::PendingDeletion.name(),
        "pendingWindowInDays": days,
        "deletionDate": cloudtrail::date(deletion_date),
    });
    cx.change_key(&key, response, |_| KeyChange { deletion_date: Some(Some(deletion_date)), ..KeyChange::default() })?;
    Ok(Output {
        key_id: arn,
        deletion_date: epoch_seconds(deletion_date),
        key_state: KeyState::PendingDeletion.name().to_owned(),
        pending_window_in_days: days,
    })
}

/// AWS's text is not recorded; this is the form of every other number out of range.
fn check_window(days: i64) -> Result<(), KmsError> {
    let (end, word) = match days {
        days if days < *WINDOW_DAYS.start() => (WINDOW_DAYS.start(), "greater"),
        days if days > *WINDOW_DAYS.end() => (WINDOW_DAYS.end(), "less"),
        _ => return Ok(()),
    };
    Err(KmsError::Validation(format!(
        "1 validation error detected: Value '{days}' at 'pendingWindowInDays' failed to satisfy constraint: Member must \
         have value {word} than or equal to {end}"
    )))
}
