//! Constraint violations: every row of the table of texts, all of one request in one answer, before any key is looked at.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::http::send;
use crate::signer::Request;

const FAILED: &str = "failed to satisfy constraint:";

#[track_caller]
fn violates(operation: &str, body: Value, items: &[&str]) {
    let errors = if items.len() == 1 { "error" } else { "errors" };
    let text = format!("{} validation {errors} detected: {}", items.len(), items.join("; "));
    send(&Request::new(operation, body)).is_refusal("ValidationException", Some(&text));
}

#[test]
fn each_violation_has_its_text() {
    violates("DescribeKey", json!({}), &[&format!("Value null at 'keyId' {FAILED} Member must not be null")]);
    violates(
        "DescribeKey",
        json!({"KeyId": null}),
        &[&format!("Value null at 'keyId' {FAILED} Member must not be null")],
    );
    violates("Encrypt", json!({"KeyId": "foo"}), &[&format!("Value at 'plaintext' {FAILED} Member must not be null")]);
    let long = "x".repeat(2049);
    violates(
        "DescribeKey",
        json!({"KeyId": long}),
        &[&format!("Value '{long}' at 'keyId' {FAILED} Member must have length less than or equal to 2048")],
    );
    violates(
        "Encrypt",
        json!({"KeyId": "foo", "Plaintext": STANDARD.encode([0; 4097])}),
        &[&format!("Value at 'plaintext' {FAILED} Member must have length less than or equal to 4096")],
    );
    violates(
        "GenerateRandom",
        json!({"NumberOfBytes": 1025}),
        &[&format!("Value '1025' at 'numberOfBytes' {FAILED} Member must have value less than or equal to 1024")],
    );
    violates(
        "GenerateRandom",
        json!({"NumberOfBytes": -1}),
        &[&format!("Value '-1' at 'numberOfBytes' {FAILED} Member must have value greater than or equal to 1")],
    );
    let description = "Member must satisfy regular expression pattern: ^[a-zA-Z0-9:/_\\s.-]+$";
    violates(
        "ImportKeyMaterial",
        json!({"KeyId": "k", "ImportToken": "eA==", "EncryptedKeyMaterial": "eA==", "KeyMaterialDescription": "x!"}),
        &[&format!("Value 'x!' at 'keyMaterialDescription' {FAILED} {description}")],
    );
    violates(
        "CreateKey",
        json!({"Tags": [{"TagKey": "a", "TagValue": ""}, {"TagKey": "", "TagValue": ""}]}),
        &[&format!("Value '' at 'tags.2.member.tagKey' {FAILED} Member must have length greater than or equal to 1")],
    );
}

#[test]
fn all_violations_of_a_request_come_in_one_answer_in_the_order_of_the_model() {
    violates(
        "DescribeKey",
        json!({"KeyId": ""}),
        &[
            &format!("Value '' at 'keyId' {FAILED} Member must have length greater than or equal to 1"),
            &format!("Value '' at 'keyId' {FAILED} Member must satisfy regular expression pattern: ^\\p{{ASCII}}+$"),
        ],
    );
    violates(
        "GetParametersForImport",
        json!({}),
        &[
            &format!("Value null at 'keyId' {FAILED} Member must not be null"),
            &format!("Value null at 'wrappingAlgorithm' {FAILED} Member must not be null"),
            &format!("Value null at 'wrappingKeySpec' {FAILED} Member must not be null"),
        ],
    );
}

#[test]
fn an_enumeration_is_printed_in_brackets_and_comes_before_the_key() {
    let body = json!({"KeyId": "no-such-key", "Plaintext": "eA==", "EncryptionAlgorithm": "ROT13"});
    let answer = send(&Request::new("Encrypt", body)).json();
    let prefix = format!(
        "1 validation error detected: Value 'ROT13' at 'encryptionAlgorithm' {FAILED} Member must satisfy enum value set: ["
    );
    assert!(answer["message"].as_str().unwrap().starts_with(&prefix), "{answer}");
}

#[test]
fn numbers_beyond_every_integer_are_out_of_range_and_fractions_are_cut_off() {
    for number in ["9223372036854775808", "1e30", "123456789012345678901234567890", "1025.9"] {
        let request = Request::raw("GenerateRandom", format!(r#"{{"NumberOfBytes":{number}}}"#));
        let answer = send(&request).json();
        assert_eq!(answer["__type"], "ValidationException", "{number}");
    }
    for (number, length) in [("8.9", 8), ("1.6E1", 16), ("1024.0", 1024)] {
        let answer = send(&Request::raw("GenerateRandom", format!(r#"{{"NumberOfBytes":{number}}}"#))).json();
        assert_eq!(STANDARD.decode(answer["Plaintext"].as_str().unwrap()).unwrap().len(), length, "{number}");
    }
}

#[test]
fn a_refusal_of_many_violations_stays_short() {
    let tags = vec![json!({}); 20_000];
    let answer = send(&Request::new("CreateKey", json!({"Tags": tags})));
    assert_eq!(answer.status, 400);
    assert!(answer.body.len() < 20_000, "{} bytes", answer.body.len());
}

#[test]
fn sensitive_members_are_never_echoed() {
    let secret = STANDARD.encode("a very secret plaintext".repeat(300));
    let answer = send(&Request::new("Encrypt", json!({"KeyId": "foo", "Plaintext": secret})));
    assert!(answer.text().len() < 200 && !answer.text().contains("secret"), "{}", answer.text());
}

#[test]
fn the_owners_of_a_list_are_checked_by_the_model() {
    let account = kms_e2e::fresh_account();
    send(&Request::of_account(&account, "CreateKey", json!({})));
    let list =
        |owners: Value| send(&Request::of_account(&account, "ListKeys", json!({"ResourceOwners": owners}))).json();
    assert_eq!(list(json!(["SELF"]))["Keys"].as_array().unwrap().len(), 1);
    assert_eq!(list(json!(["OTHER_ACCOUNTS_VIA_RAM"]))["Keys"].as_array().unwrap().len(), 0);
    assert_eq!(list(json!(["SOMEBODY"]))["__type"], "ValidationException");
}
