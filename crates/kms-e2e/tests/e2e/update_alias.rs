//! UpdateAlias.

use aws_sdk_kms::Client;
use aws_sdk_kms::primitives::Blob;
use kms_e2e::{Server, client, fresh_account};

use crate::refusal::{outcome, refused};
use crate::support::{REGION, arn, describe, fresh, new_alias, new_key};

/// The key that an alias leads to.
async fn target(client: &Client, name: &str) -> String {
    let listed = client.list_aliases().limit(100).send().await.unwrap();
    let alias = listed.aliases().iter().find(|alias| alias.alias_name() == Some(name)).unwrap();
    alias.target_key_id().unwrap().to_owned()
}

#[tokio::test]
async fn an_alias_leads_to_its_new_key_and_keeps_its_birthday() {
    let client = fresh();
    let (old, new) = (new_key(&client).await, new_key(&client).await);
    let name = new_alias(&client, old.key_id()).await;
    let update = |key_id: &str| client.update_alias().alias_name(&name).target_key_id(key_id).send();
    tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    update(arn(&new)).await.unwrap();
    assert_eq!(target(&client, &name).await, new.key_id);
    let listed = client.list_aliases().key_id(new.key_id()).send().await.unwrap();
    let alias = &listed.aliases()[0];
    assert!(alias.creation_date().unwrap().as_nanos() < alias.last_updated_date().unwrap().as_nanos());
    assert!(client.list_aliases().key_id(old.key_id()).send().await.unwrap().aliases().is_empty());
    update(new.key_id()).await.expect("the same key again");
    assert_eq!(target(&client, &name).await, new.key_id);
}

#[tokio::test]
async fn what_is_called_by_the_alias_follows_it_at_once() {
    let client = fresh();
    let (a, b) = (new_key(&client).await, new_key(&client).await);
    let name = new_alias(&client, a.key_id()).await;
    let encrypt = || client.encrypt().key_id(&name).plaintext(Blob::new("hello")).send();
    assert_eq!(encrypt().await.unwrap().key_id(), a.arn());
    for number in 0..20 {
        let key = if number % 2 == 0 { &b } else { &a };
        client.update_alias().alias_name(&name).target_key_id(key.key_id()).send().await.unwrap();
        assert_eq!(encrypt().await.unwrap().key_id(), key.arn());
        assert_eq!(describe(&client, &name).await.arn(), key.arn());
    }
    client.delete_alias().alias_name(&name).send().await.unwrap();
    let text = format!("Alias {} is not found.", arn(&a).replace(&format!("key/{}", a.key_id()), &name));
    refused(encrypt().await).is("NotFoundException", text.as_str());
    refused(client.describe_key().key_id(&name).send().await).is("NotFoundException", text.as_str());
}

#[tokio::test]
async fn the_old_key_may_await_deletion_and_the_new_one_may_not() {
    let client = fresh();
    let (old, new) = (new_key(&client).await, new_key(&client).await);
    let name = new_alias(&client, old.key_id()).await;
    client.schedule_key_deletion().key_id(old.key_id()).send().await.unwrap();
    let update = |key_id: &str| client.update_alias().alias_name(&name).target_key_id(key_id).send();
    update(new.key_id()).await.unwrap();
    refused(update(old.key_id()).await).is("KMSInvalidStateException", format!("{} is pending deletion.", arn(&old)));
    assert_eq!(target(&client, &name).await, new.key_id);
}

#[tokio::test]
async fn an_alias_that_does_not_exist_is_not_found_before_any_key() {
    let account = fresh_account();
    let client = client(Server::shared().endpoint(), &account, REGION);
    let key = new_key(&client).await;
    let absent = kms_core::KeyId::random().to_string();
    for key_id in [key.key_id(), absent.as_str()] {
        refused(client.update_alias().alias_name("alias/x").target_key_id(key_id).send().await)
            .is("NotFoundException", format!("Alias arn:aws:kms:{REGION}:{account}:alias/x is not found."));
    }
    let reserved = refused(client.update_alias().alias_name("alias/aws/s3").target_key_id(key.key_id()).send().await);
    assert_eq!((reserved.code.as_str(), reserved.message), ("NotAuthorizedException", None));
}

#[tokio::test]
pub(crate) async fn a_key_with_50_aliases_takes_no_other() {
    let client = fresh();
    let (full, other) = (new_key(&client).await, new_key(&client).await);
    let mut name = String::new();
    for _ in 0..50 {
        name = new_alias(&client, full.key_id()).await;
    }
    let update = |name: &str| client.update_alias().alias_name(name).target_key_id(full.key_id()).send();
    update(&name).await.expect("one of its own");
    let of_other = new_alias(&client, other.key_id()).await;
    refused(update(&of_other).await).is("LimitExceededException", "A key has at most 50 aliases.");
    assert_eq!(target(&client, &of_other).await, other.key_id);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn keys_that_swap_an_alias_at_once_from_both_sides_never_wait_for_each_other() {
    let client = fresh();
    let (a, b) = (new_key(&client).await, new_key(&client).await);
    let names = [new_alias(&client, a.key_id()).await, new_alias(&client, b.key_id()).await];
    let mut calls = Vec::new();
    for number in 0..40 {
        let (client, name) = (client.clone(), names[number % 2].clone());
        let key_id = if number % 4 < 2 { b.key_id.clone() } else { a.key_id.clone() };
        calls.push(tokio::spawn(async move {
            outcome(client.update_alias().alias_name(name).target_key_id(key_id).send().await).map(drop)
        }));
    }
    for call in calls {
        call.await.unwrap().unwrap();
    }
    for name in names {
        let key_id = target(&client, &name).await;
        assert!([&a.key_id, &b.key_id].contains(&&key_id));
        let of_key = client.list_aliases().key_id(key_id).send().await.unwrap();
        assert!(of_key.aliases().iter().any(|alias| alias.alias_name() == Some(name.as_str())));
    }
}
