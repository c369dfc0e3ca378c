//! Ciphertext blobs: read or refused; none opens under a key that sealed nothing.
#![no_main]

use kms_core::ciphertext_blob::ParsedBlob;
use kms_core::secret::SecretKey;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(blob) = ParsedBlob::parse(data) else { return };
    let _ = blob.kdf_input(b"");
    assert!(blob.open(&SecretKey::new([0x77; 32]), b"").is_err());
});
