//! Values in the form that CloudTrail gives them. Source: AWS KMS Developer Guide, "Logging AWS KMS API calls with AWS
//! CloudTrail", the examples.

use kms_core::Timestamp;
use serde_json::Value;
use time::macros::format_description;

/// `May 21, 2025, 5:47:45 AM`, in UTC.
pub(crate) fn date(moment: Timestamp) -> String {
    let format = format_description!(
        "[month repr:short] [day padding:none], [year], [hour repr:12 padding:none]:[minute]:[second] [period]"
    );
    moment.to_offset(time::UtcOffset::UTC).format(format).unwrap_or_default()
}

/// A member name as CloudTrail writes it: `KeyId` is `keyId`, `AWSAccountId` is `aWSAccountId`.
pub(crate) fn lower_camel(name: &str) -> String {
    let mut text = name.to_owned();
    if let Some(first) = text.get_mut(..1) {
        first.make_ascii_lowercase();
    }
    text
}

/// A structure with its members under the names of CloudTrail; what lies below them stays as it is.
pub(crate) fn members(structure: Value) -> Value {
    match structure {
        Value::Object(members) => {
            Value::Object(members.into_iter().map(|(name, value)| (lower_camel(&name), value)).collect())
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_and_names_are_those_of_the_examples() {
        assert_eq!(date(time::macros::datetime!(2025-05-21 05:47:45.9 UTC)), "May 21, 2025, 5:47:45 AM");
        assert_eq!(date(time::macros::datetime!(2025-12-01 00:07:05 UTC)), "Dec 1, 2025, 12:07:05 AM");
        assert_eq!(date(time::macros::datetime!(2025-12-01 13:07:05 UTC)), "Dec 1, 2025, 1:07:05 PM");
        assert_eq!(lower_camel("AWSAccountId"), "aWSAccountId");
        assert_eq!(members(serde_json::json!({"KeyId": {"A": 1}})), serde_json::json!({"keyId": {"A": 1}}));
    }
}
