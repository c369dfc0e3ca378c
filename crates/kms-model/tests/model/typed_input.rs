//! From a body to a typed input.

use kms_model::{Blob, Data, ModelError, operation, read};
use serde::Deserialize;
use std::collections::BTreeMap;

#[derive(Deserialize, Debug, PartialEq, Clone, Copy)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum Algorithm {
    SymmetricDefault,
}

#[derive(Deserialize, Debug)]
#[serde(rename_all = "PascalCase")]
struct Encrypt {
    key_id: String,
    plaintext: Blob,
    #[serde(default)]
    encryption_context: BTreeMap<String, String>,
    encryption_algorithm: Option<Algorithm>,
    #[serde(default)]
    grant_tokens: Vec<String>,
    dry_run: Option<bool>,
}

const BODY: &[u8] = br#"{"KeyId":"alias/x","Plaintext":"c2VjcmV0","EncryptionContext":{"a":"1","\u0062":"2"},
    "EncryptionAlgorithm":"SYMMETRIC_DEFAULT","GrantTokens":["t"],"DryRun":true,"Unknown":{"x":[1,2]}}"#;

fn into<T: serde::de::DeserializeOwned>(name: &str, body: &[u8]) -> Result<T, ModelError> {
    read(operation(name).unwrap(), body).unwrap().into_input()
}

#[test]
fn every_type_of_member_arrives() {
    let input: Encrypt = into("Encrypt", BODY).unwrap();
    assert_eq!(input.key_id, "alias/x");
    assert_eq!(input.plaintext.as_ref(), b"secret");
    assert_eq!(input.encryption_context, BTreeMap::from([("a".into(), "1".into()), ("b".into(), "2".into())]));
    assert_eq!(input.encryption_algorithm, Some(Algorithm::SymmetricDefault));
    assert_eq!(input.grant_tokens, ["t"]);
    assert_eq!(input.dry_run, Some(true));
}

#[test]
fn absent_and_null_members_are_none() {
    let body = br#"{"KeyId":"k","Plaintext":"AAAA","DryRun":null}"#;
    let input: Encrypt = into("Encrypt", body).unwrap();
    assert_eq!((input.dry_run, input.encryption_algorithm), (None, None));
    assert!(input.grant_tokens.is_empty() && input.encryption_context.is_empty());
}

#[test]
fn structures_in_lists_and_numbers_arrive() {
    #[derive(Deserialize, Debug, PartialEq)]
    #[serde(rename_all = "PascalCase")]
    struct Tag {
        tag_key: String,
        tag_value: String,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct TagResource {
        tags: Vec<Tag>,
    }
    let body = br#"{"KeyId":"k","Tags":[{"TagKey":"a","TagValue":"b"}]}"#;
    let input: TagResource = into("TagResource", body).unwrap();
    assert_eq!(input.tags, [Tag { tag_key: "a".into(), tag_value: "b".into() }]);

    #[derive(Deserialize)]
    struct Window {
        #[serde(rename = "PendingWindowInDays")]
        days: Option<u32>,
    }
    let input: Window = into("ScheduleKeyDeletion", br#"{"KeyId":"k","PendingWindowInDays":7.9}"#).unwrap();
    assert_eq!(input.days, Some(7));
}

#[test]
fn timestamps_are_seconds_in_any_form_of_number() {
    #[derive(Deserialize)]
    struct Import {
        #[serde(rename = "ValidTo")]
        valid_to: f64,
    }
    for (number, seconds) in [("1607472987.918", 1_607_472_987.918), ("1.5565824E9", 1_556_582_400.0), ("7", 7.0)] {
        let body = format!(r#"{{"KeyId":"k","ImportToken":"AAAA","EncryptedKeyMaterial":"AAAA","ValidTo":{number}}}"#);
        let input: Import = into("ImportKeyMaterial", body.as_bytes()).unwrap();
        assert!((input.valid_to - seconds).abs() < 1e-6);
    }
}

#[test]
fn a_type_that_disagrees_with_the_table_is_an_error_and_quotes_nothing() {
    #[derive(Deserialize, Debug)]
    #[expect(dead_code, reason = "never made")]
    struct Wrong {
        #[serde(rename = "KeyId")]
        key_id: u8,
    }
    assert_eq!(into::<Wrong>("Encrypt", BODY).unwrap_err(), ModelError::Serialization(None));
}

#[test]
fn the_tree_is_open_to_audit() {
    let request = read(operation("Encrypt").unwrap(), BODY).unwrap();
    let value = request.value();
    assert_eq!(value.member("KeyId").unwrap().as_str(), Some("alias/x"));
    assert!(matches!(value.member("DryRun").unwrap().data(), Data::Boolean(true)));
    assert!(value.member("Plaintext").unwrap().shape().sensitive);
    assert!(value.member("Unknown").is_none());
}

#[test]
fn debug_shows_no_sensitive_value_and_no_bytes() {
    let request = read(operation("Encrypt").unwrap(), BODY).unwrap();
    let text = format!("{request:?}");
    assert!(text.contains("alias/x") && text.contains("Plaintext: <sensitive>"), "{text}");
    assert!(!text.contains("c2VjcmV0") && !text.contains("secret") && !text.contains("115, 101"), "{text}");
    let body = br#"{"CustomKeyStoreName":"n","KeyStorePassword":"hunter2hunter2"}"#;
    let text = format!("{:?}", read(operation("CreateCustomKeyStore").unwrap(), body).unwrap());
    assert!(!text.contains("hunter2"), "{text}");
    assert_eq!(format!("{:?}", Blob(b"secret".to_vec())), "Blob(6 bytes)");
}

#[test]
fn sensitive_values_never_stand_in_an_error() {
    let body = br#"{"CustomKeyStoreName":"n","KeyStorePassword":"hunter","XksProxyAuthenticationCredential":
        {"AccessKeyId":"hunter","RawSecretAccessKey":"hunter"}}"#;
    let error = read(operation("CreateCustomKeyStore").unwrap(), body).unwrap_err();
    let ModelError::Validation(text) = error else { panic!("{error}") };
    assert!(text.starts_with("4 validation errors detected: Value at 'keyStorePassword' failed"), "{text}");
    assert!(!text.contains("hunter"), "{text}");
}
