//! The count of failed imports.

use time::macros::date;

use crate::fixture::{address, one};

#[test]
fn mismatches_are_counted_by_key_and_day_and_forgotten_later() {
    let (one, address) = (one(), address());
    let (yesterday, today) = (date!(2026 - 11 - 23), date!(2026 - 11 - 24));
    let count = |day| one.node.read(|tx| tx.import_mismatches(&address, day)).unwrap();
    assert_eq!(count(today), 0);
    for day in [yesterday, today, today] {
        one.node.write(|tx| tx.count_import_mismatch(&address, day)).unwrap();
    }
    assert_eq!((count(yesterday), count(today)), (1, 2));
    assert_eq!(one.node.write(|tx| tx.forget_import_mismatches(today)).unwrap(), 1);
    assert_eq!((count(yesterday), count(today)), (0, 2));
}
