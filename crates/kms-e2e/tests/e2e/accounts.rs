//! Accounts and regions do not see each other.

use kms_core::Operation;
use kms_e2e::{Server, client, fresh_account};

use crate::calls::{Subject, call, operations_on_keys};
use crate::refusal::refused;
use crate::support::{REGION, arn, decrypt, encrypt, fresh, imported_key, new_alias, new_key};

#[tokio::test]
async fn a_key_of_another_account_is_unknown_by_its_id_and_denied_by_its_arn() {
    let owner = fresh();
    let key = imported_key(&owner, 9).await;
    let ciphertext = encrypt(&owner, key.key_id()).await;
    let account = fresh_account();
    let stranger = client(Server::shared().endpoint(), &account, REGION);
    let as_if_own = format!("arn:aws:kms:{REGION}:{account}:key/{}", key.key_id());
    let alias = new_alias(&stranger, new_key(&stranger).await.key_id()).await;
    for operation in operations_on_keys() {
        let mut subject = Subject {
            key_id: key.key_id.clone(),
            alias: alias.clone(),
            ciphertext: ciphertext.clone(),
            token: ciphertext.clone(),
            wrapped: ciphertext.clone(),
        };
        let by_id = call(&stranger, operation, &subject).await.unwrap_err();
        // A short id names a key of the caller's account: the foreign one must answer as if it did not exist.
        by_id.is("NotFoundException", format!("Key '{as_if_own}' does not exist"));
        subject.key_id = arn(&key).to_owned();
        let known = call(&stranger, operation, &subject).await.unwrap_err();
        known.is("AccessDeniedException", denial(&account, action(operation), "this resource"));
        subject.key_id = arn(&key).replace(key.key_id(), &kms_core::KeyId::random().to_string());
        let unknown = call(&stranger, operation, &subject).await.unwrap_err();
        assert_eq!(unknown.message, known.message, "an existing foreign key looks like one that does not exist");
    }
}

#[tokio::test]
pub(crate) async fn a_ciphertext_of_another_account_or_of_no_key_is_denied_in_the_same_words() {
    let owner = fresh();
    let key = new_key(&owner).await;
    let ciphertext = encrypt(&owner, key.key_id()).await;
    let account = fresh_account();
    let stranger = client(Server::shared().endpoint(), &account, REGION);
    let text = denial(&account, "Decrypt", "the resource associated with this ciphertext");
    let refusal = refused(stranger.decrypt().ciphertext_blob(ciphertext.clone()).send().await);
    refusal.is("AccessDeniedException", text.as_str());
    // The same bytes in a region where nobody has that key.
    let elsewhere = client(Server::shared().endpoint(), &account, "eu-west-1");
    let refusal = refused(elsewhere.decrypt().ciphertext_blob(ciphertext.clone()).send().await);
    refusal.is("AccessDeniedException", text.as_str());
    assert_eq!(decrypt(&owner, &ciphertext).await, b"hello");
}

#[tokio::test]
async fn a_list_shows_the_keys_of_its_own_account_and_region_alone() {
    let account = fresh_account();
    let [east, west] = [REGION, "eu-west-1"].map(|region| client(Server::shared().endpoint(), &account, region));
    let stranger = fresh();
    let (in_east, in_west) = (new_key(&east).await, new_key(&west).await);
    new_key(&stranger).await;
    for (client, key) in [(&east, &in_east), (&west, &in_west)] {
        let listed = client.list_keys().send().await.unwrap();
        let ids: Vec<_> = listed.keys().iter().map(|entry| entry.key_id().unwrap()).collect();
        assert_eq!(ids, [key.key_id()]);
    }
}

#[tokio::test]
async fn a_key_of_one_region_is_unknown_in_another() {
    let account = fresh_account();
    let [east, west] = [REGION, "eu-west-1"].map(|region| client(Server::shared().endpoint(), &account, region));
    let key = new_key(&east).await;
    assert_eq!(arn(&key), format!("arn:aws:kms:{REGION}:{account}:key/{}", key.key_id()));
    let there = arn(&key).replace(REGION, "eu-west-1");
    let by_id = refused(west.describe_key().key_id(key.key_id()).send().await);
    by_id.is("NotFoundException", format!("Key '{there}' does not exist"));
    let by_arn = refused(west.describe_key().key_id(arn(&key)).send().await);
    by_arn.is("NotFoundException", format!("Invalid arn {REGION}"));
    let ciphertext = encrypt(&east, key.key_id()).await;
    let refusal = refused(west.decrypt().key_id(key.key_id()).ciphertext_blob(ciphertext).send().await);
    refusal.is("NotFoundException", format!("Key '{there}' does not exist"));
}

/// What the caller would have to be allowed on the key that an operation names first.
fn action(operation: Operation) -> &'static str {
    if operation == Operation::ReEncrypt { "ReEncryptFrom" } else { operation.name() }
}

fn denial(account: &str, action: &str, resource: &str) -> String {
    format!(
        "User: arn:aws:iam::{account}:root is not authorized to perform: kms:{action} on {resource} because the \
         resource does not exist in this Region, no resource-based policies allow access, or a resource-based policy \
         explicitly denies access"
    )
}

#[tokio::test]
async fn each_account_and_region_has_aliases_of_its_own() {
    let account = fresh_account();
    let [east, west] = [REGION, "eu-west-1"].map(|region| client(Server::shared().endpoint(), &account, region));
    let stranger = fresh();
    for client in [&east, &west, &stranger] {
        let key = new_key(client).await;
        client.create_alias().alias_name("alias/same").target_key_id(key.key_id()).send().await.unwrap();
        let listed = client.list_aliases().send().await.unwrap();
        let targets: Vec<_> = listed.aliases().iter().map(|alias| alias.target_key_id().unwrap()).collect();
        assert_eq!(targets, [key.key_id()], "the others are not seen");
    }
    stranger.delete_alias().alias_name("alias/same").send().await.unwrap();
    assert_eq!(east.list_aliases().send().await.unwrap().aliases().len(), 1);
    let arn = format!("arn:aws:kms:{REGION}:{account}:alias/same");
    let refusal = refused(stranger.delete_alias().alias_name(&arn).send().await);
    assert_eq!(refusal.code, "ValidationException", "the alias of another account cannot even be named");
}
