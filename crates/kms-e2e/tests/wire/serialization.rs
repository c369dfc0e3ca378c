//! Bodies of the wrong JSON types, and bodies that are no JSON at all.

use serde_json::json;

use crate::http::{send, succeed};
use crate::signer::Request;

#[track_caller]
fn refuses(operation: &str, body: &str, message: Option<&str>) {
    send(&Request::raw(operation, body)).is_refusal("SerializationException", message);
}

#[test]
fn each_wrong_kind_of_value_has_its_text() {
    let list = "Start of list found where not expected";
    let structure = "Start of structure or map found where not expected.";
    for (operation, body, message) in [
        ("GenerateRandom", r#"{"NumberOfBytes":"8"}"#, "STRING_VALUE can not be converted to an Integer"),
        ("Encrypt", r#"{"GrantTokens":"x"}"#, "Expected list or null"),
        ("Decrypt", r#"{"Recipient":"x"}"#, "Expected null"),
        ("DescribeKey", r#"{"KeyId":1}"#, "NUMBER_VALUE can not be converted to a String"),
        ("DescribeKey", r#"{"KeyId":true}"#, "TRUE_VALUE can not be converted to a String"),
        ("DescribeKey", r#"{"KeyId":false}"#, "FALSE_VALUE can not be converted to a String"),
        ("GenerateRandom", r#"{"NumberOfBytes":true}"#, "TRUE_VALUE can not be converted to an Integer"),
        ("GenerateRandom", r#"{"NumberOfBytes":false}"#, "FALSE_VALUE can not be converted to an Integer"),
        ("DescribeKey", r#"{"KeyId":[]}"#, list),
        ("GenerateRandom", r#"{"NumberOfBytes":[1]}"#, list),
        ("Decrypt", r#"{"Recipient":[]}"#, list),
        ("DescribeKey", r#"{"KeyId":{}}"#, structure),
        ("GenerateRandom", r#"{"NumberOfBytes":{}}"#, structure),
        ("ListKeys", "[]", list),
    ] {
        refuses(operation, body, Some(message));
    }
}

#[test]
fn what_is_no_json_object_has_no_text() {
    for body in
        ["", "null", "\"x\"", "{", "{\"Limit\":1,}", "1", "{} {}", "{\"Limit\":01}", "{'Limit':1}", "\u{FEFF}{}"]
    {
        refuses("ListKeys", body, None);
    }
    let answer = send(&Request::raw("ListKeys", b"{\"Marker\":\"\xff\"}"));
    answer.is_refusal("SerializationException", None);
    assert_eq!(answer.text(), r#"{"__type":"SerializationException"}"#);
    let deep = format!("{}{}", "{\"a\":".repeat(100_000), "}".repeat(100_000));
    refuses("ListKeys", &deep, None);
}

#[test]
fn base64_is_the_standard_alphabet_with_padding() {
    for text in ["this-is-not-base64", "eA=", "eA", "e A==", "-_-_", "eB=="] {
        let body = format!(r#"{{"CiphertextBlob":"{text}"}}"#);
        refuses("Decrypt", &body, None);
    }
}

#[test]
fn a_wrong_type_wins_over_every_violation() {
    let message = Some("NUMBER_VALUE can not be converted to a Blob");
    refuses("Encrypt", r#"{"KeyId":"","Plaintext":1}"#, message);
    refuses("Encrypt", r#"{"KeyId":"","EncryptionAlgorithm":"x","GrantTokens":"x"}"#, Some("Expected list or null"));
}

#[test]
fn null_is_absent_unknown_members_are_ignored_and_repeated_ones_refused() {
    succeed(&Request::new("ListKeys", json!({"Limit": null, "Marker": null, "Unknown": {"deep": [1, "x", null]}})));
    refuses("ListKeys", r#"{"Limit":1,"Limit":2}"#, None);
    refuses("ListKeys", r#"{"x":1,"x":1}"#, None);
}

#[test]
fn names_and_strings_may_be_written_with_escapes() {
    let account = kms_e2e::fresh_account();
    let body = br#"{"Descripti\u006fn":"\u00e9\ud83d\udd11\n\"\\\/"}"#.to_vec();
    let made = succeed(&Request { body, ..Request::of_account(&account, "CreateKey", json!({})) });
    assert_eq!(made["KeyMetadata"]["Description"], "é\u{1F511}\n\"\\/");
}
