//! DeleteAlias.

use kms_core::Operation;
use kms_e2e::{Server, client, fresh_account, material};

use crate::calls::{Subject, call};
use crate::refusal::refused;
use crate::support::{REGION, encrypt, fresh, imported_key, new_alias, new_key, parameters};

#[tokio::test]
async fn an_alias_goes_and_its_key_stays() {
    let client = fresh();
    let key = new_key(&client).await;
    let (gone, kept) = (new_alias(&client, key.key_id()).await, new_alias(&client, key.key_id()).await);
    client.delete_alias().alias_name(&gone).send().await.unwrap();
    let listed = client.list_aliases().send().await.unwrap();
    let names: Vec<_> = listed.aliases().iter().map(|alias| alias.alias_name().unwrap()).collect();
    assert_eq!(names, [kept]);
    encrypt(&client, key.key_id()).await;
    assert_eq!(refused(client.delete_alias().alias_name(&gone).send().await).code, "NotFoundException");
    client.create_alias().alias_name(&gone).target_key_id(key.key_id()).send().await.expect("the name is free again");
}

#[tokio::test]
async fn it_works_in_every_state_of_the_key() {
    let client = fresh();
    for way in [Operation::DisableKey, Operation::DeleteImportedKeyMaterial, Operation::ScheduleKeyDeletion] {
        let key = imported_key(&client, 4).await;
        let parameters = parameters(&client, key.key_id()).await;
        let subject = Subject {
            key_id: key.key_id.clone(),
            alias: new_alias(&client, key.key_id()).await,
            ciphertext: encrypt(&client, key.key_id()).await,
            wrapped: parameters.wrap(&material(4)),
            token: parameters.token,
        };
        call(&client, way, &subject).await.unwrap();
        call(&client, Operation::DeleteAlias, &subject).await.unwrap();
        assert!(client.list_aliases().key_id(key.key_id()).send().await.unwrap().aliases().is_empty(), "{way}");
    }
}

#[tokio::test]
pub(crate) async fn an_alias_that_does_not_exist_is_not_found() {
    let account = fresh_account();
    let client = client(Server::shared().endpoint(), &account, REGION);
    let delete = |name: &str| client.delete_alias().alias_name(name).send();
    refused(delete("alias/x").await)
        .is("NotFoundException", format!("Alias arn:aws:kms:{REGION}:{account}:alias/x is not found."));
    assert!(refused(delete("x").await).message.unwrap().starts_with("Alias must start with the prefix"));
    let reserved = refused(delete("alias/aws/s3").await);
    assert_eq!((reserved.code.as_str(), reserved.message), ("NotAuthorizedException", None));
}
