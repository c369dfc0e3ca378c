//! The records in the shape of CloudTrail.

use kms_e2e::{Server, fresh_account};
use serde_json::{Value, json};

use crate::audit::records;
use crate::http::{Answer, send};
use crate::signer::Request;

/// Sends a request and gives its answer with its record.
fn recorded(request: &Request) -> (Answer, Value) {
    let answer = send(request);
    let record = records(Server::shared().data_dir()).remove(answer.request_id()).expect("it is recorded");
    (answer, record)
}

struct Account(String);

impl Account {
    fn call(&self, operation: &str, body: Value) -> (Value, Value) {
        let (answer, record) = recorded(&Request::of_account(&self.0, operation, body));
        (answer.json(), record)
    }

    fn new_key(&self) -> Value {
        self.call("CreateKey", json!({})).0["KeyMetadata"].clone()
    }
}

#[test]
fn a_successful_call_names_caller_request_key_and_material() {
    let account = Account(fresh_account());
    let key = account.new_key();
    let body = json!({"KeyId": key["KeyId"], "Plaintext": "aGVsbG8=", "EncryptionContext": {"tenant": "a"}});
    let mut request = Request::of_account(&account.0, "Encrypt", body);
    request.unsigned.push(("user-agent".to_owned(), "tester/1".to_owned()));
    let (answer, record) = recorded(&request);
    let mut members = record.as_object().unwrap().clone();
    for changing in ["seq", "prev", "eventTime", "eventID"] {
        assert!(members.remove(changing).is_some(), "{changing} is missing");
    }
    let expected = json!({
        "eventVersion": "1.11",
        "userIdentity": {
            "type": "Root",
            "principalId": account.0,
            "arn": format!("arn:aws:iam::{}:root", account.0),
            "accountId": account.0,
            "accessKeyId": account.0,
        },
        "eventSource": "kms.amazonaws.com",
        "eventName": "Encrypt",
        "awsRegion": "us-east-1",
        "sourceIPAddress": "127.0.0.1",
        "userAgent": "tester/1",
        "requestParameters": {
            "encryptionContext": {"tenant": "a"},
            "keyId": key["KeyId"],
            "encryptionAlgorithm": "SYMMETRIC_DEFAULT",
        },
        "responseElements": null,
        "additionalEventData": {"keyMaterialId": key["CurrentKeyMaterialId"]},
        "requestID": answer.request_id(),
        "readOnly": true,
        "resources": [{"accountId": account.0, "type": "AWS::KMS::Key", "ARN": key["Arn"]}],
        "eventType": "AwsApiCall",
        "managementEvent": true,
        "recipientAccountId": account.0,
        "eventCategory": "Management",
    });
    assert_eq!(Value::Object(members), expected);
    let time = record["eventTime"].as_str().unwrap();
    assert!(time.len() == 20 && time.ends_with('Z'), "{time}");
}

#[test]
fn a_refused_call_names_its_error_and_no_answer() {
    let account = Account(fresh_account());
    let key = account.new_key();
    account.call("DisableKey", json!({"KeyId": key["KeyId"]}));
    let (_, record) = account.call("GenerateDataKey", json!({"KeyId": key["KeyId"], "KeySpec": "AES_256"}));
    assert_eq!(record["errorCode"], "DisabledException");
    assert_eq!(record["errorMessage"], format!("{} is disabled.", key["Arn"].as_str().unwrap()));
    assert_eq!(record["requestParameters"], json!({"keyId": key["KeyId"], "keySpec": "AES_256"}));
    assert_eq!(record["resources"][0]["ARN"], key["Arn"]);
    assert_eq!((&record["responseElements"], record.get("additionalEventData")), (&Value::Null, None));
}

#[test]
fn a_ciphertext_that_does_not_open_is_recorded_without_a_text() {
    let account = Account(fresh_account());
    let key = account.new_key();
    let encrypted = account.call("Encrypt", json!({"KeyId": key["KeyId"], "Plaintext": "aGVsbG8="})).0;
    let body = json!({"CiphertextBlob": encrypted["CiphertextBlob"], "EncryptionContext": {"x": "y"}});
    let (answer, record) = account.call("Decrypt", body);
    assert_eq!(answer, json!({"__type": "InvalidCiphertextException"}));
    assert_eq!((&record["errorCode"], record.get("errorMessage")), (&json!("InvalidCiphertextException"), None));
    assert_eq!(
        record["requestParameters"],
        json!({"encryptionContext": {"x": "y"}, "encryptionAlgorithm": "SYMMETRIC_DEFAULT"})
    );
    assert_eq!(record["resources"][0]["ARN"], key["Arn"], "the key that the ciphertext names");
}

#[test]
fn a_denied_call_says_access_denied_and_shows_neither_request_nor_key() {
    let (owner, stranger) = (Account(fresh_account()), Account(fresh_account()));
    let key = owner.new_key();
    let (answer, record) = stranger.call("Encrypt", json!({"KeyId": key["Arn"], "Plaintext": "aGVsbG8="}));
    let members: Vec<&String> = answer.as_object().unwrap().keys().collect();
    assert_eq!(members, ["Message", "__type"], "this one is spelled with a capital");
    assert_eq!((&answer["__type"], &record["errorCode"]), (&json!("AccessDeniedException"), &json!("AccessDenied")));
    assert_eq!(record["errorMessage"], answer["Message"]);
    assert_eq!((&record["requestParameters"], record.get("resources")), (&Value::Null, None));
    let encrypted = owner.call("Encrypt", json!({"KeyId": key["KeyId"], "Plaintext": "aGVsbG8="})).0;
    let blob = &encrypted["CiphertextBlob"];
    let attempts = [json!({"CiphertextBlob": blob}), json!({"CiphertextBlob": blob, "KeyId": key["KeyId"]})];
    for body in attempts {
        let (_, record) = stranger.call("Decrypt", body);
        assert!(!record.to_string().contains(&owner.0), "the owner of the key stays unknown: {record}");
    }
}

#[test]
fn a_change_records_what_it_answered() {
    let account = Account(fresh_account());
    let (made, record) = account.call("CreateKey", json!({"Description": "d"}));
    let arn = &made["KeyMetadata"]["Arn"];
    assert_eq!((&record["readOnly"], &record["requestParameters"]), (&json!(false), &json!({"description": "d"})));
    let metadata = &record["responseElements"]["keyMetadata"];
    assert_eq!((&metadata["arn"], &metadata["aWSAccountId"]), (arn, &json!(account.0)), "{metadata}");
    assert!(is_date(&metadata["creationDate"]), "{metadata}");
    let (_, record) = account.call("DisableKey", json!({"KeyId": arn}));
    assert_eq!((&record["readOnly"], &record["responseElements"]), (&json!(false), &json!({"keyId": arn})));
    let (_, record) = account.call("ScheduleKeyDeletion", json!({"KeyId": arn, "PendingWindowInDays": 7}));
    let elements = &record["responseElements"];
    assert_eq!((&elements["keyState"], &elements["pendingWindowInDays"]), (&json!("PendingDeletion"), &json!(7)));
    assert!(is_date(&elements["deletionDate"]), "{elements}");
    let (_, record) = account.call(
        "ImportKeyMaterial",
        json!({
        "KeyId": arn, "ImportToken": "eA==", "EncryptedKeyMaterial": "eA==", "ValidTo": 1_747_806_465,
        "ExpirationModel": "KEY_MATERIAL_EXPIRES"}),
    );
    assert_eq!(
        record["requestParameters"],
        json!({"keyId": arn, "validTo": "May 21, 2025, 5:47:45 AM", "expirationModel": "KEY_MATERIAL_EXPIRES"})
    );
}

/// `May 21, 2025, 5:47:45 AM`
fn is_date(value: &Value) -> bool {
    value.as_str().is_some_and(|text| {
        let words: Vec<&str> = text.split(' ').collect();
        words.len() == 5 && words[0].len() == 3 && words[3].split(':').count() == 3 && ["AM", "PM"].contains(&words[4])
    })
}
