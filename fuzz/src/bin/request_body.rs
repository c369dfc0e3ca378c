//! Bodies of requests: read or refused, for each operation.
#![no_main]

use kms_model::{OPERATIONS, read};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((first, body)) = data.split_first() else { return };
    let _ = read(&OPERATIONS[usize::from(*first) % OPERATIONS.len()], body);
});
