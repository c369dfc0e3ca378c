//! Every kind of JSON value at every place of every request.

use crate::expected::{missing, refusal};
use crate::places::{Place, Step, good, places};
use kms_model::ModelError;
use serde_json::{Value, json};

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
        let expected = if place.required { missing(&place) } else { String::new() };
        assert_eq!(place.violations(Value::Null), expected, "{place:?}");
    }
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
