//! Every constraint of every served operation, just inside and just outside, one by one and all at once. Source:
//! protocol.md 5.

use kms_model::{Kind, Length, Shape, StringRules};
use serde_json::{Map, Value, json};

use crate::expected::{base64, lengths, listed, only};
use crate::places::{Place, Step, good, pattern_samples};
use crate::talk::{Talk, is_documented, served, served_places};

/// Values that fit here, and values that do not, each with the whole text of its refusal.
type Samples = (Vec<Value>, Vec<(Value, String)>);

fn samples(place: &Place) -> Samples {
    match &place.shape.kind {
        Kind::String(rules) => strings(place, rules),
        Kind::Blob(length) => {
            let (inside, outside) = lengths(*length);
            let refused = outside.into_iter().map(|(bytes, text)| (base64(bytes), only(place, "", &text)));
            (inside.into_iter().map(base64).collect(), refused.collect())
        }
        Kind::Integer { min, max } => {
            let too_small =
                only(place, &(min - 1).to_string(), &format!("Member must have value greater than or equal to {min}"));
            let too_large =
                only(place, &(max + 1).to_string(), &format!("Member must have value less than or equal to {max}"));
            (vec![json!(min), json!(max)], vec![(json!(min - 1), too_small), (json!(max + 1), too_large)])
        }
        Kind::List { member, length: Some(length) } => {
            let (inside, outside) = lengths(*length);
            let of = |length: usize| json!(vec![good(member); length]);
            let shown =
                |length: usize| format!("[{}]", vec![good(member).as_str().unwrap_or_default(); length].join(", "));
            let refused = outside.into_iter().map(|(length, text)| (of(length), only(place, &shown(length), &text)));
            (inside.into_iter().map(of).collect(), refused.collect())
        }
        _ => (Vec::new(), Vec::new()),
    }
}

fn strings(place: &Place, rules: &StringRules) -> Samples {
    let (mut fitting, mut refused) = (Vec::new(), Vec::new());
    let mut refuse = |value: String, text: &str| {
        let text = if place.is_listed_string() { listed(place, &value, rules) } else { only(place, &value, text) };
        refused.push((json!(value), text));
    };
    if let Some(values) = &rules.values {
        fitting.extend(values.allowed.iter().map(|value| json!(value)));
        for value in ["INVALID".to_owned(), values.allowed[0].to_lowercase(), format!("{} ", values.allowed[0])] {
            refuse(value, &format!("Member must satisfy enum value set: [{}]", values.printed.join(", ")));
        }
    }
    if let Some(pattern) = &rules.pattern {
        let (fits, breaks) = pattern_samples(place.shape.name);
        fitting.push(json!(fits));
        refuse(breaks.to_owned(), &format!("Member must satisfy regular expression pattern: {}", pattern.text));
    }
    if let Some(length) = rules.length {
        let (inside, outside) = lengths(length);
        let obeys = |text: &str| rules.pattern.is_none_or(|pattern| (pattern.matches)(text));
        let of = |length: usize| "a".repeat(length);
        fitting.extend(inside.into_iter().map(of).filter(|text| obeys(text)).map(Value::from));
        for (length, text) in outside.into_iter().filter(|(length, _)| obeys(&of(*length))) {
            refuse(of(length), &text);
        }
    }
    (fitting, refused)
}

#[test]
fn each_constraint_is_kept_to_the_last_value() {
    let mut talk = Talk::new();
    let mut tried = 0;
    for place in served_places() {
        let (fitting, refused) = samples(&place);
        for value in fitting {
            let answer = talk.ask(place.operation.name, place.body(value)).json();
            let text = answer["message"].as_str().unwrap_or_default();
            assert!(
                !text.contains("validation error") || is_documented(place.operation, text),
                "{}: {text}",
                place.path()
            );
        }
        for (value, text) in refused {
            talk.ask(place.operation.name, place.body(value)).is_refusal("ValidationException", Some(&text));
            tried += 1;
        }
    }
    assert!(tried > 150, "only {tried} values just outside");
}

#[test]
fn a_text_is_measured_in_characters_and_bytes_in_bytes() {
    let mut talk = Talk::new();
    let mut tried = 0;
    for place in served_places() {
        let Kind::String(StringRules { length: Some(Length { max, .. }), pattern: None, values: None }) =
            place.shape.kind
        else {
            continue;
        };
        let text = |length: usize| json!("𝄞".repeat(length));
        let fits = talk.ask(place.operation.name, place.body(text(max))).json();
        assert!(!fits["message"].as_str().unwrap_or_default().contains("must have length"), "{}: {fits}", place.path());
        let refused = talk.ask(place.operation.name, place.body(text(max + 1))).json();
        let words = format!("less than or equal to {max}");
        assert!(refused["message"].as_str().unwrap_or_default().contains(&words), "{}: {refused}", place.path());
        tried += 1;
    }
    assert!(tried > 5, "only {tried} texts");
}

#[test]
fn everything_that_is_missing_comes_in_one_answer_in_the_order_of_the_model() {
    let mut talk = Talk::new();
    for operation in served() {
        let required = operation.input.members().iter().filter(|member| member.required);
        let items: Vec<String> = required
            .map(|member| {
                let subject = if member.shape.sensitive { "Value" } else { "Value null" };
                let path = camel(member.name);
                format!("{subject} at '{path}' failed to satisfy constraint: Member must not be null")
            })
            .collect();
        let answer = talk.ask(operation.name, "{}");
        if items.is_empty() {
            let answer = answer.json();
            let text = answer["message"].as_str().unwrap_or_default();
            assert!(!text.contains("validation error") || is_documented(operation, text), "{}: {text}", operation.name);
        } else {
            answer.is_refusal("ValidationException", Some(&together(&items)));
        }
    }
}

#[test]
fn every_violation_of_a_request_comes_in_one_answer_in_the_order_of_the_model() {
    let mut talk = Talk::new();
    for operation in served() {
        let root = Place { operation, steps: Vec::new(), shape: operation.input, required: true };
        let (body, items) = broken(&root);
        assert!(!items.is_empty(), "{} has no constraint at all", operation.name);
        talk.ask(operation.name, body.to_string()).is_refusal("ValidationException", Some(&together(&items)));
        // A value of the wrong kind at the very end, and no word of all that is said any more.
        let last = operation.input.members().last().unwrap();
        let mut body = body;
        body.as_object_mut().unwrap().remove(last.name);
        let open = body.to_string().trim_end_matches('}').to_owned();
        let separator = if open.len() > 1 { "," } else { "" };
        let answer = talk.ask(operation.name, format!("{open}{separator}\"{}\":[[]]}}", last.name)).json();
        assert_eq!(answer["__type"], "SerializationException", "{}: {answer}", operation.name);
    }
}

/// A value that breaks every rule that it can, and what is said about it.
fn broken(place: &Place) -> (Value, Vec<String>) {
    let inner = |step: Step, shape: &'static Shape| {
        let steps = [place.steps.as_slice(), &[step]].concat();
        broken(&Place { operation: place.operation, steps, shape, required: true })
    };
    match &place.shape.kind {
        Kind::Structure(members) => {
            let (mut body, mut items) = (Map::new(), Vec::new());
            for member in *members {
                let (value, of_member) = inner(Step::Member(member.name), member.shape);
                body.insert(member.name.to_owned(), value);
                items.extend(of_member);
            }
            (Value::Object(body), items)
        }
        Kind::List { member, .. } => {
            let (value, items) = inner(Step::Element, member);
            (json!([value]), items)
        }
        _ => match samples(place).1.into_iter().next() {
            Some((value, text)) => {
                (value, vec![text.strip_prefix("1 validation error detected: ").unwrap().to_owned()])
            }
            None => (good(place.shape), Vec::new()),
        },
    }
}

fn together(items: &[String]) -> String {
    let errors = if items.len() == 1 { "error" } else { "errors" };
    format!("{} validation {errors} detected: {}", items.len(), items.join("; "))
}

fn camel(name: &str) -> String {
    name[..1].to_lowercase() + &name[1..]
}
