//! Key ids, aliases and their ARNs.
#![no_main]

use kms_core::key_ref::KeyRef;
use kms_core::{AccountId, Region};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let (Some(region), Some(account)) = (Region::parse("eu-central-1"), AccountId::parse("123456789012")) else {
        return;
    };
    let _ = KeyRef::parse(text, region, account);
});
