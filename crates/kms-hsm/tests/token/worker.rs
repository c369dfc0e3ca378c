//! What the other processes of a test do.

use std::io::Write;

use crate::place::Place;

/// Not a test of its own: tests start this binary again with the words of the work to do.
#[test]
#[ignore = "the work of other processes, started by tests"]
fn works() {
    let place = Place::of_worker();
    let words = std::env::var("KMS_HSM_TEST_WORDS").expect("words");
    let words: Vec<&str> = words.split(' ').collect();
    work(&place, &words);
    std::io::stdout().flush().unwrap();
}

fn work(_place: &Place, words: &[&str]) {
    panic!("unknown work: {words:?}");
}
