//! Answers recorded from AWS, or by projects that compared themselves with AWS.

use kms_model::{ModelError, operation, read};

fn answer(name: &str, body: &str) -> Option<ModelError> {
    read(operation(name).unwrap(), body.as_bytes()).err()
}

fn violates(name: &str, body: &str, text: &str) {
    assert_eq!(answer(name, body), Some(ModelError::Validation(text.to_owned())), "{name} {body}");
}

fn misreads(name: &str, body: &str, text: &str) {
    assert_eq!(answer(name, body), Some(ModelError::Serialization(Some(text.to_owned()))), "{name} {body}");
}

fn breaks(name: &str, body: &str) {
    assert_eq!(answer(name, body), Some(ModelError::Serialization(None)), "{name} {body}");
}

#[test]
fn an_absent_key_id_is_null() {
    violates(
        "DescribeKey",
        "{}",
        "1 validation error detected: Value null at 'keyId' failed to satisfy constraint: Member must not be null",
    );
}

#[test]
fn an_empty_key_id_violates_length_and_pattern() {
    violates(
        "GetPublicKey",
        r#"{"KeyId":""}"#,
        "2 validation errors detected: Value '' at 'keyId' failed to satisfy constraint: Member must have length \
         greater than or equal to 1; Value '' at 'keyId' failed to satisfy constraint: Member must satisfy regular \
         expression pattern: ^\\p{ASCII}+$",
    );
}

#[test]
fn a_key_id_beyond_ascii_violates_the_pattern() {
    violates(
        "DescribeKey",
        r#"{"KeyId":"\u30ad\u30fc"}"#,
        "1 validation error detected: Value 'キー' at 'keyId' failed to satisfy constraint: Member must satisfy \
         regular expression pattern: ^\\p{ASCII}+$",
    );
}

#[test]
fn a_plaintext_never_shows_its_value() {
    let prefix = "1 validation error detected: Value at 'plaintext' failed to satisfy constraint: Member must";
    violates("Encrypt", r#"{"KeyId":"k"}"#, &format!("{prefix} not be null"));
    violates("Encrypt", r#"{"KeyId":"k","Plaintext":""}"#, &format!("{prefix} have length greater than or equal to 1"));
    let body = format!(r#"{{"KeyId":"k","Plaintext":"{}AA=="}}"#, "AAAA".repeat(4096 / 3));
    assert_eq!(answer("Encrypt", &body), None);
    let body = format!(r#"{{"KeyId":"k","Plaintext":"{}AAA="}}"#, "AAAA".repeat(4096 / 3));
    violates("Encrypt", &body, &format!("{prefix} have length less than or equal to 4096"));
}

#[test]
fn a_public_blob_shows_null_but_no_bytes() {
    violates(
        "VerifyMac",
        r#"{"KeyId":"k","Message":"AAAA","MacAlgorithm":"HMAC_SHA_256"}"#,
        "1 validation error detected: Value null at 'mac' failed to satisfy constraint: Member must not be null",
    );
    violates(
        "Decrypt",
        r#"{"CiphertextBlob":""}"#,
        "1 validation error detected: Value at 'ciphertextBlob' failed to satisfy constraint: Member must have length \
         greater than or equal to 1",
    );
}

#[test]
fn a_ciphertext_that_is_no_base64_gives_no_message() {
    breaks("Decrypt", r#"{"CiphertextBlob":"this-is-not-base64"}"#);
    breaks("Decrypt", r#"{"CiphertextBlob":"AA"}"#);
    breaks("Decrypt", r#"{"CiphertextBlob":"-_=="}"#);
    assert_eq!(answer("Decrypt", r#"{"CiphertextBlob":"\u002bw=="}"#), None);
}

#[test]
fn numbers_of_bytes_end_at_1024() {
    let range = |value, limit| {
        format!(
            "1 validation error detected: Value '{value}' at 'numberOfBytes' failed to satisfy constraint: \
             Member must have value {limit}"
        )
    };
    violates("GenerateRandom", r#"{"NumberOfBytes":1025}"#, &range("1025", "less than or equal to 1024"));
    violates("GenerateRandom", r#"{"NumberOfBytes":0}"#, &range("0", "greater than or equal to 1"));
    violates("GenerateRandom", r#"{"NumberOfBytes":0.99}"#, &range("0", "greater than or equal to 1"));
    let largest = i64::MAX.to_string();
    for beyond in ["9223372036854775808", "1e999", "123456789012345678901234567890.5"] {
        let body = format!(r#"{{"NumberOfBytes":{beyond}}}"#);
        violates("GenerateRandom", &body, &range(&largest, "less than or equal to 1024"));
    }
    assert_eq!(answer("GenerateRandom", r#"{"NumberOfBytes":1024.9}"#), None);
    assert_eq!(answer("GenerateRandom", r#"{"NumberOfBytes":1.2e1}"#), None);
}

#[test]
fn a_wrong_value_prints_the_value_set_of_kms() {
    violates(
        "GenerateMac",
        r#"{"KeyId":"k","Message":"AAAA","MacAlgorithm":"INVALID"}"#,
        "1 validation error detected: Value 'INVALID' at 'macAlgorithm' failed to satisfy constraint: Member must \
         satisfy enum value set: [HMAC_SHA_384, HMAC_SHA_256, HMAC_SHA_224, HMAC_SHA_512]",
    );
    violates(
        "Sign",
        r#"{"KeyId":"k","Message":"AAAA","SigningAlgorithm":"ECDSA_SHA_256","MessageType":"FOO"}"#,
        "1 validation error detected: Value 'FOO' at 'messageType' failed to satisfy constraint: Member must satisfy \
         enum value set: [RAW, DIGEST, EXTERNAL_MU]",
    );
    let Some(ModelError::Validation(text)) = answer("GenerateDataKey", r#"{"KeyId":"k","KeySpec":"RSA_2048"}"#) else {
        panic!("RSA_2048 is no spec of a data key");
    };
    assert!(text.starts_with(
        "1 validation error detected: Value 'RSA_2048' at 'keySpec' failed to satisfy constraint: Member must \
         satisfy enum value set: [RSA_2048, RSA_3072, RSA_4096, ECC_NIST_P256,"
    ));
}

#[test]
fn the_second_tag_is_named_by_its_number() {
    violates(
        "TagResource",
        r#"{"KeyId":"k","Tags":[{"TagKey":"a","TagValue":""},{"TagKey":"","TagValue":""}]}"#,
        "1 validation error detected: Value '' at 'tags.2.member.tagKey' failed to satisfy constraint: Member must \
         have length greater than or equal to 1",
    );
    violates(
        "TagResource",
        r#"{"KeyId":"k"}"#,
        "1 validation error detected: Value null at 'tags' failed to satisfy constraint: Member must not be null",
    );
}

#[test]
fn a_policy_name_must_match_as_a_whole() {
    violates(
        "PutKeyPolicy",
        r#"{"KeyId":"k","PolicyName":"invalid-name","Policy":"{}"}"#,
        "1 validation error detected: Value 'invalid-name' at 'policyName' failed to satisfy constraint: Member must \
         satisfy regular expression pattern: [\\w]+",
    );
}

#[test]
fn all_violations_come_together_in_model_order() {
    violates(
        "CreateAlias",
        r#"{"TargetKeyId":"","AliasName":"x!"}"#,
        "3 validation errors detected: Value 'x!' at 'aliasName' failed to satisfy constraint: Member must satisfy \
         regular expression pattern: ^[a-zA-Z0-9:/_-]+$; Value '' at 'targetKeyId' failed to satisfy constraint: \
         Member must have length greater than or equal to 1; Value '' at 'targetKeyId' failed to satisfy constraint: \
         Member must satisfy regular expression pattern: ^\\p{ASCII}+$",
    );
}

#[test]
fn a_flood_of_violations_is_counted_and_cut() {
    let body = format!(r#"{{"KeyId":"k","Tags":[{}{{}}]}}"#, "{},".repeat(9_999));
    let Some(ModelError::Validation(text)) = answer("TagResource", &body) else { panic!("tags need their members") };
    assert!(text.starts_with("20000 validation errors detected: Value null at 'tags.1.member.tagKey' failed"));
    assert!(text.len() < 20_000, "{} bytes", text.len());
}

#[test]
fn wrong_kinds_have_the_texts_of_the_framework() {
    misreads("GenerateRandom", r#"{"NumberOfBytes":"1"}"#, "STRING_VALUE can not be converted to an Integer");
    misreads("DescribeKey", r#"{"KeyId":1}"#, "NUMBER_VALUE can not be converted to a String");
    misreads("DescribeKey", r#"{"KeyId":true}"#, "TRUE_VALUE can not be converted to a String");
    misreads("GenerateRandom", r#"{"NumberOfBytes":false}"#, "FALSE_VALUE can not be converted to an Integer");
    misreads("DescribeKey", r#"{"KeyId":"k","GrantTokens":"t"}"#, "Expected list or null");
    misreads("GenerateRandom", r#"{"Recipient":"r"}"#, "Expected null");
    misreads("DescribeKey", r#"{"KeyId":[]}"#, "Start of list found where not expected");
    misreads("DescribeKey", r#"{"KeyId":{}}"#, "Start of structure or map found where not expected.");
    misreads("DescribeKey", "[]", "Start of list found where not expected");
}

#[test]
fn a_broken_body_gives_no_message() {
    for body in ["", " ", "null", "\"x\"", "1", "true", "{", "{\"KeyId\":\"k\",}", "{}{}", "{} x", "{\"KeyId\" \"k\"}"]
    {
        breaks("DescribeKey", body);
    }
    for body in [r#"{"KeyId":"\ud800"}"#, r#"{"KeyId":"\x"}"#, "{\"KeyId\":\"a\nb\"}", r#"{"Limit":01}"#, "\u{feff}{}"]
    {
        breaks("DescribeKey", body);
    }
    let not_text = read(operation("DescribeKey").unwrap(), b"{\"KeyId\":\"\xff\"}").err();
    assert_eq!(not_text, Some(ModelError::Serialization(None)));
}

#[test]
fn a_repeated_member_is_refused_wherever_it_stands() {
    breaks("DescribeKey", r#"{"KeyId":"a","KeyId":"a"}"#);
    breaks("DescribeKey", r#"{"KeyId":null,"\u004beyId":"a"}"#);
    breaks("DescribeKey", r#"{"KeyId":"a","X":1,"X":1}"#);
    breaks("DescribeKey", r#"{"KeyId":"a","X":[{"y":1,"y":1}]}"#);
    breaks("Encrypt", r#"{"KeyId":"a","Plaintext":"AAAA","EncryptionContext":{"a":"1","a":"1"}}"#);
}

#[test]
fn unknown_members_are_ignored() {
    assert_eq!(answer("DescribeKey", r#"{"KeyId":"a","X":[{"y":[1e5,null,"\u00e9"]}],"keyid":{}}"#), None);
}

#[test]
fn an_encryption_context_never_loses_a_pair_to_null() {
    violates(
        "Encrypt",
        r#"{"KeyId":"a","Plaintext":"AAAA","EncryptionContext":{"a":null}}"#,
        "1 validation error detected: Value null at 'encryptionContext.a.member' failed to satisfy constraint: \
         Member must not be null",
    );
}
