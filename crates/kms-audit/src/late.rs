//! Records that come into a file later than their event: those that were committed with a change and that no file held.
//! Source: CloudTrail User Guide, "CloudTrail record contents", `addendum` (an event whose delivery was delayed).

use serde_json::{Map, Value};

use crate::error::AuditError;

/// How a late record ends; a string in JSON has no bare quotes, so nothing that a caller sent can look like it.
const ENDING: &str = r#","addendum":{"reason":"DELIVERY_DELAY"}}"#;

/// The body of a late record: what [`append`](crate::AuditLog::append) takes. `record` is the whole object as it was
/// committed; `from` names the node that committed it, when that is another one, as `forwardedFrom` in
/// `additionalEventData`.
///
/// # Errors
/// `Unfit` if the record is no JSON object.
pub fn late_body(record: &str, from: Option<&str>) -> Result<Vec<u8>, AuditError> {
    let mut members: Map<String, Value> = serde_json::from_str(record).map_err(|_| AuditError::Unfit)?;
    let mut body = match (from, members.get_mut("additionalEventData").and_then(Value::as_object_mut)) {
        (None, _) => open_end(record)?,
        (Some(from), Some(additional)) => {
            additional.insert("forwardedFrom".to_owned(), from.into());
            open_end(&Value::Object(members).to_string())?
        }
        (Some(from), None) => {
            let mut body = open_end(record)?;
            let additional = serde_json::json!({ "forwardedFrom": from });
            body.extend_from_slice(format!(r#","additionalEventData":{additional}"#).as_bytes());
            body
        }
    };
    body.extend_from_slice(ENDING.as_bytes());
    Ok(body)
}

/// Whether a line, without its newline, is a late record.
pub(crate) fn is_late(line: &[u8]) -> bool {
    line.trim_ascii_end().ends_with(ENDING.as_bytes())
}

/// The members of an object of at least one member, without its braces.
fn open_end(object: &str) -> Result<Vec<u8>, AuditError> {
    let inner = object.trim().strip_prefix('{').and_then(|text| text.strip_suffix('}')).map(str::trim);
    match inner {
        Some(members) if !members.is_empty() => Ok(members.as_bytes().to_vec()),
        _ => Err(AuditError::Unfit),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn late(record: &str, from: Option<&str>) -> Value {
        let body = late_body(record, from).unwrap();
        assert!(is_late(&body) && is_late(&[&body[..], b"   "].concat()));
        serde_json::from_slice(&[b"{".as_slice(), &body].concat()).unwrap()
    }

    #[test]
    fn a_late_record_says_so_and_where_it_comes_from() {
        let reason = serde_json::json!({"reason": "DELIVERY_DELAY"});
        let own = late(r#"{"eventID":"1"}"#, None);
        assert_eq!(own, serde_json::json!({"eventID": "1", "addendum": reason}));
        let others = late(r#"{"eventID":"1"}"#, Some("n\"1"));
        assert_eq!(others["additionalEventData"], serde_json::json!({"forwardedFrom": "n\"1"}));
        let more = late(r#"{"additionalEventData":{"keyMaterialId":"ab"},"eventID":"1"}"#, Some("n"));
        assert_eq!(more["additionalEventData"], serde_json::json!({"keyMaterialId": "ab", "forwardedFrom": "n"}));
        assert_eq!((&more["eventID"], &more["addendum"]), (&"1".into(), &reason));
    }

    #[test]
    fn what_is_no_object_is_unfit() {
        for record in ["", "{}", "[1]", "{\"a\":1", "null"] {
            assert!(matches!(late_body(record, None), Err(AuditError::Unfit)), "{record}");
        }
    }

    #[test]
    fn no_text_of_a_caller_looks_like_a_late_record() {
        let record = serde_json::json!({"userAgent": ENDING}).to_string();
        assert!(!is_late(record.as_bytes()));
    }
}
