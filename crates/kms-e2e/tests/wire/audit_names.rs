//! The audit records of aliases, tags and policies. Source: AWS KMS Developer Guide, "Logging AWS KMS API calls with AWS
//! CloudTrail", the examples of these operations.

use kms_e2e::{Server, fresh_account};
use serde_json::{Value, json};

use crate::audit::records;
use crate::http::send;
use crate::signer::Request;

/// Sends a request of the account and gives its record.
fn recorded(account: &str, operation: &str, body: Value) -> Value {
    let answer = send(&Request::of_account(account, operation, body));
    records(Server::shared().data_dir()).remove(answer.request_id()).expect("it is recorded")
}

fn new_key(account: &str) -> Value {
    send(&Request::of_account(account, "CreateKey", json!({}))).json()["KeyMetadata"].clone()
}

fn resources(record: &Value) -> Vec<&str> {
    record["resources"].as_array().unwrap().iter().map(|resource| resource["ARN"].as_str().unwrap()).collect()
}

#[test]
fn a_change_of_an_alias_names_alias_and_key() {
    let account = fresh_account();
    let (first, second) = (new_key(&account), new_key(&account));
    let alias = format!("arn:aws:kms:us-east-1:{account}:alias/x");
    let steps = [
        ("CreateAlias", json!({"AliasName": "alias/x", "TargetKeyId": first["KeyId"]}), &first),
        ("UpdateAlias", json!({"AliasName": "alias/x", "TargetKeyId": second["KeyId"]}), &second),
        ("DeleteAlias", json!({"AliasName": "alias/x"}), &second),
    ];
    for (operation, body, key) in steps {
        let record = recorded(&account, operation, body);
        assert_eq!(record["requestParameters"]["aliasName"], "alias/x");
        assert_eq!((&record["readOnly"], &record["responseElements"]), (&json!(false), &json!({"keyId": key["Arn"]})));
        assert_eq!(resources(&record), [key["Arn"].as_str().unwrap(), &alias], "{operation}");
        assert_eq!(record.get("errorCode"), None);
    }
    let record = recorded(&account, "DeleteAlias", json!({"AliasName": "alias/x"}));
    assert_eq!(record["errorCode"], "NotFoundException");
    assert_eq!((&record["responseElements"], resources(&record)), (&Value::Null, vec![alias.as_str()]));
}

#[test]
fn a_change_of_tags_names_its_key_and_shows_the_tags() {
    let account = fresh_account();
    let key = new_key(&account);
    let tags = json!([{"TagKey": "team", "TagValue": "ops"}]);
    let record = recorded(&account, "TagResource", json!({"KeyId": key["KeyId"], "Tags": tags}));
    let parameters = json!({"keyId": key["KeyId"], "tags": [{"tagKey": "team", "tagValue": "ops"}]});
    assert_eq!(record["requestParameters"], parameters);
    assert_eq!((&record["readOnly"], &record["responseElements"]), (&json!(false), &json!({"keyId": key["Arn"]})));
    let record = recorded(&account, "UntagResource", json!({"KeyId": key["Arn"], "TagKeys": ["team"]}));
    assert_eq!(record["requestParameters"], json!({"keyId": key["Arn"], "tagKeys": ["team"]}));
    assert_eq!(resources(&record), [key["Arn"].as_str().unwrap()]);
}

#[test]
fn lists_and_policies_are_read_only_and_their_answers_are_not_shown() {
    let account = fresh_account();
    let key = new_key(&account);
    for operation in ["ListAliases", "ListResourceTags", "ListKeyPolicies", "GetKeyPolicy"] {
        let record = recorded(&account, operation, json!({"KeyId": key["KeyId"]}));
        assert_eq!((&record["readOnly"], &record["responseElements"]), (&json!(true), &Value::Null), "{operation}");
        assert_eq!(resources(&record), [key["Arn"].as_str().unwrap()]);
        assert!(!record.to_string().contains("key-default-1"));
    }
    let record = recorded(&account, "ListAliases", json!({"Limit": 7}));
    assert_eq!((&record["requestParameters"], record.get("resources")), (&json!({"limit": 7}), None));
}
