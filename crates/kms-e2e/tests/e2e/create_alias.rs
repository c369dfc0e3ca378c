//! CreateAlias.

use aws_sdk_kms::Client;
use kms_e2e::{Server, client, fresh_account};

use crate::refusal::{outcome, refused};
use crate::support::{REGION, arn, fresh, fresh_alias, new_alias, new_external_key, new_key, now};

async fn targets(client: &Client) -> Vec<(String, String)> {
    let listed = client.list_aliases().send().await.unwrap();
    let pair = |alias: &aws_sdk_kms::types::AliasListEntry| {
        (alias.alias_name().unwrap().to_owned(), alias.target_key_id().unwrap().to_owned())
    };
    listed.aliases().iter().map(pair).collect()
}

#[tokio::test]
async fn a_key_gets_names_by_its_id_and_by_its_arn_in_every_state_but_one() {
    let account = fresh_account();
    let client = client(Server::shared().endpoint(), &account, REGION);
    let key = new_key(&client).await;
    let before = now().unix_timestamp();
    for (name, target) in [("alias/a", key.key_id()), ("alias/A", arn(&key)), ("alias/a/b_c-1", key.key_id())] {
        client.create_alias().alias_name(name).target_key_id(target).send().await.unwrap();
    }
    let listed = client.list_aliases().send().await.unwrap();
    for alias in listed.aliases() {
        let name = alias.alias_name().unwrap();
        assert_eq!(alias.alias_arn(), Some(format!("arn:aws:kms:{REGION}:{account}:{name}").as_str()));
        assert_eq!(alias.target_key_id(), Some(key.key_id()));
        assert_eq!(alias.creation_date(), alias.last_updated_date());
        assert!((before..=now().unix_timestamp()).contains(&alias.creation_date().unwrap().secs()));
    }
    assert_eq!(listed.aliases().len(), 3);
    let waiting = new_external_key(&client).await;
    new_alias(&client, waiting.key_id()).await;
}

#[tokio::test]
pub(crate) async fn a_name_is_given_once() {
    let account = fresh_account();
    let client = client(Server::shared().endpoint(), &account, REGION);
    let (first, second) = (new_key(&client).await, new_key(&client).await);
    let name = new_alias(&client, first.key_id()).await;
    let text = format!("An alias with the name arn:aws:kms:{REGION}:{account}:{name} already exists");
    for key in [&first, &second] {
        let call = client.create_alias().alias_name(&name).target_key_id(key.key_id());
        refused(call.send().await).is("AlreadyExistsException", text.as_str());
    }
    assert_eq!(targets(&client).await, [(name, first.key_id)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_that_want_one_name_at_once_exactly_one_gets_it() {
    let client = fresh();
    let name = fresh_alias();
    let mut calls = Vec::new();
    for _ in 0..8 {
        let (client, name, key) = (client.clone(), name.clone(), new_key(&client).await);
        calls.push(tokio::spawn(async move {
            let made = client.create_alias().alias_name(name).target_key_id(key.key_id()).send().await;
            outcome(made).map(|_| key.key_id)
        }));
    }
    let mut winners = Vec::new();
    for call in calls {
        match call.await.unwrap() {
            Ok(key_id) => winners.push((name.clone(), key_id)),
            Err(refusal) => assert_eq!(refusal.code, "AlreadyExistsException"),
        }
    }
    assert_eq!(winners.len(), 1);
    assert_eq!(targets(&client).await, winners);
}

#[tokio::test]
pub(crate) async fn a_name_follows_its_rules() {
    let client = fresh();
    let key = new_key(&client).await;
    let create = |name: &str| client.create_alias().alias_name(name).target_key_id(key.key_id()).send();
    refused(create("x").await).is(
        "ValidationException",
        "Alias must start with the prefix \"alias/\". Please see \
         https://docs.aws.amazon.com/kms/latest/developerguide/kms-alias.html",
    );
    refused(create("alias/a:b").await).is("ValidationException", "alias/a:b contains invalid characters for an alias");
    refused(create("alias/").await).is("InvalidAliasNameException", "The alias has a prefix and no name.");
    let reserved = refused(create("alias/aws/s3").await);
    assert_eq!((reserved.code.as_str(), reserved.message), ("NotAuthorizedException", None));
    let failed = "failed to satisfy constraint: Member must";
    refused(create("alias/a b").await).is(
        "ValidationException",
        format!(
            "1 validation error detected: Value 'alias/a b' at 'aliasName' {failed} satisfy regular expression pattern: \
             ^[a-zA-Z0-9:/_-]+$"
        ),
    );
    let long = format!("alias/{}", "x".repeat(251));
    refused(create(&long).await).is(
        "ValidationException",
        format!(
            "1 validation error detected: Value '{long}' at 'aliasName' {failed} have length less than or equal to 256"
        ),
    );
    create(&long[..256]).await.unwrap();
    assert_eq!(targets(&client).await.len(), 1, "what was refused made nothing");
}

#[tokio::test]
pub(crate) async fn a_key_has_at_most_50_aliases() {
    let client = fresh();
    let key = new_key(&client).await;
    for _ in 0..50 {
        new_alias(&client, key.key_id()).await;
    }
    let create = |name: String| client.create_alias().alias_name(name).target_key_id(key.key_id()).send();
    refused(create(fresh_alias()).await).is("LimitExceededException", "A key has at most 50 aliases.");
    let (taken, _) = targets(&client).await.remove(0);
    assert_eq!(refused(create(taken.clone()).await).code, "AlreadyExistsException");
    client.delete_alias().alias_name(taken).send().await.unwrap();
    create(fresh_alias()).await.unwrap();
}

#[tokio::test]
async fn a_key_that_is_gone_leaves_its_name_to_others() {
    let server = crate::support::timed().await;
    let client = kms_e2e::client(server.endpoint(), &fresh_account(), REGION);
    let (key, other) = (new_key(&client).await, new_key(&client).await);
    let name = new_alias(&client, key.key_id()).await;
    client.schedule_key_deletion().key_id(key.key_id()).pending_window_in_days(7).send().await.unwrap();
    assert_eq!(targets(&client).await, [(name.clone(), key.key_id.clone())], "while the window lasts it is the key's");
    server.set_clock_offset(8 * 86_400).unwrap();
    crate::support::eventually("the alias is gone with the key", async || targets(&client).await.is_empty()).await;
    client.create_alias().alias_name(&name).target_key_id(other.key_id()).send().await.unwrap();
    assert_eq!(targets(&client).await, [(name, other.key_id)]);
}
