//! Every kind of JSON value at every place of every served operation. Source: protocol.md 2 and 5.

use kms_model::Kind;
use serde_json::{Value, json};

use crate::expected::{missing, refusal};
use crate::places::{Place, Step};
use crate::talk::{Talk, is_documented, served_places};

/// The text behind `__type`, whatever the type.
fn message(answer: &Value) -> &str {
    answer["message"].as_str().unwrap_or_default()
}

#[test]
fn a_value_of_each_kind_is_taken_or_refused_with_the_text_of_its_kind() {
    let mut talk = Talk::new();
    for place in served_places() {
        for found in [json!("AAAA"), json!(1), json!(1.5), json!(true), json!(false), json!([]), json!({})] {
            let answer = talk.ask(place.operation.name, place.body(found.clone()));
            match refusal(&place.shape.kind, &found) {
                Some(text) => answer.is_refusal("SerializationException", Some(text)),
                None => assert_ne!(answer.json()["__type"], "SerializationException", "{} {found}", place.path()),
            }
        }
    }
}

#[test]
fn null_is_the_same_as_absent() {
    let mut talk = Talk::new();
    for place in served_places() {
        let answer = talk.ask(place.operation.name, place.body(Value::Null));
        if place.required {
            answer.is_refusal("ValidationException", Some(&missing(&place)));
        } else {
            let answer = answer.json();
            assert_ne!(answer["__type"], "SerializationException", "{}", place.path());
            let text = message(&answer);
            assert!(
                !text.contains("must not be null") || is_documented(place.operation, text),
                "{}: {text}",
                place.path()
            );
        }
    }
}

#[test]
fn a_wrong_kind_wins_over_everything_that_is_missing() {
    let mut talk = Talk::new();
    for place in served_places() {
        let mut body: Value = serde_json::from_slice(&place.body(json!([[]]))).unwrap();
        let Step::Member(kept) = place.steps[0] else { panic!("an input is a structure") };
        body.as_object_mut().unwrap().retain(|name, _| name == kept);
        let answer = talk.ask(place.operation.name, body.to_string()).json();
        assert_eq!(answer["__type"], "SerializationException", "{}: {answer}", place.path());
    }
}

#[test]
fn bytes_are_standard_base64_with_padding() {
    let mut talk = Talk::new();
    let mut tried = 0;
    for place in served_places().iter().filter(|place| matches!(place.shape.kind, Kind::Blob(_))) {
        for text in ["this-is-not-base64", "eA=", "eA", "e A==", "-_-_", "eB==", "eA==\n", "=", "ä"] {
            let answer = talk.ask(place.operation.name, place.body(json!(text)));
            answer.is_refusal("SerializationException", None);
        }
        tried += 1;
    }
    assert!(tried > 5, "only {tried} places for bytes");
}

/// A body with these characters in the place of a value.
fn with_raw(place: &Place, raw: &str) -> String {
    String::from_utf8(place.body(json!("@here"))).unwrap().replace("\"@here\"", raw)
}

#[test]
fn a_number_may_be_written_in_any_form_and_one_beyond_every_integer_is_out_of_range() {
    let mut talk = Talk::new();
    let mut tried = 0;
    for place in served_places() {
        let Kind::Integer { min, max } = place.shape.kind else { continue };
        let in_range = [format!("{min}.9"), format!("{}E0", max), format!("{max}.0e+0")];
        for number in in_range {
            let answer = talk.ask(place.operation.name, with_raw(&place, &number)).json();
            assert_ne!(answer["__type"], "SerializationException", "{} {number}", place.path());
            assert!(
                !message(&answer).contains(&format!("at '{}'", place.path()))
                    || is_documented(place.operation, message(&answer)),
                "{answer}"
            );
        }
        for number in ["9223372036854775808", "1e30", "1E400", "123456789012345678901234567890", "-1e30", "-1"] {
            let answer = talk.ask(place.operation.name, with_raw(&place, number)).json();
            let word = if number.starts_with('-') {
                format!("greater than or equal to {min}")
            } else {
                format!("less than or equal to {max}")
            };
            assert_eq!(answer["__type"], "ValidationException", "{} {number}", place.path());
            assert!(message(&answer).ends_with(&format!("Member must have value {word}")), "{number}: {answer}");
        }
        for number in ["01", "+1", ".5", "1.", "0x10", "1e", "--1", "NaN", "Infinity", "1_000"] {
            let answer = talk.ask(place.operation.name, with_raw(&place, number));
            answer.is_refusal("SerializationException", None);
        }
        tried += 1;
    }
    assert!(tried > 5, "only {tried} places for numbers");
}

#[test]
fn a_moment_is_a_number_of_seconds_however_large() {
    let mut talk = Talk::new();
    let mut tried = 0;
    for place in served_places().iter().filter(|place| matches!(place.shape.kind, Kind::Timestamp)) {
        for number in ["0", "-1", "1.7E9", "1747806465.123456789", "1e300", "-1e300", "253402300800"] {
            let answer = talk.ask(place.operation.name, with_raw(place, number)).json();
            assert_ne!(answer["__type"], "SerializationException", "{} {number}", place.path());
        }
        for text in ["\"2026-11-24T12:00:00Z\"", "\"1747806465\""] {
            let answer = talk.ask(place.operation.name, with_raw(place, text));
            answer.is_refusal("SerializationException", Some("STRING_VALUE can not be converted to a Date"));
        }
        tried += 1;
    }
    assert!(tried > 0, "no place for a moment");
}
