//! Imports of every kind of key: what is good is tried, kept and used, what is not leaves nothing, whatever it is wrapped in.

use std::collections::HashMap;

use kms_core::algorithm::{DataKeyPairSpec, EncryptionAlgorithm};
use kms_core::hsm::{Ability, Identity, KeyKind, TokenObject};
use kms_core::key_spec::{KeySpec, KeyUsage, WrappingKeySpec};
use kms_core::wrapping::WrappingAlgorithm;
use kms_core::{Hsm, HsmError};
use kms_hsm::Token;
use kms_keypair::generate_data_key_pair;
use rsa::pkcs8::{DecodePublicKey, EncodePrivateKey};
use sha2::Sha256;

use super::keys;
use super::wrapping::{Pair, algorithms};
use crate::outside;
use crate::place::{fresh, on_each_make};
use crate::witness::Witness;

/// Large enough for a P-521 key by OAEP alone.
const SIZE: WrappingKeySpec = WrappingKeySpec::Rsa3072;

/// What a client imports: the bytes, and its public half if it is a pair.
#[derive(Clone)]
struct Material {
    bytes: Vec<u8>,
    public: Option<Vec<u8>>,
}

fn material(spec: KeySpec) -> Material {
    if let Some(pair_spec) = DataKeyPairSpec::ALL.iter().find(|pair_spec| pair_spec.key_spec() == spec) {
        let pair = generate_data_key_pair(*pair_spec).unwrap();
        return Material { bytes: pair.private_key_pkcs8.to_vec(), public: Some(pair.public_key_spki) };
    }
    let length = spec.mac_algorithm().map_or(32, |algorithm| algorithm.tag_bytes());
    let mut bytes = vec![0; length];
    getrandom::fill(&mut bytes).unwrap();
    Material { bytes, public: None }
}

#[test]
fn every_key_comes_in_by_every_way_that_kms_has_and_works() {
    on_each_make(|place| {
        let token = place.token();
        let witness = Witness::open(place);
        let is_imported = |spec: KeySpec| algorithms(&token).any(|algorithm| algorithm.may_import(spec, SIZE));
        let specs = KeySpec::ALL.iter().copied().filter(|spec| is_imported(*spec));
        let materials: HashMap<KeySpec, Material> = specs.map(|spec| (spec, material(spec))).collect();
        for algorithm in algorithms(&token) {
            let pair = Pair::generate(&token, SIZE, algorithm);
            for kind in KeyKind::all().filter(|kind| algorithm.may_import(kind.spec, SIZE)) {
                match token.supports(Ability::Import(kind, algorithm)) {
                    Ok(()) => import(&token, &pair, kind, &materials[&kind.spec]),
                    Err(HsmError::Unsupported(reason)) => refuse(&token, &pair, kind, &materials[&kind.spec], reason),
                    Err(error) => panic!("{kind:?} {algorithm:?}: {error}"),
                }
                assert_eq!(witness.session_objects(), 0, "{kind:?} {algorithm:?}");
            }
        }
    });
}

/// What the token says it cannot import it refuses for the same reason, good as the material is.
fn refuse(token: &Token, pair: &Pair, kind: KeyKind, material: &Material, reason: &str) {
    let blob = pair.wrap(&material.bytes);
    let wrapped = pair.wrapped(&blob);
    let mut claim = || panic!("{kind:?}: what is refused comes not as far as the claim");
    for refused in
        [token.probe_wrapped(&wrapped, kind).map(drop), token.unwrap_key(&wrapped, &fresh(), kind, &mut claim)]
    {
        assert!(
            matches!(refused, Err(HsmError::Unsupported(said)) if said == reason),
            "{kind:?}: {refused:?} {reason}"
        );
    }
}

fn import(token: &Token, pair: &Pair, kind: KeyKind, material: &Material) {
    let what = format!("{kind:?} {:?}", pair.algorithm);
    let blob = pair.wrap(&material.bytes);
    let probed = token.probe_wrapped(&pair.wrapped(&blob), kind).unwrap_or_else(|error| panic!("{what}: {error}"));
    if let Some(public) = &material.public {
        assert_eq!(probed, Identity::PublicKey(public.clone()), "{what}");
    }
    let object = fresh();
    token
        .unwrap_key(&pair.wrapped(&blob), &object, kind, &mut || true)
        .unwrap_or_else(|error| panic!("{what}: {error}"));
    let public = material.public.as_deref();
    assert_eq!(token.identify(&object, kind, public).unwrap(), probed, "{what}");
    use_key(token, kind, &object, public.unwrap_or_default());
    token.destroy(object.id).unwrap();
    assert!(matches!(token.identify(&object, kind, public), Err(HsmError::ObjectMissing)), "{what}");
}

fn use_key(token: &Token, kind: KeyKind, object: &TokenObject, public: &[u8]) {
    match kind.usage {
        KeyUsage::SignVerify => {
            let algorithm = *kind.spec.signing_algorithms(kind.usage).first().unwrap();
            let input = vec![9; algorithm.digest_bytes().unwrap_or(100)];
            let signature = token.sign(object, algorithm, &input).unwrap();
            assert!(outside::verifies(kind.spec, public, algorithm, &input, &signature), "{kind:?}");
        }
        KeyUsage::EncryptDecrypt if kind != KeyKind::SYMMETRIC => {
            let key = rsa::PublicKey::from_public_key_der(public).unwrap();
            let ciphertext = key.oaep_encrypt::<Sha256>(b"plaintext").unwrap();
            let plaintext = token.decrypt(object, EncryptionAlgorithm::RsaesOaepSha256, &ciphertext).unwrap();
            assert_eq!(plaintext.expose(), b"plaintext", "{kind:?}");
            token.sign(object, kms_core::algorithm::SigningAlgorithm::RsassaPssSha256, &[1; 32]).unwrap_err();
        }
        KeyUsage::KeyAgreement => {
            let (peer, secret) = outside::peer_of(kind.spec, public);
            assert_eq!(token.derive_shared_secret(object, kind.spec, &peer).unwrap().expose(), secret, "{kind:?}");
        }
        _ => {}
    }
}

#[test]
fn imported_keys_have_the_same_powers_as_generated_ones() {
    on_each_make(|place| {
        let token = place.token();
        let witness = Witness::open(place);
        let pair = Pair::generate(&token, WrappingKeySpec::Rsa2048, WrappingAlgorithm::RsaAesKeyWrapSha256);
        let is_imported = |kind: &KeyKind| token.supports(Ability::Import(*kind, pair.algorithm)).is_ok();
        for kind in keys::kinds(&token).filter(is_imported) {
            if kind.spec == KeySpec::Rsa4096 || kind.spec == KeySpec::Rsa3072 {
                continue;
            }
            let (imported, generated) = (fresh(), fresh());
            let blob = pair.wrap(&material(kind.spec).bytes);
            token.unwrap_key(&pair.wrapped(&blob), &imported, kind, &mut || true).unwrap();
            token.generate_key(&generated, kind, &mut || true).unwrap();
            let [imported, generated] = [imported, generated].map(|object| witness.handle(object.id));
            assert_eq!(witness.granted(imported), witness.granted(generated), "{kind:?}");
            for attribute in [
                cryptoki::object::AttributeType::AllowedMechanisms,
                cryptoki::object::AttributeType::Sensitive,
                cryptoki::object::AttributeType::Extractable,
                cryptoki::object::AttributeType::Modifiable,
                cryptoki::object::AttributeType::Private,
                cryptoki::object::AttributeType::Token,
            ] {
                let read = |handle| witness.attributes(handle, &[attribute]);
                assert_eq!(read(imported), read(generated), "{kind:?}");
            }
            let change = cryptoki::object::Attribute::Extractable(true);
            witness.session().update_attributes(imported, &[change]).unwrap_err();
        }
    });
}

#[test]
fn material_of_another_kind_has_the_one_error_and_leaves_nothing() {
    on_each_make(|place| {
        let token = place.token();
        let witness = Witness::open(place);
        let bad = bad_materials();
        for algorithm in algorithms(&token) {
            let pair = Pair::generate(&token, SIZE, algorithm);
            let before = witness.token_objects();
            for (what, spec, bytes) in &bad {
                let is_direct = pair.algorithm.fits_length(pair.spec, 384);
                let usage = *KeyUsage::ALL.iter().find(|usage| spec.allows(**usage)).unwrap();
                let kind = KeyKind { spec: *spec, usage };
                if token.supports(Ability::Import(kind, algorithm)).is_err() || is_direct && bytes.len() > 384 - 66 {
                    continue;
                }
                let blob = pair.wrap(bytes);
                let probed = token.probe_wrapped(&pair.wrapped(&blob), kind);
                let what = format!("{what} as {spec}, {algorithm:?}");
                assert!(matches!(probed, Err(HsmError::BadWrappedMaterial)), "{what}: {probed:?}");
                let mut claim = || panic!("{what}: nothing wrong comes as far as the claim");
                let kept = token.unwrap_key(&pair.wrapped(&blob), &fresh(), kind, &mut claim);
                assert!(matches!(kept, Err(HsmError::BadWrappedMaterial)), "{what}: {kept:?}");
            }
            assert_eq!((witness.token_objects(), witness.session_objects()), (before, 0), "{algorithm:?}");
            let good = if pair.algorithm.may_import(KeySpec::Hmac256, pair.spec) {
                KeyKind { spec: KeySpec::Hmac256, usage: KeyUsage::GenerateVerifyMac }
            } else {
                KeyKind { spec: KeySpec::EccNistP256, usage: KeyUsage::SignVerify }
            };
            import(&token, &pair, good, &material(good.spec));
        }
    });
}

/// What is no material of the spec beside it.
fn bad_materials() -> Vec<(String, KeySpec, Vec<u8>)> {
    let mut bad = Vec::new();
    for spec in [KeySpec::Hmac224, KeySpec::Hmac256, KeySpec::Hmac384, KeySpec::Hmac512] {
        let shortest = spec.mac_algorithm().unwrap().tag_bytes();
        for length in [1, shortest - 1, 129, 136, 200] {
            bad.push((format!("{length} bytes"), spec, vec![0x17; length]));
        }
    }
    let curves = [
        KeySpec::EccNistP256,
        KeySpec::EccNistP384,
        KeySpec::EccNistP521,
        KeySpec::EccSecgP256K1,
        KeySpec::EccNistEdwards25519,
    ];
    for spec in curves {
        let good = material(spec).bytes;
        for other in curves.into_iter().filter(|other| *other != spec) {
            bad.push((format!("a key of {spec}"), other, good.clone()));
        }
        bad.push((format!("a key of {spec}"), KeySpec::Rsa2048, good.clone()));
        bad.push(("a key cut short".to_owned(), spec, good[..good.len() - 1].to_vec()));
        bad.push(("32 bytes".to_owned(), spec, vec![0x17; 32]));
        bad.push(("noise".to_owned(), spec, vec![0x30; good.len()]));
    }
    bad.extend(bad_rsa_keys());
    bad
}

fn bad_rsa_keys() -> Vec<(String, KeySpec, Vec<u8>)> {
    let good = material(KeySpec::Rsa2048).bytes;
    let small = rsa::PrivateKey::new_unchecked(&mut getrandom::SysRng, 1024).unwrap();
    let other_exponent =
        rsa::PrivateKey::new_with_exp(&mut getrandom::SysRng, 2048, rsa::BoxedUint::from(3_u8)).unwrap();
    let der = |key: &rsa::PrivateKey| key.to_pkcs8_der().unwrap().as_bytes().to_vec();
    vec![
        ("2048 bits".to_owned(), KeySpec::Rsa3072, good.clone()),
        ("2048 bits".to_owned(), KeySpec::Rsa4096, good.clone()),
        ("an RSA key".to_owned(), KeySpec::EccNistP256, good.clone()),
        ("an RSA key".to_owned(), KeySpec::EccNistEdwards25519, good.clone()),
        ("1024 bits".to_owned(), KeySpec::Rsa2048, der(&small)),
        ("an exponent of 3".to_owned(), KeySpec::Rsa2048, der(&other_exponent)),
        ("an RSA key cut short".to_owned(), KeySpec::Rsa2048, good[..good.len() - 1].to_vec()),
        ("an altered modulus".to_owned(), KeySpec::Rsa2048, flipped(&good, 100)),
        // One of them alone the token does not miss: it signs right with the other, so the key is the pair's.
        ("an altered exponent and prime".to_owned(), KeySpec::Rsa2048, flipped(&flipped(&good, 400), 700)),
    ]
}

fn flipped(bytes: &[u8], at: usize) -> Vec<u8> {
    let mut flipped = bytes.to_vec();
    flipped[at] ^= 0x10;
    flipped
}

#[test]
fn hmac_keys_of_every_length_between_the_bounds_come_in() {
    on_each_make(|place| {
        let token = place.token();
        let pairs = [WrappingAlgorithm::RsaesOaepSha1, WrappingAlgorithm::RsaesOaepSha256]
            .map(|algorithm| Pair::generate(&token, WrappingKeySpec::Rsa2048, algorithm));
        for spec in [KeySpec::Hmac224, KeySpec::Hmac256, KeySpec::Hmac384, KeySpec::Hmac512] {
            let kind = KeyKind { spec, usage: KeyUsage::GenerateVerifyMac };
            let shortest = spec.mac_algorithm().unwrap().tag_bytes();
            for length in [shortest, shortest + 1, 65, 127, 128] {
                let blobs = [0, 1].map(|index| pairs[index].wrap(&vec![0x2f; length]));
                let [by_sha1, by_sha256] =
                    [0, 1].map(|index| token.probe_wrapped(&pairs[index].wrapped(&blobs[index]), kind).unwrap());
                assert_eq!(by_sha1, by_sha256, "{spec} {length}");
            }
        }
    });
}

#[test]
fn errors_and_debug_show_nothing_of_material() {
    on_each_make(|place| {
        let token = place.token();
        let pair = Pair::generate(&token, WrappingKeySpec::Rsa2048, WrappingAlgorithm::RsaAesKeyWrapSha256);
        let kind = KeyKind { spec: KeySpec::EccNistP256, usage: KeyUsage::SignVerify };
        let secret = [0xd7; 138];
        let blob = pair.wrap(&secret);
        let error = token.probe_wrapped(&pair.wrapped(&blob), kind).unwrap_err();
        let mut shown = format!("{error} {error:?} {:?}", pair.wrapped(&blob));
        let hmac = KeyKind { spec: KeySpec::Hmac256, usage: KeyUsage::GenerateVerifyMac };
        let (object, oaep) = (fresh(), Pair::generate(&token, pair.spec, WrappingAlgorithm::RsaesOaepSha256));
        let blob = oaep.wrap(&secret[..40]);
        shown += &format!("{:?}", token.probe_wrapped(&oaep.wrapped(&blob), hmac).unwrap());
        token.unwrap_key(&oaep.wrapped(&blob), &object, hmac, &mut || true).unwrap();
        shown += &format!("{:?}", token.hmac(&object, hmac.spec.mac_algorithm().unwrap(), b"message").unwrap());
        for trace in ["d7d7", "D7D7", "215, 215", "0xd7"] {
            assert!(!shown.contains(trace), "{shown}");
        }
    });
}
