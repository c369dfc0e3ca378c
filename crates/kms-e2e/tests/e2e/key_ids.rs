//! What may stand as `KeyId`, and what each wrong one is answered with.

use aws_sdk_kms::primitives::Blob;
use kms_core::{KeyId, Operation};

use crate::calls::{Subject, call, operations_on_keys};
use crate::refusal::refused;
use crate::support::{REGION, arn, encrypt, fresh, new_alias, new_key, state};

/// A subject with this key id and a ciphertext of some real key.
async fn subject(client: &aws_sdk_kms::Client, key_id: impl Into<String>) -> Subject {
    let key = new_key(client).await;
    let ciphertext = encrypt(client, key.key_id()).await;
    let alias = new_alias(client, key.key_id()).await;
    Subject { key_id: key_id.into(), alias, ciphertext, token: Blob::new("x"), wrapped: Blob::new("x") }
}

#[tokio::test]
pub(crate) async fn a_key_that_does_not_exist_is_not_found_by_any_operation() {
    let client = fresh();
    let key = new_key(&client).await;
    let account = key.aws_account_id().unwrap();
    let id = KeyId::random().to_string();
    let absent = format!("arn:aws:kms:{REGION}:{account}:key/{id}");
    for key_id in [id, absent.clone()] {
        let subject = subject(&client, key_id).await;
        for operation in operations_on_keys() {
            let refusal = call(&client, operation, &subject).await.unwrap_err();
            refusal.is("NotFoundException", format!("Key '{absent}' does not exist"));
        }
    }
}

#[tokio::test]
pub(crate) async fn an_alias_is_refused_where_only_keys_may_stand_and_not_found_elsewhere() {
    let client = fresh();
    let key = new_key(&client).await;
    let account = key.aws_account_id().unwrap();
    let alias_arn = format!("arn:aws:kms:{REGION}:{account}:alias/x");
    for alias in ["alias/x", alias_arn.as_str()] {
        let subject = subject(&client, alias).await;
        for operation in operations_on_keys() {
            let refusal = call(&client, operation, &subject).await.unwrap_err();
            match operation {
                Operation::CreateAlias | Operation::UpdateAlias => {
                    refusal.is("ValidationException", "Aliases must refer to keys. Not aliases");
                }
                _ if operation.takes_alias() => {
                    refusal.is("NotFoundException", format!("Alias {alias_arn} is not found."));
                }
                _ => refusal.is("InvalidArnException", "Key Aliases are not supported for this operation."),
            }
        }
    }
}

#[tokio::test]
async fn each_broken_key_id_has_its_text() {
    let client = fresh();
    let key = new_key(&client).await;
    let key_arn = arn(&key);
    let mrk = format!("mrk-{}", "0".repeat(32));
    let upper = key.key_id().to_uppercase();
    let in_key = format!("key/{}", key.key_id());
    let in_arn = |id: &str| key_arn.replace(key.key_id(), id);
    let not_found = [
        ("foo".to_owned(), "Invalid keyId 'foo'".to_owned()),
        ("mrk-fake".to_owned(), "Invalid keyId 'mrk-fake'".to_owned()),
        ("0".repeat(32), format!("Invalid keyId '{}'", "0".repeat(32))),
        (mrk.clone(), format!("Key '{}' does not exist", in_arn(&mrk))),
        (upper.clone(), format!("Key '{}' does not exist", in_arn(&upper))),
        (in_arn("foo"), "Invalid keyId foo".to_owned()),
        (key_arn.replace(REGION, "eu-west-1"), "Invalid arn eu-west-1".to_owned()),
        ("arn:aws:kms:eu-west-1:111122223333:alias/x".to_owned(), "Invalid arn eu-west-1".to_owned()),
        ("alias/a\0b".to_owned(), format!("Alias {} is not found.", key_arn.replace(&in_key, "alias/a\0b"))),
    ];
    for (key_id, text) in not_found {
        for operation in [Operation::DescribeKey, Operation::Encrypt, Operation::EnableKey] {
            if key_id.contains("alias/") && operation == Operation::EnableKey {
                continue;
            }
            let subject = Subject {
                key_id: key_id.clone(),
                alias: String::new(),
                ciphertext: Blob::new("x"),
                token: Blob::new("x"),
                wrapped: Blob::new("x"),
            };
            call(&client, operation, &subject).await.unwrap_err().is("NotFoundException", text.as_str());
        }
    }
}

#[tokio::test]
async fn a_key_id_outside_the_model_is_a_validation_error_with_every_violation() {
    let client = fresh();
    let long = "k".repeat(2049);
    let refusal = refused(client.describe_key().key_id(&long).send().await);
    refusal.is(
        "ValidationException",
        format!(
            "1 validation error detected: Value '{long}' at 'keyId' failed to satisfy constraint: Member must have \
             length less than or equal to 2048"
        ),
    );
    let refusal = refused(client.describe_key().key_id("ключ").send().await);
    refusal.is(
        "ValidationException",
        "1 validation error detected: Value 'ключ' at 'keyId' failed to satisfy constraint: Member must satisfy \
         regular expression pattern: ^\\p{ASCII}+$",
    );
}

#[tokio::test]
async fn a_key_is_found_by_its_id_and_by_its_arn() {
    let client = fresh();
    let key = new_key(&client).await;
    for name in [key.key_id(), arn(&key)] {
        assert_eq!(state(&client, name).await.as_str(), "Enabled");
    }
}
