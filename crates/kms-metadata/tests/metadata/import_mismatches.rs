//! The count of failed imports.

use time::macros::date;

use crate::fixture::{address, one};

#[test]
fn mismatches_are_counted_by_key_and_day_up_to_a_limit_and_forgotten_later() {
    let (one, address) = (one(), address());
    let (yesterday, today) = (date!(2026 - 11 - 23), date!(2026 - 11 - 24));
    let reserve = |day| one.node.write(|tx| tx.reserve_import_mismatch(&address, day, 2)).unwrap();
    assert!(reserve(yesterday));
    assert_eq!([reserve(today), reserve(today), reserve(today)], [true, true, false]);
    assert_eq!(one.node.write(|tx| tx.forget_import_mismatches(today)).unwrap(), 1);
    assert_eq!([reserve(yesterday), reserve(yesterday), reserve(yesterday)], [true, true, false]);
    assert!(!reserve(today));
}

#[test]
fn what_is_given_back_can_be_reserved_again_and_never_more() {
    let (one, address) = (one(), address());
    let today = date!(2026 - 11 - 24);
    let reserve = || one.node.write(|tx| tx.reserve_import_mismatch(&address, today, 2)).unwrap();
    let give_back = || one.node.write(|tx| tx.give_back_import_mismatch(&address, today)).unwrap();
    give_back();
    assert_eq!([reserve(), reserve(), reserve()], [true, true, false]);
    give_back();
    assert_eq!([reserve(), reserve()], [true, false]);
    give_back();
    give_back();
    assert_eq!([reserve(), reserve(), reserve()], [true, true, false]);
}

#[test]
fn requests_at_once_do_not_pass_the_limit_together() {
    let (one, address) = (one(), address());
    let today = date!(2026 - 11 - 24);
    let reserved = std::thread::scope(|scope| {
        let reserve = || one.node.write(|tx| tx.reserve_import_mismatch(&address, today, 3)).unwrap();
        let requests: Vec<_> = (0..8).map(|_| scope.spawn(reserve)).collect();
        requests.into_iter().map(|request| request.join().unwrap()).filter(|reserved| *reserved).count()
    });
    assert_eq!(reserved, 3);
}
