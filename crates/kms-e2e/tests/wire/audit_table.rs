//! Each served operation's record against what CloudTrail shows of it. Source: AWS KMS Developer Guide, "Examples of AWS KMS
//! log entries", one page per operation (evidence.md 7).

use std::collections::HashSet;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kms_e2e::{Server, fresh_account, material, wrap};
use serde_json::{Value, json};

use crate::audit::{records, served_in_this_run};
use crate::http::send;
use crate::signer::Request;

/// What CloudTrail shows of a call beside the members that all have.
struct Expected {
    request_parameters: Value,
    response_elements: Value,
    /// The names in `additionalEventData`.
    additional: &'static [&'static str],
    read_only: bool,
}

fn read(request_parameters: Value) -> Expected {
    Expected { request_parameters, response_elements: Value::Null, additional: &[], read_only: true }
}

fn used(request_parameters: Value) -> Expected {
    Expected { additional: &["keyMaterialId"], ..read(request_parameters) }
}

fn changed(request_parameters: Value, response_elements: Value) -> Expected {
    Expected { request_parameters, response_elements, additional: &[], read_only: false }
}

struct Table {
    account: String,
    seen: HashSet<String>,
}

impl Table {
    /// Calls the operation, compares its record, and gives its answer.
    fn row(&mut self, operation: &str, body: Value, expected: impl FnOnce(&Value) -> Expected) -> Value {
        let answer = send(&Request::of_account(&self.account, operation, body));
        assert_eq!(answer.status, 200, "{operation}: {}", answer.text());
        let record = records(Server::shared().data_dir()).remove(answer.request_id()).expect("it is recorded");
        let answer = if answer.body.is_empty() { Value::Null } else { answer.json() };
        let expected = expected(&answer);
        assert_eq!(record["eventName"], operation);
        assert_eq!(record["requestParameters"], expected.request_parameters, "{operation}");
        assert_eq!(record["responseElements"], expected.response_elements, "{operation}");
        assert_eq!(record["readOnly"], expected.read_only, "{operation}");
        let additional = record.get("additionalEventData").and_then(Value::as_object);
        let additional: Vec<&str> =
            additional.into_iter().flat_map(|members| members.keys().map(String::as_str)).collect();
        assert_eq!(additional, expected.additional, "{operation}");
        for absent in ["errorCode", "errorMessage", "addendum"] {
            assert_eq!(record.get(absent), None, "{operation}");
        }
        self.seen.insert(operation.to_owned());
        answer
    }

    fn use_a_key(&mut self, key: &Value) {
        let context = json!({"tenant": "a"});
        let encrypt = json!({"KeyId": key, "Plaintext": "aGVsbG8=", "EncryptionContext": context});
        let shown = |name: &str| json!({name: context, "keyId": key, "encryptionAlgorithm": "SYMMETRIC_DEFAULT"});
        let blob = self.row("Encrypt", encrypt, |_| used(shown("encryptionContext")))["CiphertextBlob"].clone();
        let decrypt = json!({"CiphertextBlob": blob, "EncryptionContext": context, "KeyId": key});
        self.row("Decrypt", decrypt, |_| used(shown("encryptionContext")));
        let decrypt = json!({"CiphertextBlob": blob, "EncryptionContext": context});
        let without_key = json!({"encryptionContext": context, "encryptionAlgorithm": "SYMMETRIC_DEFAULT"});
        self.row("Decrypt", decrypt, |_| used(without_key));
        let again = json!({"CiphertextBlob": blob, "SourceEncryptionContext": context, "DestinationKeyId": key});
        self.row("ReEncrypt", again, |_| Expected {
            additional: &["destinationKeyMaterialId", "sourceKeyMaterialId"],
            ..read(json!({"sourceEncryptionContext": context, "destinationKeyId": key}))
        });
        let data_key = json!({"KeyId": key, "KeySpec": "AES_256", "EncryptionContext": context});
        let shown = json!({"keyId": key, "keySpec": "AES_256", "encryptionContext": context});
        self.row("GenerateDataKey", data_key, |_| used(shown));
        let data_key = json!({"KeyId": key, "NumberOfBytes": 40});
        self.row("GenerateDataKeyWithoutPlaintext", data_key, |_| used(json!({"keyId": key, "numberOfBytes": 40})));
        self.row("GenerateRandom", json!({"NumberOfBytes": 8}), |_| read(json!({"numberOfBytes": 8})));
    }

    fn use_other_kinds(&mut self, key: &Value) {
        let mut create = |spec: &str, usage: &str| {
            let made = self.row("CreateKey", json!({"KeySpec": spec, "KeyUsage": usage}), |answer| {
                let metadata = cloudtrail(&answer["KeyMetadata"]);
                changed(json!({"keySpec": spec, "keyUsage": usage}), json!({"keyMetadata": metadata}))
            });
            made["KeyMetadata"]["KeyId"].clone()
        };
        let pair = create("ECC_NIST_P256", "SIGN_VERIFY");
        let mac = create("HMAC_256", "GENERATE_VERIFY_MAC");
        let agree = create("ECC_NIST_P256", "KEY_AGREEMENT");
        let mut body =
            json!({"KeyId": pair, "Message": "bQ==", "MessageType": "RAW", "SigningAlgorithm": "ECDSA_SHA_256"});
        let shown = json!({"keyId": pair, "messageType": "RAW", "signingAlgorithm": "ECDSA_SHA_256"});
        body["Signature"] = self.row("Sign", body.clone(), |_| read(shown.clone()))["Signature"].clone();
        self.row("Verify", body, |_| read(shown));
        let public_key = self.row("GetPublicKey", json!({"KeyId": pair}), |_| read(json!({"keyId": pair})));
        let mut body = json!({"KeyId": mac, "Message": "bQ==", "MacAlgorithm": "HMAC_SHA_256"});
        let shown = json!({"keyId": mac, "macAlgorithm": "HMAC_SHA_256"});
        body["Mac"] = self.row("GenerateMac", body.clone(), |_| read(shown.clone()))["Mac"].clone();
        self.row("VerifyMac", body, |_| read(shown));
        let peer = json!({"KeyId": agree, "KeyAgreementAlgorithm": "ECDH", "PublicKey": public_key["PublicKey"]});
        let shown = json!({"keyId": agree, "keyAgreementAlgorithm": "ECDH"});
        self.row("DeriveSharedSecret", peer, |_| read(shown));
        for operation in ["GenerateDataKeyPair", "GenerateDataKeyPairWithoutPlaintext"] {
            let shown = json!({"keyId": key, "keyPairSpec": "ECC_NIST_P256"});
            self.row(operation, json!({"KeyId": key, "KeyPairSpec": "ECC_NIST_P256"}), |_| used(shown));
        }
    }

    fn use_the_second_token(&mut self) {
        let wish = json!({"keySpec": "ML_KEM_512", "keyUsage": "ENCAPSULATE_DECAPSULATE"});
        let create = json!({"KeySpec": "ML_KEM_512", "KeyUsage": "ENCAPSULATE_DECAPSULATE"});
        let made = self.row("CreateKey", create, |answer| {
            changed(wish, json!({"keyMetadata": cloudtrail(&answer["KeyMetadata"])}))
        });
        let key = &made["KeyMetadata"]["KeyId"];
        let mut body = json!({"KeyId": key, "EncapsulationAlgorithm": "ML_KEM"});
        let shown = json!({"keyId": key, "encapsulationAlgorithm": "ML_KEM"});
        let made = self.row("Encapsulate", body.clone(), |_| read(shown.clone()));
        body["SharedSecretCiphertextBlob"] = made["SharedSecretCiphertextBlob"].clone();
        self.row("Decapsulate", body, |_| read(shown));
    }

    fn import(&mut self) {
        let made = self.row("CreateKey", json!({"Origin": "EXTERNAL"}), |answer| {
            let metadata = cloudtrail(&answer["KeyMetadata"]);
            changed(json!({"origin": "EXTERNAL"}), json!({"keyMetadata": metadata}))
        });
        let (key, arn) = (&made["KeyMetadata"]["KeyId"], &made["KeyMetadata"]["Arn"]);
        let wish = json!({"KeyId": key, "WrappingAlgorithm": "RSAES_OAEP_SHA_256", "WrappingKeySpec": "RSA_2048"});
        let shown = json!({"keyId": key, "wrappingAlgorithm": "RSAES_OAEP_SHA_256", "wrappingKeySpec": "RSA_2048"});
        let parameters = self.row("GetParametersForImport", wish, |_| read(shown));
        let public_key = STANDARD.decode(parameters["PublicKey"].as_str().unwrap()).unwrap();
        let algorithm = aws_sdk_kms::types::AlgorithmSpec::RsaesOaepSha256;
        let wrapped = STANDARD.encode(wrap(&public_key, &algorithm, &material(61)).unwrap());
        let valid_to = crate::signer::now().unix_timestamp() + 86_400 * 30;
        let import = json!({
            "KeyId": key, "ImportToken": parameters["ImportToken"], "EncryptedKeyMaterial": wrapped,
            "ExpirationModel": "KEY_MATERIAL_EXPIRES", "ValidTo": valid_to,
            "ImportType": "NEW_KEY_MATERIAL", "KeyMaterialDescription": "mine"});
        let shown = json!({
            "keyId": key, "expirationModel": "KEY_MATERIAL_EXPIRES", "validTo": date(valid_to as f64),
            "importType": "NEW_KEY_MATERIAL", "keyMaterialDescription": "mine"});
        let with_material = |answer: &Value| json!({"keyId": arn, "keyMaterialId": answer["KeyMaterialId"]});
        let imported = self.row("ImportKeyMaterial", import, |answer| changed(shown, with_material(answer)));
        let id = &imported["KeyMaterialId"];
        let named = json!({"KeyId": arn, "KeyMaterialId": id});
        let shown = json!({"keyId": arn, "keyMaterialId": id});
        self.row("DeleteImportedKeyMaterial", named, |answer| changed(shown, with_material(answer)));
        let again = json!({"KeyId": key});
        self.row("DeleteImportedKeyMaterial", again, |_| changed(json!({"keyId": key}), json!({"keyId": arn})));
    }

    fn manage(&mut self, key: &Value, arn: &Value) {
        let (of_key, with_arn) = (json!({"KeyId": key}), json!({"keyId": arn}));
        let shown = json!({"keyId": key});
        for operation in ["DescribeKey", "GetKeyPolicy", "ListKeyPolicies", "ListResourceTags"] {
            self.row(operation, of_key.clone(), |_| read(shown.clone()));
        }
        for operation in ["ListKeys", "ListAliases"] {
            self.row(operation, json!({}), |_| read(Value::Null));
            self.row(operation, json!({"Limit": 3}), |_| read(json!({"limit": 3})));
        }
        let describe = json!({"KeyId": key, "Description": "d"});
        let described = json!({"keyId": key, "description": "d"});
        self.row("UpdateKeyDescription", describe, |_| changed(described, with_arn.clone()));
        for operation in ["DisableKey", "EnableKey"] {
            self.row(operation, of_key.clone(), |_| changed(shown.clone(), with_arn.clone()));
        }
        let alias = json!({"AliasName": "alias/t", "TargetKeyId": key});
        let aliased = json!({"aliasName": "alias/t", "targetKeyId": key});
        for operation in ["CreateAlias", "UpdateAlias"] {
            self.row(operation, alias.clone(), |_| changed(aliased.clone(), with_arn.clone()));
        }
        let name = json!({"AliasName": "alias/t"});
        self.row("DeleteAlias", name, |_| changed(json!({"aliasName": "alias/t"}), with_arn.clone()));
        let tags = json!({"KeyId": key, "Tags": [{"TagKey": "a", "TagValue": "b"}]});
        let tagged = json!({"keyId": key, "tags": [{"tagKey": "a", "tagValue": "b"}]});
        self.row("TagResource", tags, |_| changed(tagged, with_arn.clone()));
        let tags = json!({"KeyId": key, "TagKeys": ["a"]});
        let untagged = json!({"keyId": key, "tagKeys": ["a"]});
        self.row("UntagResource", tags, |_| changed(untagged, with_arn.clone()));
        let schedule = json!({"KeyId": key, "PendingWindowInDays": 7});
        self.row("ScheduleKeyDeletion", schedule, |answer| {
            changed(json!({"keyId": key, "pendingWindowInDays": 7}), cloudtrail(answer))
        });
        self.row("CancelKeyDeletion", of_key, |_| changed(shown, with_arn));
    }
}

/// An answer's structure under CloudTrail's names, with its dates.
fn cloudtrail(answer: &Value) -> Value {
    let members = answer.as_object().unwrap().iter().map(|(name, value)| {
        let name = name[..1].to_ascii_lowercase() + &name[1..];
        let is_date = name.ends_with("Date");
        let value = if is_date { date(value.as_f64().unwrap()).into() } else { value.clone() };
        (name, value)
    });
    Value::Object(members.collect())
}

/// `May 21, 2025, 5:47:45 AM`, without the help of the code under test.
fn date(seconds: f64) -> String {
    let moment = time::OffsetDateTime::from_unix_timestamp(seconds as i64).unwrap();
    let month = moment.month().to_string();
    let (half, hour) = (if moment.hour() < 12 { "AM" } else { "PM" }, (moment.hour() + 11) % 12 + 1);
    let (day, year, minute, second) = (moment.day(), moment.year(), moment.minute(), moment.second());
    format!("{} {day}, {year}, {hour}:{minute:02}:{second:02} {half}", &month[..3])
}

#[test]
fn each_served_operation_is_recorded_as_cloudtrail_shows_it() {
    let mut table = Table { account: fresh_account(), seen: HashSet::new() };
    let made = table.row("CreateKey", json!({"Description": "d"}), |answer| {
        changed(json!({"description": "d"}), json!({"keyMetadata": cloudtrail(&answer["KeyMetadata"])}))
    });
    let metadata = &made["KeyMetadata"];
    table.use_a_key(&metadata["KeyId"]);
    table.use_other_kinds(&metadata["KeyId"]);
    table.import();
    table.manage(&metadata["KeyId"], &metadata["Arn"]);
    if kms_e2e::pq_module().is_some() {
        table.use_the_second_token();
    }
    let served: HashSet<String> = served_in_this_run().map(|operation| operation.name().to_owned()).collect();
    assert_eq!(table.seen, served, "every served operation has its row");
}
