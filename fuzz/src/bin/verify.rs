//! Signatures under the key of each spec: the seeds of nobody, so that none verifies.
#![no_main]

use std::sync::LazyLock;

use kms_core::algorithm::{DataKeyPairSpec, SigningAlgorithm};
use kms_core::key_spec::KeySpec;
use kms_keypair::{PublicKey, SignInput, generate_data_key_pair};
use libfuzzer_sys::fuzz_target;

/// A fresh key of each spec that has data key pairs, and ML-DSA keys, which any bytes are.
static KEYS: LazyLock<Vec<PublicKey>> = LazyLock::new(|| {
    let pairs = DataKeyPairSpec::ALL.iter().filter_map(|spec| {
        let made = generate_data_key_pair(*spec).ok()?;
        PublicKey::from_spki(spec.key_spec(), &made.public_key_spki).ok()
    });
    let ml_dsa = [(KeySpec::MlDsa44, 1312), (KeySpec::MlDsa65, 1952), (KeySpec::MlDsa87, 2592)];
    let ml_dsa = ml_dsa.iter().filter_map(|(spec, bytes)| PublicKey::from_raw(*spec, &vec![0x5a; *bytes]).ok());
    pairs.chain(ml_dsa).collect()
});

fuzz_target!(|data: &[u8]| {
    let Some((first, signature)) = data.split_first() else { return };
    let key = &KEYS[usize::from(*first) % KEYS.len()];
    for algorithm in SigningAlgorithm::ALL {
        let digest = vec![3; algorithm.digest_bytes().unwrap_or(64)];
        for input in [SignInput::Raw(b"message"), SignInput::Digest(&digest), SignInput::ExternalMu(&[3; 64])] {
            assert!(key.verify(*algorithm, &input, signature).is_err());
        }
    }
});
