//! GetKeyPolicy.

use aws_sdk_kms::types::OriginType;
use kms_e2e::{Server, client, fresh_account};
use serde_json::{Value, json};

use crate::refusal::refused;
use crate::support::{REGION, arn, fresh, new_key};

#[tokio::test]
async fn the_default_policy_gives_everything_to_the_root_of_the_account() {
    let account = fresh_account();
    for (region, partition) in [(REGION, "aws"), ("cn-north-1", "aws-cn")] {
        let client = client(Server::shared().endpoint(), &account, region);
        let key = new_key(&client).await;
        for name in [None, Some("default".to_owned())] {
            let answer = client.get_key_policy().key_id(arn(&key)).set_policy_name(name).send().await.unwrap();
            assert_eq!(answer.policy_name(), Some("default"));
            let policy: Value = serde_json::from_str(answer.policy().unwrap()).unwrap();
            let expected = json!({
                "Version": "2012-10-17",
                "Id": "key-default-1",
                "Statement": [{
                    "Sid": "Enable IAM User Permissions",
                    "Effect": "Allow",
                    "Principal": {"AWS": format!("arn:{partition}:iam::{account}:root")},
                    "Action": "kms:*",
                    "Resource": "*",
                }],
            });
            assert_eq!(policy, expected);
        }
    }
}

#[tokio::test]
async fn the_policy_of_a_key_makes_another_key() {
    let client = fresh();
    let key = new_key(&client).await;
    client.schedule_key_deletion().key_id(key.key_id()).send().await.unwrap();
    let policy = client.get_key_policy().key_id(key.key_id()).send().await.unwrap().policy.unwrap();
    assert!(policy.starts_with("{\n  \"Version\" : \"2012-10-17\",\n"), "{policy}");
    client.create_key().policy(policy).send().await.unwrap();
}

#[tokio::test]
async fn a_policy_comes_back_as_it_was_given() {
    let account = fresh_account();
    let client = client(Server::shared().endpoint(), &account, REGION);
    let policy = format!(
        r#"{{"Statement": [{{"Action": ["kms:*"], "Sid": "größer", "Effect": "Allow", "Resource": "*",
        "Principal": {{"AWS": "{account}"}}}}], "Id": "mine"}}"#
    );
    for origin in [OriginType::AwsKms, OriginType::External] {
        let made = client.create_key().policy(&policy).origin(origin).send().await.unwrap().key_metadata.unwrap();
        let answer = client.get_key_policy().key_id(made.key_id()).send().await.unwrap();
        assert_eq!(answer.policy(), Some(policy.as_str()));
    }
}

#[tokio::test]
async fn another_policy_does_not_exist() {
    let client = fresh();
    let key = new_key(&client).await;
    let get = |name: &str| client.get_key_policy().key_id(key.key_id()).policy_name(name).send();
    for name in ["Default", "other", "AWS_RAM"] {
        refused(get(name).await).is("NotFoundException", "No such policy exists");
    }
    refused(get("invalid-name").await).is(
        "ValidationException",
        "1 validation error detected: Value 'invalid-name' at 'policyName' failed to satisfy constraint: Member must \
         satisfy regular expression pattern: [\\w]+",
    );
}
