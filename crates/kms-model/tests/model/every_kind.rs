//! Every kind of JSON value at every place of every request.

use crate::places::{Place, Step, good, places};
use kms_model::{Kind, ModelError};
use serde_json::{Value, json};

/// The answer to a JSON kind where a shape's kind is wanted; `None` if it fits.
fn refusal(wanted: &Kind, found: &Value) -> Option<&'static str> {
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

fn refuses(place: &Place, found: &Value) {
    let Some(text) = refusal(&place.shape.kind, found) else { return };
    let expected = ModelError::Serialization(Some(text.to_owned()));
    assert_eq!(place.read(found.clone()), Err(expected), "{place:?} {found}");
}

#[test]
fn a_value_of_the_wrong_kind_is_refused_with_the_text_of_its_kind() {
    for place in places() {
        for found in [json!("AAAA"), json!(1), json!(1.5), json!(true), json!(false), json!([]), json!({})] {
            refuses(&place, &found);
        }
    }
}

#[test]
fn a_good_value_is_accepted_at_every_place() {
    for place in places() {
        assert_eq!(place.read(good(place.shape)), Ok(()), "{place:?}");
    }
}

#[test]
fn null_is_the_same_as_absent() {
    for place in places() {
        let expected = match (place.required, place.shape.sensitive) {
            (false, _) => String::new(),
            (true, false) => item("Value null", &place),
            (true, true) => item("Value", &place),
        };
        assert_eq!(place.violations(Value::Null), expected, "{place:?}");
    }
}

fn item(subject: &str, place: &Place) -> String {
    format!(
        "1 validation error detected: {subject} at '{}' failed to satisfy constraint: Member must not be null",
        place.path()
    )
}

#[test]
fn a_type_error_wins_over_constraints() {
    for place in places() {
        let mut body: Value = serde_json::from_slice(&place.body(json!([[]]))).unwrap();
        // Every other member is gone, so required ones are missing as well.
        let Step::Member(kept) = place.steps[0] else { panic!("an input is a structure") };
        body.as_object_mut().unwrap().retain(|name, _| name == kept);
        let body = serde_json::to_vec(&body).unwrap();
        let answer = kms_model::read(place.operation, &body);
        assert!(matches!(answer, Err(ModelError::Serialization(Some(_)))), "{place:?}: {answer:?}");
    }
}
