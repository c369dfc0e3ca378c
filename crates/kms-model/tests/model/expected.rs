//! What KMS answers to a value that breaks a rule, from the recorded texts and not from the code that makes them.

use crate::places::Place;
use kms_model::{Kind, Length, StringRules};
use serde_json::{Value, json};

/// The answer to a JSON kind where a shape's kind is wanted; `None` if it fits.
pub(crate) fn refusal(wanted: &Kind, found: &Value) -> Option<&'static str> {
    let fits = match wanted {
        Kind::String(_) | Kind::Blob(_) => found.is_string(),
        Kind::Integer { .. } | Kind::Timestamp => found.is_number(),
        Kind::Boolean => found.is_boolean(),
        Kind::List { .. } => found.is_array(),
        Kind::Map { .. } | Kind::Structure(_) => found.is_object(),
    };
    if fits {
        return None;
    }
    Some(match (found, wanted) {
        (Value::Array(_), _) => "Start of list found where not expected",
        (Value::Object(_), _) => "Start of structure or map found where not expected.",
        (_, Kind::List { .. }) => "Expected list or null",
        (_, Kind::Map { .. }) => "Expected map or null",
        (_, Kind::Structure(_)) => "Expected null",
        (Value::String(_), Kind::Integer { .. }) => "STRING_VALUE can not be converted to an Integer",
        (Value::String(_), Kind::Boolean) => "STRING_VALUE can not be converted to a Boolean",
        (Value::String(_), Kind::Timestamp) => "STRING_VALUE can not be converted to a Date",
        (Value::Number(_), Kind::String(_)) => "NUMBER_VALUE can not be converted to a String",
        (Value::Number(_), Kind::Blob(_)) => "NUMBER_VALUE can not be converted to a Blob",
        (Value::Number(_), Kind::Boolean) => "NUMBER_VALUE can not be converted to a Boolean",
        (Value::Bool(true), Kind::String(_)) => "TRUE_VALUE can not be converted to a String",
        (Value::Bool(true), Kind::Blob(_)) => "TRUE_VALUE can not be converted to a Blob",
        (Value::Bool(true), Kind::Integer { .. }) => "TRUE_VALUE can not be converted to an Integer",
        (Value::Bool(true), Kind::Timestamp) => "TRUE_VALUE can not be converted to a Date",
        (Value::Bool(false), Kind::String(_)) => "FALSE_VALUE can not be converted to a String",
        (Value::Bool(false), Kind::Blob(_)) => "FALSE_VALUE can not be converted to a Blob",
        (Value::Bool(false), Kind::Integer { .. }) => "FALSE_VALUE can not be converted to an Integer",
        (Value::Bool(false), Kind::Timestamp) => "FALSE_VALUE can not be converted to a Date",
        (found, wanted) => panic!("{found} where {wanted:?} is wanted has no row here"),
    })
}

/// The answer when a required value is missing here.
pub(crate) fn missing(place: &Place) -> String {
    let subject = if place.shape.sensitive { "Value" } else { "Value null" };
    let path = place.path();
    format!("1 validation error detected: {subject} at '{path}' failed to satisfy constraint: Member must not be null")
}

/// The one violation `constraint` at a place; `value` as KMS shows it there.
pub(crate) fn only(place: &Place, value: &str, constraint: &str) -> String {
    let (value, path) = (shown(place, value), place.path());
    format!("1 validation error detected: Value{value} at '{path}' failed to satisfy constraint: {constraint}")
}

fn shown(place: &Place, value: &str) -> String {
    if place.shape.sensitive || matches!(place.shape.kind, Kind::Blob(_)) {
        String::new()
    } else {
        format!(" '{value}'")
    }
}

/// All rules of a listed string, as one violation of its list.
pub(crate) fn listed(place: &Place, value: &str, rules: &StringRules) -> String {
    let mut all = Vec::new();
    if let Some(Length { min, max }) = rules.length {
        all.push(format!("Member must have length less than or equal to {max}"));
        all.push(format!("Member must have length greater than or equal to {min}"));
    }
    if let Some(pattern) = &rules.pattern {
        all.push(format!("Member must satisfy regular expression pattern: {}", pattern.text));
    }
    if let Some(values) = &rules.values {
        all.push(format!("Member must satisfy enum value set: [{}]", values.printed.join(", ")));
    }
    let (path, all) = (place.list_path(), all.join(", "));
    format!(
        "1 validation error detected: Value '[{value}]' at '{path}' failed to satisfy constraint: \
         Member must satisfy constraint: [{all}]"
    )
}

/// Lengths inside and outside, the latter with the text of the violation.
pub(crate) fn lengths(Length { min, max }: Length) -> (Vec<usize>, Vec<(usize, String)>) {
    let mut outside = vec![(max + 1, format!("Member must have length less than or equal to {max}"))];
    if min > 0 {
        outside.push((min - 1, format!("Member must have length greater than or equal to {min}")));
    }
    (vec![min, max], outside)
}

/// So many bytes, all of them zero.
pub(crate) fn base64(bytes: usize) -> Value {
    let rest = ["", "AA==", "AAA="][bytes % 3];
    json!("AAAA".repeat(bytes / 3) + rest)
}
