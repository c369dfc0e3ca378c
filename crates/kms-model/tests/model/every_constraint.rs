//! Every constraint of every request, just inside and just outside.

use crate::expected::{base64, lengths, listed, only};
use crate::places::{pattern_samples, places};
use kms_model::{Kind, StringRules};
use serde_json::json;

#[test]
fn strings_keep_their_length() {
    let mut tried = 0;
    for place in places() {
        let Kind::String(rules) = &place.shape.kind else { continue };
        let Some(length) = rules.length else { continue };
        let (inside, outside) = lengths(length);
        for length in inside {
            let text = place.violations(json!("a".repeat(length)));
            assert!(!text.contains("Member must have length"), "{place:?}: {text}");
        }
        for (length, constraint) in outside {
            let value = "a".repeat(length);
            let text = place.violations(json!(value));
            if place.is_listed_string() {
                assert_eq!(text, listed(&place, &value, rules));
            } else {
                let item = only(&place, &value, &constraint);
                let item = item.strip_prefix("1 validation error detected: ").unwrap();
                assert!(text.contains(item), "{text} lacks {item}");
            }
        }
        tried += 1;
    }
    assert!(tried > 100, "only {tried} strings with a length");
}

#[test]
fn a_length_counts_characters_and_not_bytes() {
    for place in places().iter().filter(|place| place.shape.name == "DescriptionType") {
        assert_eq!(place.violations(json!("𝄞".repeat(8192))), "");
        assert!(place.violations(json!("𝄞".repeat(8193))).contains("less than or equal to 8192"));
    }
}

#[test]
fn strings_satisfy_their_pattern() {
    let mut tried = 0;
    for place in places() {
        let Kind::String(StringRules { pattern: Some(pattern), .. }) = &place.shape.kind else { continue };
        let (good, bad) = pattern_samples(place.shape.name);
        assert_eq!(place.violations(json!(good)), "", "{place:?}");
        let constraint = format!("Member must satisfy regular expression pattern: {}", pattern.text);
        assert_eq!(place.violations(json!(bad)), only(&place, bad, &constraint));
        tried += 1;
    }
    assert!(tried > 50, "only {tried} strings with a pattern");
}

#[test]
fn strings_are_values_of_their_enumeration() {
    let mut tried = 0;
    for place in places() {
        let Kind::String(rules) = &place.shape.kind else { continue };
        let Some(values) = &rules.values else { continue };
        for value in values.allowed {
            assert_eq!(place.violations(json!(value)), "", "{place:?}");
        }
        for value in ["INVALID", "", &values.allowed[0].to_lowercase()] {
            let constraint = format!("Member must satisfy enum value set: [{}]", values.printed.join(", "));
            let expected =
                if place.is_listed_string() { listed(&place, value, rules) } else { only(&place, value, &constraint) };
            assert_eq!(place.violations(json!(value)), expected);
        }
        tried += 1;
    }
    assert!(tried > 20, "only {tried} enumerations");
}

#[test]
fn numbers_keep_their_range() {
    let mut tried = 0;
    for place in places() {
        let Kind::Integer { min, max } = place.shape.kind else { continue };
        for inside in [json!(min), json!(max), json!(max as f64 + 0.9)] {
            assert_eq!(place.violations(inside.clone()), "", "{place:?} {inside}");
        }
        let too_large = format!("Member must have value less than or equal to {max}");
        let too_small = format!("Member must have value greater than or equal to {min}");
        for (outside, constraint) in [
            (max + 1, &too_large),
            (i64::from(i32::MAX) + 1, &too_large),
            (i64::MAX, &too_large),
            (min - 1, &too_small),
            (-1, &too_small),
            (i64::MIN, &too_small),
        ] {
            assert_eq!(place.violations(json!(outside)), only(&place, &outside.to_string(), constraint));
        }
        tried += 1;
    }
    assert!(tried > 10, "only {tried} numbers");
}

#[test]
fn blobs_keep_their_length_in_bytes() {
    let mut tried = 0;
    for place in places() {
        let Kind::Blob(length) = place.shape.kind else { continue };
        let (inside, outside) = lengths(length);
        for length in inside {
            assert_eq!(place.violations(base64(length)), "", "{place:?}");
        }
        for (length, constraint) in outside {
            assert_eq!(place.violations(base64(length)), only(&place, "", &constraint));
        }
        tried += 1;
    }
    assert!(tried > 15, "only {tried} blobs");
}

#[test]
fn lists_keep_their_length() {
    let mut tried = 0;
    for place in places() {
        let Kind::List { member, length: Some(length) } = place.shape.kind else { continue };
        let element = crate::places::good(member);
        let (inside, outside) = lengths(length);
        for length in inside {
            assert_eq!(place.violations(json!(vec![&element; length])), "", "{place:?}");
        }
        for (length, constraint) in outside {
            let value = format!("[{}]", vec![element.as_str().unwrap(); length].join(", "));
            assert_eq!(place.violations(json!(vec![&element; length])), only(&place, &value, &constraint));
        }
        tried += 1;
    }
    assert!(tried > 10, "only {tried} lists with a length");
}
