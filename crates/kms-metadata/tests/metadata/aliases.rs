//! Aliases: round trips, changes conditional on the target, lists, and what becomes of them with their key.

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use kms_core::{AccountId, KeyFacts, KeyId, Region};
use kms_metadata::{Alias, MetadataError};
use time::Duration as Span;

use crate::fixture::{NOW, One, assert_refused, one};

fn alias(name: &str, key: &KeyFacts) -> Alias {
    Alias { name: name.to_owned(), target: key.address, created_at: NOW, updated_at: NOW }
}

/// Inserts an alias of a key.
fn named(one: &One, name: &str, key: &KeyFacts) -> Alias {
    let alias = alias(name, key);
    assert!(one.node.write(|tx| tx.insert_alias(&alias)).unwrap());
    alias
}

fn find(one: &One, alias: &Alias) -> Option<Alias> {
    one.node.read(|tx| tx.find_alias(alias.target.region, alias.target.account, &alias.name)).unwrap()
}

#[test]
fn an_alias_is_found_in_its_own_account_and_region_only() {
    let one = one();
    let key = one.node.with_key();
    let alias = named(&one, "alias/Team/a_b-1", &key);
    assert_eq!(find(&one, &alias), Some(alias.clone()));
    let address = key.address;
    let elsewhere = Region::parse("eu-central-2").unwrap();
    let other = AccountId::parse("999999999999").unwrap();
    one.node
        .read(|tx| {
            assert_eq!(tx.find_alias(elsewhere, address.account, &alias.name)?, None);
            assert_eq!(tx.find_alias(address.region, other, &alias.name)?, None);
            for name in ["alias/team/a_b-1", "alias/Team/a_b-1\0", "", "\0"] {
                assert_eq!(tx.find_alias(address.region, address.account, name)?, None, "{name:?}");
            }
            Ok(())
        })
        .unwrap();
}

#[test]
fn a_name_is_given_once_and_the_first_stays() {
    let one = one();
    let (first, second) = (one.node.with_key(), one.node.with_key());
    let kept = named(&one, "alias/x", &first);
    assert!(!one.node.write(|tx| tx.insert_alias(&alias("alias/x", &second))).unwrap());
    assert_eq!(find(&one, &kept), Some(kept));
}

#[test]
fn of_two_that_insert_one_name_at_once_the_second_waits_and_is_told() {
    let one = one();
    let (first, second) = (one.node.with_key(), one.node.with_key());
    let (inserted, is_inserted) = mpsc::channel();
    thread::scope(|scope| {
        let (node, first) = (&one.node, &first);
        scope.spawn(move || {
            node.write(|tx| {
                assert!(tx.insert_alias(&alias("alias/x", first))?);
                inserted.send(()).unwrap();
                thread::sleep(Duration::from_millis(300));
                Ok(())
            })
            .unwrap();
        });
        is_inserted.recv().unwrap();
        assert!(!one.node.write(|tx| tx.insert_alias(&alias("alias/x", &second))).unwrap());
    });
    assert_eq!(find(&one, &alias("alias/x", &first)), Some(alias("alias/x", &first)));
}

#[test]
fn the_database_refuses_other_names_and_the_keys_of_other_accounts() {
    let one = one();
    let key = one.node.with_key();
    let insert = |alias: Alias| one.node.write(|tx| tx.insert_alias(&alias));
    for name in ["x", "alias/", "alias/with:colon", "alias/ä", "ALIAS/x", "alias/a b", "alias/a\n"] {
        assert_refused(insert(alias(name, &key)), "aliases_name_form");
    }
    assert_refused(insert(alias(&format!("alias/{}", "x".repeat(251)), &key)), "aliases_name_form");
    assert!(insert(alias(&format!("alias/{}", "x".repeat(250)), &key)).unwrap());
    let mut foreign = alias("alias/x", &key);
    foreign.target.account = AccountId::parse("999999999999").unwrap();
    assert_refused(insert(foreign), "aliases_target");
    let mut absent = alias("alias/x", &key);
    absent.target.key_id = KeyId::random();
    assert_refused(insert(absent), "aliases_target");
}

#[test]
fn an_alias_is_changed_and_deleted_only_as_it_was_read() {
    let one = one();
    let (old, new) = (one.node.with_key(), one.node.with_key());
    let read = named(&one, "alias/x", &old);
    let later = NOW + Span::seconds(1);
    one.node.write(|tx| tx.update_alias(&read, new.address.key_id, later)).unwrap();
    let moved = Alias { target: new.address, updated_at: later, ..read.clone() };
    assert_eq!(find(&one, &read), Some(moved.clone()));
    let update = one.node.write(|tx| tx.update_alias(&read, old.address.key_id, later));
    assert_eq!(update, Err(MetadataError::VersionChanged));
    assert_eq!(one.node.write(|tx| tx.delete_alias(&read)), Err(MetadataError::VersionChanged));
    one.node.write(|tx| tx.delete_alias(&moved)).unwrap();
    assert_eq!(find(&one, &read), None);
    assert_eq!(one.node.write(|tx| tx.delete_alias(&moved)), Err(MetadataError::VersionChanged));
}

#[test]
fn a_lock_that_was_waited_for_shows_where_the_alias_leads_now() {
    let one = one();
    let (old, new) = (one.node.with_key(), one.node.with_key());
    let read = named(&one, "alias/x", &old);
    let other = named(&one, "alias/y", &old);
    let lock = |alias: &Alias| {
        let (region, account) = (alias.target.region, alias.target.account);
        one.node.write(|tx| tx.lock_alias(region, account, &alias.name)).unwrap()
    };
    let (locked, is_locked) = mpsc::channel();
    thread::scope(|scope| {
        let (node, read, new) = (&one.node, &read, &new);
        scope.spawn(move || {
            node.write(|tx| {
                let alias = tx.lock_alias(read.target.region, read.target.account, &read.name)?.unwrap();
                locked.send(()).unwrap();
                thread::sleep(Duration::from_millis(300));
                tx.update_alias(&alias, new.address.key_id, NOW)
            })
            .unwrap();
        });
        is_locked.recv().unwrap();
        assert_eq!(lock(&other), Some(other.clone()), "another name is not waited for");
        assert_eq!(lock(read).map(|alias| alias.target), Some(new.address));
    });
    assert_eq!(lock(&alias("alias/z", &old)), None);
}

#[test]
fn aliases_are_listed_by_name_page_by_page_of_one_key_or_of_all() {
    let one = one();
    let (first, second) = (one.node.with_key(), one.node.with_key());
    for name in ["alias/b", "alias/B", "alias/a/2"] {
        named(&one, name, &first);
    }
    named(&one, "alias/a-2", &second);
    let names = |aliases: &[Alias]| aliases.iter().map(|alias| alias.name.clone()).collect::<Vec<_>>();
    let of_first = one.node.read(|tx| tx.aliases_of_key(&first.address)).unwrap();
    assert_eq!(names(&of_first), ["alias/B", "alias/a/2", "alias/b"]);
    let (region, account) = (first.address.region, first.address.account);
    let page = |target, after, limit| {
        names(&one.node.read(|tx| tx.list_aliases(region, account, target, after, limit)).unwrap())
    };
    assert_eq!(page(None, None, 3), ["alias/B", "alias/a-2", "alias/a/2"]);
    assert_eq!(page(None, Some("alias/a/2"), 3), ["alias/b"]);
    assert_eq!(page(Some(first.address.key_id), Some("alias/B"), 1), ["alias/a/2"]);
    assert_eq!(page(Some(second.address.key_id), None, 9), ["alias/a-2"]);
    assert_eq!(page(Some(KeyId::random()), None, 9), Vec::<String>::new());
    let other = AccountId::parse("999999999999").unwrap();
    assert_eq!(one.node.read(|tx| tx.list_aliases(region, other, None, None, 9)).unwrap(), []);
}

#[test]
fn the_aliases_of_a_key_go_with_it_and_those_of_others_stay() {
    let one = one();
    let (gone, kept) = (one.node.with_key(), one.node.with_key());
    let of_gone = named(&one, "alias/gone", &gone);
    let of_kept = named(&one, "alias/kept", &kept);
    one.node.write(|tx| tx.delete_key(&gone)).unwrap();
    assert_eq!(find(&one, &of_gone), None);
    assert_eq!(find(&one, &of_kept), Some(of_kept));
}
