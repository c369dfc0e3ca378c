//! ECDSA signatures: one encoding, both ways.
#![no_main]

use kms_keypair::{EcCurve, ecdsa_from_der, ecdsa_to_der, recovery_candidates};
use libfuzzer_sys::fuzz_target;
use strongroom_fuzz::spec_and_rest;

fuzz_target!(|data: &[u8]| {
    let Some((spec, bytes)) = spec_and_rest(data) else { return };
    let Some(curve) = EcCurve::of(spec) else { return };
    if let Ok(raw) = ecdsa_from_der(curve, bytes) {
        assert_eq!(ecdsa_to_der(curve, &raw).as_deref(), Ok(bytes));
        assert!(recovery_candidates(curve, (&[7; 32], &raw)).len() <= 4);
    }
    if let Ok(der) = ecdsa_to_der(curve, bytes) {
        assert_eq!(ecdsa_from_der(curve, &der).as_deref(), Ok(bytes));
    }
});
