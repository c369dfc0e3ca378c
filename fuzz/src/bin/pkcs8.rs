//! Imported private keys: no input makes the reader panic, and what it takes has a public key that reads back.
#![no_main]

use kms_keypair::PublicKey;
use kms_keypair::imported::parse_pkcs8;
use libfuzzer_sys::fuzz_target;
use strongroom_fuzz::spec_and_rest;

fuzz_target!(|data: &[u8]| {
    let Some((spec, der)) = spec_and_rest(data) else { return };
    let Ok(pair) = parse_pkcs8(spec, der) else { return };
    assert_eq!(pair.public_key.spec(), spec);
    assert_eq!(PublicKey::from_spki(spec, pair.public_key.spki()).as_ref(), Ok(&pair.public_key));
});
