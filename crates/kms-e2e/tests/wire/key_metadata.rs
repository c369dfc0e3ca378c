//! KeyMetadata: exactly the members that belong to each state, in the types of the wire.

use std::collections::BTreeSet;

use kms_e2e::{Server, client, fresh_account, import, material};
use serde_json::{Value, json};

use crate::http::succeed;
use crate::signer::Request;

const ALWAYS: [&str; 14] = [
    "AWSAccountId",
    "Arn",
    "CreationDate",
    "CustomerMasterKeySpec",
    "Description",
    "Enabled",
    "EncryptionAlgorithms",
    "KeyId",
    "KeyManager",
    "KeySpec",
    "KeyState",
    "KeyUsage",
    "MultiRegion",
    "Origin",
];

struct Account(String);

impl Account {
    fn call(&self, operation: &str, body: Value) -> Value {
        succeed(&Request::of_account(&self.0, operation, body))
    }

    fn describe(&self, key_id: &str) -> Value {
        self.call("DescribeKey", json!({"KeyId": key_id}))["KeyMetadata"].clone()
    }
}

#[track_caller]
fn has_members(metadata: &Value, more: &[&str]) {
    let members: BTreeSet<&str> = metadata.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(members, ALWAYS.into_iter().chain(more.iter().copied()).collect());
}

#[test]
fn a_key_made_here_has_its_members_in_every_state() {
    let account = Account(fresh_account());
    let made = account.call("CreateKey", json!({}))["KeyMetadata"].clone();
    has_members(&made, &["CurrentKeyMaterialId"]);
    let key_id = made["KeyId"].as_str().unwrap();
    assert_eq!(
        [&made["Description"], &made["EncryptionAlgorithms"], &made["CustomerMasterKeySpec"], &made["MultiRegion"]],
        [&json!(""), &json!(["SYMMETRIC_DEFAULT"]), &json!("SYMMETRIC_DEFAULT"), &json!(false)]
    );
    let created = made["CreationDate"].as_f64().unwrap();
    assert!(
        (created * 1000.0).fract().abs() < 1e-3 || created.fract() != 0.0,
        "epoch seconds with milliseconds: {created}"
    );
    account.call("DisableKey", json!({"KeyId": key_id}));
    has_members(&account.describe(key_id), &["CurrentKeyMaterialId"]);
    let scheduled = account.call("ScheduleKeyDeletion", json!({"KeyId": key_id, "PendingWindowInDays": 7}));
    let members: BTreeSet<&str> = scheduled.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(members, BTreeSet::from(["DeletionDate", "KeyId", "KeyState", "PendingWindowInDays"]));
    assert!(scheduled["DeletionDate"].is_number());
    has_members(&account.describe(key_id), &["CurrentKeyMaterialId", "DeletionDate"]);
}

#[tokio::test]
async fn an_imported_key_has_its_members_in_every_state() {
    let account = Account(fresh_account());
    let sdk = client(Server::shared().endpoint(), &account.0, "us-east-1");
    let made = account.call("CreateKey", json!({"Origin": "EXTERNAL"}))["KeyMetadata"].clone();
    has_members(&made, &[]);
    let key_id = made["KeyId"].as_str().unwrap();
    import(&sdk, key_id, &material(1)).await.unwrap();
    let present = account.describe(key_id);
    has_members(&present, &["CurrentKeyMaterialId", "ExpirationModel"]);
    let deleted = account.call("DeleteImportedKeyMaterial", json!({"KeyId": key_id}));
    assert_eq!(deleted, json!({"KeyId": made["Arn"], "KeyMaterialId": present["CurrentKeyMaterialId"]}));
    has_members(&account.describe(key_id), &["CurrentKeyMaterialId"]);
    let again = account.call("DeleteImportedKeyMaterial", json!({"KeyId": key_id}));
    assert_eq!(again, json!({"KeyId": made["Arn"]}));
}

#[test]
fn the_answers_of_cryptographic_operations_have_no_empty_members() {
    let account = Account(fresh_account());
    let made = account.call("CreateKey", json!({}))["KeyMetadata"].clone();
    let members = |operation: &str, body: Value| {
        let answer = account.call(operation, body);
        let names: Vec<String> = answer.as_object().unwrap().keys().cloned().collect();
        (answer, BTreeSet::from_iter(names))
    };
    let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
    let key_id = &made["KeyId"];
    let (encrypted, names) = members("Encrypt", json!({"KeyId": key_id, "Plaintext": "aGVsbG8="}));
    assert_eq!(names, set(&["CiphertextBlob", "EncryptionAlgorithm", "KeyId"]));
    let (_, names) = members("Decrypt", json!({"CiphertextBlob": encrypted["CiphertextBlob"]}));
    assert_eq!(names, set(&["EncryptionAlgorithm", "KeyId", "KeyMaterialId", "Plaintext"]));
    let (_, names) = members("GenerateDataKey", json!({"KeyId": key_id, "KeySpec": "AES_256"}));
    assert_eq!(names, set(&["CiphertextBlob", "KeyId", "KeyMaterialId", "Plaintext"]));
    let (_, names) = members("GenerateDataKeyWithoutPlaintext", json!({"KeyId": key_id, "NumberOfBytes": 8}));
    assert_eq!(names, set(&["CiphertextBlob", "KeyId", "KeyMaterialId"]));
    assert_eq!(members("GenerateRandom", json!({"NumberOfBytes": 8})).1, set(&["Plaintext"]));
}
