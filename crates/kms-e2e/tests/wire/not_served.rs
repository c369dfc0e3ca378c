//! The operations that are not served yet.

use serde_json::{Map, Value, json};

use crate::http::send;
use crate::signer::Request;

#[test]
fn every_operation_that_is_not_served_says_so() {
    for operation in kms_service::NOT_SERVED {
        let answer = send(&Request::new(operation.name(), minimal(operation.name())));
        answer.is_refusal("UnsupportedOperationException", Some(&format!("{operation} is not served yet.")));
    }
}

#[test]
fn every_operation_is_dispatched() {
    let all = kms_service::SERVED.iter().chain(kms_service::NOT_SERVED);
    let mut seen = 0;
    for operation in all {
        let answer = send(&Request::raw(operation.name(), "[]"));
        answer.is_refusal("SerializationException", Some("Start of list found where not expected"));
        seen += 1;
    }
    assert_eq!(seen, kms_model::OPERATIONS.len());
}

/// The least body that satisfies the model.
fn minimal(operation: &str) -> Value {
    value_of(kms_model::operation(operation).unwrap().input)
}

fn value_of(shape: &kms_model::Shape) -> Value {
    use kms_model::Kind;
    match &shape.kind {
        Kind::String(rules) => match rules.values {
            Some(values) => json!(values.allowed[0]),
            None => text_for(rules),
        },
        Kind::Blob(_) => json!("eA=="),
        Kind::Integer { min, .. } => json!(min),
        Kind::Boolean => json!(false),
        Kind::Timestamp => json!(0),
        Kind::List { member, .. } => json!([value_of(member)]),
        Kind::Map { .. } => json!({}),
        Kind::Structure(members) => {
            let required = members.iter().filter(|member| member.required);
            Value::Object(
                required.map(|member| (member.name.to_owned(), value_of(member.shape))).collect::<Map<_, _>>(),
            )
        }
    }
}

/// A text that satisfies length and pattern.
fn text_for(rules: &kms_model::StringRules) -> Value {
    let min = rules.length.map_or(1, |length| length.min);
    let candidates =
        ["a".repeat(min.max(1)), "us-east-1".to_owned(), "0".repeat(64), format!("https://{}", "a".repeat(10))];
    let fits = |text: &&String| rules.pattern.is_none_or(|pattern| (pattern.matches)(text));
    json!(candidates.iter().find(fits).expect("one of them fits every pattern of a required member"))
}
