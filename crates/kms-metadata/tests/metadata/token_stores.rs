//! What a token must hold.

use kms_core::{KeyId, ObjectId, Region};
use kms_metadata::{MetadataError, TokenStore};
use uuid::Uuid;

use crate::fixture::{assert_refused, one};

fn store() -> TokenStore {
    TokenStore {
        token: "default".into(),
        deployment_id: Uuid::new_v4(),
        sentinel: ObjectId::random(),
        root: Some(ObjectId::random()),
        established: false,
    }
}

#[test]
fn a_token_store_is_known_once_and_established_later() {
    let one = one();
    let store = store();
    let find = || one.node.read(|tx| tx.find_token_store("default")).unwrap();
    assert_eq!(find(), None);
    assert_eq!(one.node.write(|tx| tx.establish_token_store("default")), Err(MetadataError::NotFound));
    one.node.write(|tx| tx.insert_token_store(&store)).unwrap();
    assert_eq!(find(), Some(store.clone()));
    let again = one.node.write(|tx| tx.insert_token_store(&store));
    assert_eq!(again, Err(MetadataError::AlreadyExists("token_stores_pkey".into())));
    one.node.write(|tx| tx.establish_token_store("default")).unwrap();
    assert_eq!(find(), Some(TokenStore { established: true, ..store }));
}

#[test]
fn the_sentinel_is_not_the_root_key() {
    let one = one();
    let same = ObjectId::random();
    let store = TokenStore { sentinel: same, root: Some(same), ..store() };
    assert_refused(one.node.write(|tx| tx.insert_token_store(&store)), "token_stores_objects_differ");
}

#[test]
fn one_token_of_several_holds_the_root_key_and_is_named_first() {
    let one = one();
    let first = TokenStore { token: "z".into(), ..store() };
    let second = TokenStore { token: "a".into(), root: None, deployment_id: first.deployment_id, ..store() };
    let rival = TokenStore { token: "b".into(), ..store() };
    one.node.write(|tx| tx.insert_token_store(&second)).unwrap();
    one.node.write(|tx| tx.insert_token_store(&first)).unwrap();
    assert_eq!(
        one.node.write(|tx| tx.insert_token_store(&rival)),
        Err(MetadataError::AlreadyExists("token_stores_one_root".into()))
    );
    assert_eq!(one.node.read(|tx| tx.token_stores()).unwrap(), [first, second]);
}

#[test]
fn a_key_of_a_node_that_names_no_token_is_in_that_with_the_root_key() {
    let one = one();
    let without_token = "INSERT INTO keys (region, key_id, account, version, material_version, description, spec, usage, \
        origin, enabled, created_at, sealed_salt) VALUES ('eu-central-1', '12345678-1234-1234-1234-123456789012', \
        '111122223333', 1, 1, '', 'SYMMETRIC_DEFAULT', 'ENCRYPT_DECRYPT', 'EXTERNAL', true, now(), 'salt')";
    one.node.write(|tx| tx.insert_token_store(&TokenStore { token: "second".into(), root: None, ..store() })).unwrap();
    one.node.write(|tx| tx.insert_token_store(&store())).unwrap();
    one.database.execute(without_token);
    let (region, key_id) = (Region::parse("eu-central-1").unwrap(), "12345678-1234-1234-1234-123456789012");
    let found = one.node.read(|tx| tx.find_key(region, KeyId::parse(key_id).unwrap())).unwrap().unwrap();
    assert_eq!(found.facts.token, "default");
}
