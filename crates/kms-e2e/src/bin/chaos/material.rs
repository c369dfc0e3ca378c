//! Material that clients import: made outside, so that what a key does with it can be computed outside.

use std::sync::{Arc, Mutex};

use aes_kw::{KeyInit, KwpAes256};
use anyhow::{Context, anyhow};
use aws_sdk_kms::types::AlgorithmSpec;
use kms_core::algorithm::DataKeyPairSpec;
use kms_core::key_spec::KeySpec;
use kms_core::wrapping::WrappingAlgorithm;
use kms_keypair::generate_data_key_pair;

use crate::blocking;
use crate::world::lock;

/// Numbers of materials that clients import into one key; the first one stays the key's.
pub(crate) const NUMBERS: [u8; 2] = [1, 2];

/// Bytes that fit a key spec.
pub(crate) struct Material {
    pub(crate) number: u8,
    /// A secret, or a private key as PKCS #8.
    pub(crate) bytes: Vec<u8>,
    /// DER SubjectPublicKeyInfo of a pair.
    pub(crate) public_key: Option<Vec<u8>>,
}

/// All materials of a spec, the same for all keys of it: bytes that several keys hold are nobody's but each key's own.
///
/// # Errors
/// The library makes no pair.
pub(crate) fn materials(spec: KeySpec) -> anyhow::Result<Vec<Arc<Material>>> {
    static MADE: Mutex<Vec<(KeySpec, Vec<Arc<Material>>)>> = Mutex::new(Vec::new());
    let find = || lock(&MADE).iter().find(|(made, _)| *made == spec).map(|(_, materials)| materials.clone());
    if let Some(materials) = find() {
        return Ok(materials);
    }
    let new =
        blocking(|| NUMBERS.map(|number| make(spec, number).map(Arc::new)).into_iter().collect::<Result<_, _>>())?;
    lock(&MADE).push((spec, new));
    find().context("the materials were just made")
}

fn make(spec: KeySpec, number: u8) -> anyhow::Result<Material> {
    if !spec.is_key_pair() {
        let bytes = spec.mac_algorithm().map_or(32, |algorithm| algorithm.tag_bytes());
        let byte = |index: usize| number.wrapping_mul(37).wrapping_add(index as u8);
        return Ok(Material { number, bytes: (0..bytes).map(byte).collect(), public_key: None });
    }
    let pair = DataKeyPairSpec::parse(spec.name()).context("no pairs of this spec are made")?;
    let pair = generate_data_key_pair(pair)?;
    Ok(Material { number, bytes: pair.private_key_pkcs8.to_vec(), public_key: Some(pair.public_key_spki) })
}

/// The client's half of an import. Source: key-states.md 5.6.
///
/// # Errors
/// The wrapping key is none, or the bytes are too long for it.
pub(crate) fn wrap(public_key: &[u8], algorithm: WrappingAlgorithm, bytes: &[u8]) -> anyhow::Result<Vec<u8>> {
    use WrappingAlgorithm::{RsaAesKeyWrapSha1, RsaAesKeyWrapSha256, RsaesOaepSha1};
    let oaep = match algorithm {
        RsaesOaepSha1 | RsaAesKeyWrapSha1 => AlgorithmSpec::RsaesOaepSha1,
        _ => AlgorithmSpec::RsaesOaepSha256,
    };
    if !matches!(algorithm, RsaAesKeyWrapSha1 | RsaAesKeyWrapSha256) {
        return kms_e2e::wrap(public_key, &oaep, bytes);
    }
    let mut key = [0; 32];
    getrandom::fill(&mut key)?;
    let mut buffer = vec![0; bytes.len().next_multiple_of(8) + 8];
    let wrapped = KwpAes256::new(&key.into()).wrap_key(bytes, &mut buffer);
    let wrapped = wrapped.map_err(|error| anyhow!("no key wrap: {error}"))?;
    Ok([kms_e2e::wrap(public_key, &oaep, &key)?, wrapped.to_vec()].concat())
}

#[cfg(test)]
mod tests {
    use kms_keypair::imported::parse_pkcs8;

    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn there_are_two_materials_of_a_spec_and_they_stay_the_same() {
        for spec in [KeySpec::SymmetricDefault, KeySpec::Hmac384, KeySpec::EccNistP521, KeySpec::EccNistEdwards25519] {
            let made = materials(spec).unwrap();
            assert_eq!(made.iter().map(|material| material.number).collect::<Vec<_>>(), NUMBERS);
            assert_ne!(made[0].bytes, made[1].bytes, "{spec}");
            assert!(Arc::ptr_eq(&made[0], &materials(spec).unwrap()[0]));
            if spec.is_key_pair() {
                let pair = parse_pkcs8(spec, &made[0].bytes).unwrap();
                assert_eq!(made[0].public_key.as_deref(), Some(pair.public_key.spki()));
            }
        }
    }
}
