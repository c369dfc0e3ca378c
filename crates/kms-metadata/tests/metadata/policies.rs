//! Policies: given with a key, read back, gone with it.

use kms_metadata::MetadataError;

use crate::fixture::{assert_refused, one};

#[test]
fn a_policy_comes_back_as_it_was_written_and_goes_with_its_key() {
    let one = one();
    let (given, bare) = (one.node.with_key(), one.node.with_key());
    let document = "{\n\t\"Id\" : \"größer\"}";
    one.node.write(|tx| tx.insert_policy(&given.address, document)).unwrap();
    let find = |key: &kms_core::KeyFacts| one.node.read(|tx| tx.find_policy(&key.address)).unwrap();
    assert_eq!((find(&given).as_deref(), find(&bare)), (Some(document), None));
    let again = one.node.write(|tx| tx.insert_policy(&given.address, document));
    assert_eq!(again, Err(MetadataError::AlreadyExists("policies_pkey".into())));
    one.node.write(|tx| tx.delete_key(&given)).unwrap();
    assert_eq!(find(&given), None);
}

#[test]
fn the_database_refuses_a_policy_past_32768_bytes() {
    let one = one();
    let key = one.node.with_key();
    let insert = |document: &str| one.node.write(|tx| tx.insert_policy(&key.address, document));
    assert_refused(insert(""), "policies_document_length");
    assert_refused(insert(&"é".repeat(16_385)), "policies_document_length");
    insert(&"é".repeat(16_384)).unwrap();
}
