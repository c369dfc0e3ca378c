//! What a token must hold.

use kms_core::ObjectId;
use kms_metadata::{MetadataError, TokenStore};
use uuid::Uuid;

use crate::fixture::{assert_refused, one};

fn store() -> TokenStore {
    TokenStore {
        token: "default".into(),
        deployment_id: Uuid::new_v4(),
        sentinel: ObjectId::random(),
        root: ObjectId::random(),
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
    let store = TokenStore { sentinel: same, root: same, ..store() };
    assert_refused(one.node.write(|tx| tx.insert_token_store(&store)), "token_stores_objects_differ");
}
