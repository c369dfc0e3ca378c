//! Wrapping keys: the pool, the binding to an import token, attempts, expiry.

use std::collections::HashSet;
use std::thread;

use kms_core::hsm::ObjectKind;
use kms_core::key_spec::WrappingKeySpec;
use kms_core::wrapping::WrappingAlgorithm;
use kms_core::{KeyAddress, ObjectId};
use kms_metadata::{MetadataError, WrappingKey};
use time::Duration;

use crate::fixture::{NOW, One, address, internal_object, one};

const SPEC: WrappingKeySpec = WrappingKeySpec::Rsa2048;
const ALGORITHM: WrappingAlgorithm = WrappingAlgorithm::RsaesOaepSha256;

/// A pair in the pool whose object is present.
fn pooled(one: &One) -> ObjectId {
    let object = internal_object(ObjectKind::Wrapping);
    one.node
        .write(|tx| {
            tx.insert_object(&object)?;
            tx.mark_present(object.id)?;
            tx.insert_wrapping_key(object.id, SPEC, ALGORITHM, &[1, 2, 3])
        })
        .unwrap();
    object.id
}

fn take(one: &One, address: &KeyAddress, token: u8) -> Option<WrappingKey> {
    let expires_at = NOW + Duration::days(1);
    one.node.write(|tx| tx.take_wrapping_key("default", SPEC, ALGORITHM, address, &[token; 32], expires_at)).unwrap()
}

#[test]
fn a_pair_is_taken_once_and_found_by_its_token() {
    let one = one();
    let (first, address) = (pooled(&one), address());
    let expected = WrappingKey {
        object_id: first,
        label: "strongroom/wrapping".into(),
        spec: SPEC,
        algorithm: ALGORITHM,
        public_key: vec![1, 2, 3],
        key: Some(address),
        expires_at: Some(NOW + Duration::days(1)),
        attempts: 0,
    };
    assert_eq!(take(&one, &address, 1), Some(expected.clone()));
    assert_eq!(take(&one, &address, 2), None);
    let find = |token: u8| one.node.read(|tx| tx.find_wrapping_key(&[token; 32])).unwrap();
    assert_eq!(find(1), Some(expected));
    assert_eq!(find(2), None);
}

#[test]
fn only_a_present_pair_of_the_right_form_is_taken() {
    let one = one();
    let unmade = internal_object(ObjectKind::Wrapping);
    one.node
        .write(|tx| {
            tx.insert_object(&unmade)?;
            tx.insert_wrapping_key(unmade.id, SPEC, ALGORITHM, &[1])
        })
        .unwrap();
    assert_eq!(take(&one, &address(), 1), None);
    let condemned = pooled(&one);
    one.node.write(|tx| tx.condemn(condemned)).unwrap();
    assert_eq!(take(&one, &address(), 1), None);
    pooled(&one);
    let other = one.node.write(|tx| {
        tx.take_wrapping_key(
            "default",
            WrappingKeySpec::Rsa4096,
            ALGORITHM,
            &address(),
            &[1; 32],
            NOW + Duration::days(1),
        )
    });
    assert_eq!(other, Ok(None));
}

#[test]
fn takers_at_the_same_time_get_pairs_of_their_own() {
    let one = one();
    for _ in 0..4 {
        pooled(&one);
    }
    let taken: Vec<_> = thread::scope(|scope| {
        let one = &one;
        let takers: Vec<_> = (0..6).map(|token| scope.spawn(move || take(one, &address(), token))).collect();
        takers.into_iter().filter_map(|taker| taker.join().unwrap()).collect()
    });
    let distinct: HashSet<_> = taken.iter().map(|pair| pair.object_id).collect();
    assert_eq!((taken.len(), distinct.len()), (4, 4));
}

#[test]
fn an_import_token_is_bound_to_one_pair() {
    let one = one();
    pooled(&one);
    pooled(&one);
    take(&one, &address(), 1).unwrap();
    let again = one.node.write(|tx| tx.take_wrapping_key("default", SPEC, ALGORITHM, &address(), &[1; 32], NOW));
    assert_eq!(again, Err(MetadataError::AlreadyExists("wrapping_keys_token_sha256_key".into())));
}

#[test]
fn attempts_are_counted_up_to_the_limit_and_no_further() {
    let one = one();
    let id = pooled(&one);
    let counts: HashSet<_> = thread::scope(|scope| {
        let reserve = || one.node.write(|tx| tx.reserve_attempt(id, 3)).unwrap();
        let tries: Vec<_> = (0..5).map(|_| scope.spawn(reserve)).collect();
        tries.into_iter().map(|attempt| attempt.join().unwrap()).collect()
    });
    assert_eq!(counts, HashSet::from([Some(1), Some(2), Some(3), None]));
    assert_eq!(one.node.write(|tx| tx.reserve_attempt(ObjectId::random(), 3)), Ok(None));
}

#[test]
fn the_depth_of_the_pool_counts_unbound_present_pairs() {
    let one = one();
    let depth = || one.node.read(|tx| tx.pool_depth("default")).unwrap();
    assert!(depth().is_empty());
    let condemned = pooled(&one);
    pooled(&one);
    pooled(&one);
    assert_eq!(depth(), [((SPEC, ALGORITHM), 3)].into());
    one.node.write(|tx| tx.condemn(condemned)).unwrap();
    assert_eq!(depth(), [((SPEC, ALGORITHM), 2)].into());
    take(&one, &address(), 1).unwrap();
    assert_eq!(depth(), [((SPEC, ALGORITHM), 1)].into());
}

#[test]
fn live_pairs_are_those_bound_not_expired_and_not_condemned() {
    let one = one();
    let address = address();
    let live = |now| one.node.read(|tx| tx.live_wrapping_keys(address.account, now)).unwrap();
    pooled(&one);
    pooled(&one);
    assert_eq!(live(NOW), 0);
    let first = take(&one, &address, 1).unwrap();
    take(&one, &address, 2).unwrap();
    assert_eq!(live(NOW), 2);
    assert_eq!(live(NOW + Duration::days(1)), 0);
    one.node.write(|tx| tx.condemn(first.object_id)).unwrap();
    assert_eq!(live(NOW), 1);
}

#[test]
fn pairs_are_spent_by_time_or_attempts_until_they_are_condemned() {
    let one = one();
    let spent = |now, limit| {
        let mut ids = one.node.read(|tx| tx.spent_wrapping_keys("default", now, limit, 9)).unwrap();
        ids.sort();
        ids
    };
    pooled(&one);
    pooled(&one);
    let first = take(&one, &address(), 1).unwrap().object_id;
    let unbound_never_expires = NOW + Duration::days(999);
    assert_eq!(spent(NOW, 1), []);
    assert_eq!(spent(unbound_never_expires, 1), [first]);
    let second = take(&one, &address(), 2).unwrap().object_id;
    one.node.write(|tx| tx.reserve_attempt(second, 9)).unwrap();
    assert_eq!(spent(NOW, 1), [second]);
    assert_eq!(spent(NOW, 2), []);
    one.node.write(|tx| tx.condemn(first)).unwrap();
    assert_eq!(spent(unbound_never_expires, 9), [second]);
}

#[test]
fn an_expired_pair_is_forgotten_only_after_it_is_destroyed() {
    let one = one();
    pooled(&one);
    let id = take(&one, &address(), 1).unwrap().object_id;
    let forget = |before| one.node.write(|tx| tx.forget_wrapping_keys(before)).unwrap();
    let later = NOW + Duration::days(31);
    assert_eq!(forget(later), 0);
    one.node.write(|tx| tx.condemn(id)).unwrap();
    one.node.write(|tx| tx.mark_destroyed(id)).unwrap();
    assert_eq!(forget(NOW + Duration::days(1)), 0, "it expires at that moment, not before");
    assert_eq!(forget(later), 1);
    assert_eq!(one.node.read(|tx| tx.find_wrapping_key(&[1; 32])).unwrap(), None);
}
