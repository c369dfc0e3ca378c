//! Public keys: what is read is written back byte for byte.
#![no_main]

use kms_keypair::{PublicKey, peer_point};
use libfuzzer_sys::fuzz_target;
use strongroom_fuzz::spec_and_rest;

fuzz_target!(|data: &[u8]| {
    let Some((spec, bytes)) = spec_and_rest(data) else { return };
    if let Ok(key) = PublicKey::from_spki(spec, bytes) {
        assert_eq!(key.spki(), bytes);
        assert_eq!(PublicKey::from_raw(spec, key.raw()), Ok(key));
    }
    if let Ok(point) = peer_point(spec, bytes) {
        assert!(bytes.ends_with(&point));
    }
    if let Ok(key) = PublicKey::from_token_point(spec, bytes) {
        assert!(bytes.ends_with(key.raw()));
    }
    let _ = PublicKey::from_rsa_components(spec, bytes, &[1, 0, 1]);
});
