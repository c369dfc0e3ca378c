//! Imported material: what is unwrapped, what is refused, and what stays behind.

use aes_kw::{KeyInit, KwpAes256};
use kms_core::hsm::{Identity, KeyKind, TokenObject, WrappedMaterial};
use kms_core::ids::ObjectId;
use kms_core::kdf::hmac_sha256;
use kms_core::key_spec::WrappingKeySpec;
use kms_core::material_id::fingerprint_input;
use kms_core::secret::SecretBytes;
use kms_core::wrapping::WrappingAlgorithm;
use kms_core::{Hsm, HsmError};
use kms_hsm::Token;
use rsa::PublicKey;
use rsa::pkcs8::DecodePublicKey;
use sha1::Sha1;
use sha2::Sha256;

use crate::place::{fresh, on_each_make};
use crate::witness::Witness;

/// Every way of wrapping that the token opens.
pub(crate) fn algorithms(token: &Token) -> impl Iterator<Item = WrappingAlgorithm> {
    WrappingAlgorithm::ALL.into_iter().filter(|algorithm| token.supports_wrapping(*algorithm))
}

/// A pair in the token and what a client does with its public half.
pub(crate) struct Pair {
    pub(crate) object: TokenObject,
    pub(crate) spec: WrappingKeySpec,
    pub(crate) algorithm: WrappingAlgorithm,
    pub(crate) public: PublicKey,
}

impl Pair {
    pub(crate) fn generate(token: &Token, spec: WrappingKeySpec, algorithm: WrappingAlgorithm) -> Self {
        let object = TokenObject::internal(ObjectId::random(), "wrapping");
        let der = token.generate_wrapping_pair(&object, spec, algorithm, &mut || true).unwrap();
        Self { object, spec, algorithm, public: PublicKey::from_public_key_der(&der).unwrap() }
    }

    pub(crate) fn wrap(&self, material: &[u8]) -> Vec<u8> {
        self.wrap_under(&[0x6b; 32], material)
    }

    pub(crate) fn wrap_under(&self, ephemeral: &[u8; 32], material: &[u8]) -> Vec<u8> {
        use WrappingAlgorithm::{RsaAesKeyWrapSha1, RsaAesKeyWrapSha256, RsaesOaepSha1};
        let follows = matches!(self.algorithm, RsaAesKeyWrapSha1 | RsaAesKeyWrapSha256);
        let first = if follows { ephemeral } else { material };
        let mut blob = match self.algorithm {
            RsaesOaepSha1 | RsaAesKeyWrapSha1 => self.public.oaep_encrypt::<Sha1>(first).unwrap(),
            _ => self.public.oaep_encrypt::<Sha256>(first).unwrap(),
        };
        if follows {
            let mut buffer = vec![0; material.len() + 16];
            blob.extend(KwpAes256::new(ephemeral.into()).wrap_key(material, &mut buffer).unwrap());
        }
        blob
    }

    pub(crate) fn wrapped<'a>(&'a self, encrypted: &'a [u8]) -> WrappedMaterial<'a> {
        WrappedMaterial { pair: &self.object, spec: self.spec, algorithm: self.algorithm, encrypted }
    }
}

#[test]
fn good_material_is_tried_then_kept_and_computes_what_it_should() {
    on_each_make(|place| {
        let token = place.token();
        let witness = Witness::open(place);
        for algorithm in algorithms(&token) {
            let pair = Pair::generate(&token, WrappingKeySpec::Rsa2048, algorithm);
            import(&token, &pair);
            assert_eq!(witness.session_objects(), 0, "{algorithm:?}");
        }
    });
}

#[test]
fn larger_pairs_work_too() {
    on_each_make(|place| {
        let token = place.token();
        for spec in [WrappingKeySpec::Rsa3072, WrappingKeySpec::Rsa4096] {
            for algorithm in [WrappingAlgorithm::RsaesOaepSha1, WrappingAlgorithm::RsaesOaepSha256] {
                import(&token, &Pair::generate(&token, spec, algorithm));
            }
        }
    });
}

pub(crate) fn import(token: &Token, pair: &Pair) {
    let (material, input) = ([0x17; 32], fingerprint_input());
    let blob = pair.wrap(&material);
    let expected = hmac_sha256(&material, &[&input]);
    let probed = token.probe_wrapped(&pair.wrapped(&blob), KeyKind::SYMMETRIC).unwrap();
    assert_eq!(probed, Identity::Mac(SecretBytes::new(expected.to_vec())));
    let object = fresh();
    token.unwrap_key(&pair.wrapped(&blob), &object, KeyKind::SYMMETRIC, &mut || true).unwrap();
    assert_eq!(*token.mac(&object, &input).unwrap().expose(), expected);
    token.destroy(object.id).unwrap();
    token.destroy(pair.object.id).unwrap();
    assert!(matches!(token.probe_wrapped(&pair.wrapped(&blob), KeyKind::SYMMETRIC), Err(HsmError::ObjectMissing)));
}

#[test]
fn bad_material_has_one_error_and_leaves_nothing() {
    on_each_make(|place| {
        let token = place.token();
        let witness = Witness::open(place);
        for algorithm in algorithms(&token) {
            let pair = Pair::generate(&token, WrappingKeySpec::Rsa2048, algorithm);
            let before = witness.token_objects();
            for (what, blob) in bad_blobs(&pair) {
                refuse(&token, &pair, &blob, &format!("{algorithm:?}: {what}"));
            }
            assert_eq!(witness.session_objects(), 0, "{algorithm:?}");
            assert_eq!(witness.token_objects(), before, "{algorithm:?}");
            import(&token, &pair);
        }
    });
}

fn refuse(token: &Token, pair: &Pair, blob: &[u8], what: &str) {
    let answer = token.probe_wrapped(&pair.wrapped(blob), KeyKind::SYMMETRIC);
    assert!(matches!(answer, Err(HsmError::BadWrappedMaterial)), "{what}: {:?}", answer.map(drop));
    let mut asked = false;
    let mut claim = || {
        asked = true;
        true
    };
    let answer = token.unwrap_key(&pair.wrapped(blob), &fresh(), KeyKind::SYMMETRIC, &mut claim);
    assert!(matches!(answer, Err(HsmError::BadWrappedMaterial)), "{what}: {answer:?}");
    assert!(!asked, "{what}: nothing wrong comes as far as the claim");
}

fn bad_blobs(pair: &Pair) -> Vec<(String, Vec<u8>)> {
    let good = pair.wrap(&[0x17; 32]);
    let mut bad: Vec<(String, Vec<u8>)> = [0, 1, 15, 16, 24, 31, 33, 40, 48, 64]
        .into_iter()
        // KWP carries one byte at least.
        .filter(|length| *length > 0 || pair.algorithm.fits_length(pair.spec, 256))
        .map(|length| (format!("material of {length} bytes"), pair.wrap(&vec![0x17; length])))
        .collect();
    for at in [0, 100, 255, good.len() - 1] {
        let mut flipped = good.clone();
        flipped[at] ^= 1;
        bad.push((format!("bit flipped in byte {at}"), flipped));
    }
    let mut above = good.clone();
    above[..256].fill(0xff);
    bad.push(("a block above the modulus".to_owned(), above));
    let mut zero = good.clone();
    zero[..256].fill(0);
    bad.push(("a block of zeros".to_owned(), zero));
    bad.push(("one byte short".to_owned(), good[..good.len() - 1].to_vec()));
    bad.push(("one byte long".to_owned(), [&good[..], &[0]].concat()));
    bad.push(("nothing".to_owned(), Vec::new()));
    bad
}

#[test]
fn material_wrapped_with_the_other_hash_is_refused() {
    on_each_make(|place| {
        let token = place.token();
        let pair = Pair::generate(&token, WrappingKeySpec::Rsa2048, WrappingAlgorithm::RsaesOaepSha256);
        refuse(&token, &pair, &pair.public.oaep_encrypt::<Sha1>(&[1; 32]).unwrap(), "SHA-1 for SHA-256");
        let pair = Pair::generate(&token, WrappingKeySpec::Rsa2048, WrappingAlgorithm::RsaesOaepSha1);
        refuse(&token, &pair, &pair.public.oaep_encrypt::<Sha256>(&[1; 32]).unwrap(), "SHA-256 for SHA-1");
    });
}

#[test]
fn a_lost_claim_keeps_neither_material_nor_pair() {
    on_each_make(|place| {
        let token = place.token();
        let pair = Pair::generate(&token, WrappingKeySpec::Rsa2048, WrappingAlgorithm::RsaesOaepSha256);
        let (before, blob) = (token.list().unwrap(), pair.wrap(&[1; 32]));
        let lost = token.unwrap_key(&pair.wrapped(&blob), &fresh(), KeyKind::SYMMETRIC, &mut || false);
        assert!(matches!(lost, Err(HsmError::ClaimLost)));
        let object = TokenObject::internal(ObjectId::random(), "wrapping");
        let lost = token.generate_wrapping_pair(&object, pair.spec, pair.algorithm, &mut || false);
        assert!(matches!(lost, Err(HsmError::ClaimLost)));
        assert_eq!(token.list().unwrap(), before);
    });
}

#[test]
fn what_no_token_here_serves_is_refused_before_anything_is_made() {
    on_each_make(|place| {
        let token = place.token();
        for algorithm in [WrappingAlgorithm::RsaesPkcs1V15, WrappingAlgorithm::Sm2Pke] {
            assert!(!token.supports_wrapping(algorithm));
            let refused = token.generate_wrapping_pair(&fresh(), WrappingKeySpec::Rsa2048, algorithm, &mut || true);
            assert!(matches!(refused, Err(HsmError::Unsupported(_))));
        }
    });
}
