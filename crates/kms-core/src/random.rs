//! Ids of requests and records, from random bytes of the operating system that are fetched 4 KiB at a time: a system call
//! for each id was 2 % of a request. Not for nonces: bytes that lie ready are given out twice when a virtual machine is
//! restored twice from one snapshot, which two ids may survive and two messages not.

use std::cell::RefCell;

use uuid::{Builder, Uuid};

const BUFFER: usize = 4_096;
const ID: usize = 16;

/// What a thread has fetched, and how much of it is given out.
struct Fetched {
    bytes: [u8; BUFFER],
    used: usize,
}

thread_local! {
    static FETCHED: RefCell<Fetched> = const { RefCell::new(Fetched { bytes: [0; BUFFER], used: BUFFER }) };
}

/// A random UUID (version 4) for what is neither secret nor a nonce.
///
/// # Panics
/// If the operating system gives no random bytes, as [`Uuid::new_v4`].
pub fn id() -> Uuid {
    // Nothing in `next` calls back, so it is never borrowed twice.
    Builder::from_random_bytes(FETCHED.with_borrow_mut(Fetched::next)).into_uuid()
}

impl Fetched {
    fn next(&mut self) -> [u8; ID] {
        if self.used == BUFFER {
            #[expect(clippy::expect_used, reason = "Linux gives random bytes at all times after boot")]
            getrandom::fill(&mut self.bytes).expect("the operating system gives random bytes");
            self.used = 0;
        }
        let mut id = [0; ID];
        id.copy_from_slice(&self.bytes[self.used..self.used + ID]);
        self.used += ID;
        id
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_id_is_given_out_twice_across_refills_and_threads() {
        let take = || (0..2_000).map(|_| id()).collect::<Vec<_>>();
        let other = std::thread::spawn(take);
        let mut all: HashSet<Uuid> = take().into_iter().collect();
        all.extend(other.join().unwrap());
        assert_eq!(all.len(), 4_000);
        assert!(all.iter().all(|id| id.get_version_num() == 4));
    }
}
