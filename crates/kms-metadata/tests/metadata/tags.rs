//! Tags of keys: put, overwritten, taken off.

use kms_core::KeyFacts;

use crate::fixture::{One, assert_refused, one};

fn pairs(tags: &[(&str, &str)]) -> Vec<(String, String)> {
    tags.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

fn listed(one: &One, key: &KeyFacts) -> Vec<(String, String)> {
    one.node.read(|tx| tx.list_tags(key.address.region, key.address.key_id)).unwrap()
}

#[test]
fn a_tag_that_is_put_again_has_the_new_value_and_others_stay() {
    let one = one();
    let (key, other) = (one.node.with_key(), one.node.with_key());
    one.node.write(|tx| tx.put_tags(&key.address, &pairs(&[("b", "2"), ("a", "1")]))).unwrap();
    one.node.write(|tx| tx.put_tags(&other.address, &pairs(&[("a", "other")]))).unwrap();
    one.node.write(|tx| tx.put_tags(&key.address, &pairs(&[("a", ""), ("A", "ü")]))).unwrap();
    one.node.write(|tx| tx.put_tags(&key.address, &[])).unwrap();
    assert_eq!(listed(&one, &key), pairs(&[("A", "ü"), ("a", ""), ("b", "2")]));
    assert_eq!(listed(&one, &other), pairs(&[("a", "other")]));
}

#[test]
fn tags_are_taken_off_by_their_keys_and_absent_ones_are_passed_over() {
    let one = one();
    let (key, other) = (one.node.with_key(), one.node.with_key());
    for of in [&key, &other] {
        one.node.write(|tx| tx.put_tags(&of.address, &pairs(&[("a", "1"), ("b", "2")]))).unwrap();
    }
    one.node.write(|tx| tx.delete_tags(&key.address, &["a", "A", "c"])).unwrap();
    assert_eq!(listed(&one, &key), pairs(&[("b", "2")]));
    assert_eq!(listed(&one, &other), pairs(&[("a", "1"), ("b", "2")]));
}

#[test]
fn the_database_refuses_tags_that_are_too_long() {
    let one = one();
    let key = one.node.with_key();
    let put = |tag_key: String, value: String| one.node.write(|tx| tx.put_tags(&key.address, &[(tag_key, value)]));
    put("k".repeat(128), "v".repeat(256)).unwrap();
    assert_refused(put("k".repeat(129), String::new()), "tags_tag_key_length");
    assert_refused(put(String::new(), String::new()), "tags_tag_key_length");
    assert_refused(put("k".to_owned(), "v".repeat(257)), "tags_tag_value_length");
}
