//! No body can make the reader panic, recurse without bound or disagree with another JSON parser.

use kms_model::{ModelError, OPERATIONS, operation, read};
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Map, Value, json};

#[test]
fn deep_nesting_ends_without_a_stack_overflow() {
    for open in ["[", "{\"a\":"] {
        let body = format!("{{\"X\":{}", open.repeat(1_000_000));
        let answer = read(operation("DescribeKey").unwrap(), body.as_bytes()).err();
        assert_eq!(answer, Some(ModelError::Serialization(None)));
    }
}

#[test]
fn a_large_body_of_distinct_names_is_read_in_bounded_time() {
    let pairs: Vec<String> = (0..100_000).map(|at| format!("\"{at}\":\"\"")).collect();
    let body = format!(r#"{{"KeyId":"k","Plaintext":"AAAA","EncryptionContext":{{{}}}}}"#, pairs.join(","));
    assert!(read(operation("Encrypt").unwrap(), body.as_bytes()).is_ok());
}

/// JSON whose object names are often those of the model.
fn any_json() -> impl Strategy<Value = Value> {
    let scalar = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,20}".prop_map(Value::from),
        "([A-Za-z0-9+/]{4}){0,4}".prop_map(Value::from),
    ];
    scalar.prop_recursive(5, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec((name(), inner), 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

fn name() -> impl Strategy<Value = String> {
    let names: Vec<&str> =
        OPERATIONS.iter().flat_map(|operation| operation.input.members()).map(|member| member.name).collect();
    prop_oneof![select(names).prop_map(str::to_owned), ".{0,8}"]
}

/// The same text with every UTF-16 unit escaped.
fn escaped(text: &str) -> String {
    text.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect()
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(at in 0..OPERATIONS.len(), body in any::<Vec<u8>>()) {
        let _ = read(&OPERATIONS[at], &body);
    }

    #[test]
    fn any_json_is_read_or_refused(at in 0..OPERATIONS.len(), body in any_json()) {
        let answer = read(&OPERATIONS[at], body.to_string().as_bytes()).err();
        if let Some(ModelError::Validation(text)) = answer {
            prop_assert!(text.contains(" detected: Value"));
        }
    }

    #[test]
    fn any_damage_to_a_body_is_read_or_refused(
        at in 0..OPERATIONS.len(), body in any_json(), cut in any::<prop::sample::Index>(), byte in any::<u8>(),
    ) {
        let mut text = body.to_string().into_bytes();
        let at_byte = cut.index(text.len());
        text[at_byte] = byte;
        let whole = read(&OPERATIONS[at], &text).is_ok();
        prop_assert!(!whole || serde_json::from_slice::<Value>(&text).is_ok());
        prop_assert!(read(&OPERATIONS[at], &text[..at_byte]).is_err());
    }

    #[test]
    fn unknown_json_is_skipped_as_another_parser_reads_it(value in any_json()) {
        for text in [value.to_string(), serde_json::to_string_pretty(&value).unwrap()] {
            let body = format!("{{\"Unknown\":{text}}}");
            prop_assert!(read(operation("ListKeys").unwrap(), body.as_bytes()).is_ok(), "{}", body);
        }
    }

    #[test]
    fn almost_json_is_refused_as_another_parser_refuses_it(text in r#"[-+0-9.eE"\\/u\[\]{},:nulltrefas ]{1,12}"#) {
        let body = format!("{{\"Unknown\":{text}}}");
        let ours = read(operation("ListKeys").unwrap(), body.as_bytes()).is_ok();
        let theirs = serde_json::from_str::<Value>(&body);
        let (out_of_range, is_json) = (theirs.as_ref().is_err_and(|e| e.to_string().contains("out of range")), theirs.is_ok());
        // A repeated name is JSON to the other parser; none is longer than the 12 characters allow.
        prop_assert!(ours == is_json || out_of_range || text.contains(r#"":"#), "{}", body);
    }

    #[test]
    fn texts_arrive_as_another_parser_reads_them(text in any::<String>()) {
        for quoted in [json!(text).to_string(), format!("\"{}\"", escaped(&text))] {
            let body = format!(r#"{{"KeyId":"k","Plaintext":"AAAA","EncryptionContext":{{"a":{quoted}}}}}"#);
            let request = read(operation("Encrypt").unwrap(), body.as_bytes()).unwrap();
            let context = request.value().member("EncryptionContext").unwrap();
            let kms_model::Data::Map(pairs) = context.data() else { panic!("a context is a map") };
            prop_assert_eq!(pairs[0].1.as_str(), Some(text.as_str()));
        }
    }
}
