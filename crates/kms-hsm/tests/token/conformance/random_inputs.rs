//! What the token makes of a thousand random inputs of each algorithm, held against other implementations; and what others
//! made, by the token.

use cryptoki::mechanism::MechanismType;
use hmac::{Hmac, KeyInit, Mac};
use kms_core::Hsm;
use kms_core::algorithm::{EncryptionAlgorithm, MacAlgorithm};
use kms_core::hsm::{Ability, KeyKind};
use kms_core::key_spec::{KeySpec, KeyUsage};
use rsa::pkcs8::DecodePublicKey;
use sha1::Sha1;
use sha2::{Sha224, Sha256, Sha384, Sha512};

use super::keys::{kinds_of, make_pair};
use crate::outside;
use crate::place::{fresh, on_each_make};
use crate::witness::Witness;

mod reverse;

const INPUTS: usize = 1_000;

/// Every algorithm once: the larger RSA keys have the same, and `keys.rs` uses each of them.
fn is_chosen(kind: &KeyKind) -> bool {
    !matches!(kind.spec, KeySpec::Rsa3072 | KeySpec::Rsa4096 | KeySpec::SymmetricDefault)
}

fn random(length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    getrandom::fill(&mut bytes).unwrap();
    bytes
}

/// Of up to `most` bytes.
fn message(most: u16) -> Vec<u8> {
    let length = u16::from_le_bytes(random(2).try_into().unwrap()) % (most + 1);
    random(length.into())
}

#[test]
fn signatures_of_random_inputs_verify_outside() {
    on_each_make(|place| {
        let token = place.token();
        for kind in kinds_of(&token, KeyUsage::SignVerify).filter(is_chosen) {
            let (object, der) = make_pair(&token, kind);
            let own = kind.spec.signing_algorithms(kind.usage).iter().copied();
            for algorithm in own.filter(|algorithm| token.supports(Ability::Sign(kind.spec, *algorithm)).is_ok()) {
                for _ in 0..INPUTS {
                    let input = algorithm.digest_bytes().map_or_else(|| message(4096), random);
                    let signature = token.sign(&object, algorithm, &input).unwrap();
                    let is_right = outside::verifies(kind.spec, &der, algorithm, &input, &signature);
                    assert!(is_right, "{kind:?} {algorithm} {input:02x?}");
                }
            }
        }
    });
}

#[test]
fn macs_of_random_messages_are_those_of_another_implementation() {
    on_each_make(|place| {
        let token = place.token();
        let witness = Witness::open(place);
        for kind in kinds_of(&token, KeyUsage::GenerateVerifyMac) {
            let algorithm = kind.spec.mac_algorithm().unwrap();
            let (object, key) = (fresh(), random(algorithm.tag_bytes()));
            witness.put_secret(&object, mechanism(algorithm), &key);
            for _ in 0..INPUTS {
                let message = message(4096);
                let tag = token.hmac(&object, algorithm, &message).unwrap();
                assert_eq!(tag.expose(), mac_outside(algorithm, &key, &message), "{algorithm} {message:02x?}");
            }
        }
    });
}

fn mechanism(algorithm: MacAlgorithm) -> MechanismType {
    match algorithm {
        MacAlgorithm::HmacSha224 => MechanismType::SHA224_HMAC,
        MacAlgorithm::HmacSha256 => MechanismType::SHA256_HMAC,
        MacAlgorithm::HmacSha384 => MechanismType::SHA384_HMAC,
        MacAlgorithm::HmacSha512 => MechanismType::SHA512_HMAC,
    }
}

fn mac_outside(algorithm: MacAlgorithm, key: &[u8], message: &[u8]) -> Vec<u8> {
    fn mac<M: Mac + KeyInit>(key: &[u8], message: &[u8]) -> Vec<u8> {
        let mut mac = <M as KeyInit>::new_from_slice(key).unwrap();
        mac.update(message);
        mac.finalize().into_bytes().to_vec()
    }
    match algorithm {
        MacAlgorithm::HmacSha224 => mac::<Hmac<Sha224>>(key, message),
        MacAlgorithm::HmacSha256 => mac::<Hmac<Sha256>>(key, message),
        MacAlgorithm::HmacSha384 => mac::<Hmac<Sha384>>(key, message),
        MacAlgorithm::HmacSha512 => mac::<Hmac<Sha512>>(key, message),
    }
}

#[test]
fn random_messages_encrypted_outside_decrypt_in_the_token() {
    on_each_make(|place| {
        let token = place.token();
        for kind in kinds_of(&token, KeyUsage::EncryptDecrypt).filter(is_chosen) {
            let (object, der) = make_pair(&token, kind);
            let public = rsa::PublicKey::from_public_key_der(&der).unwrap();
            for _ in 0..INPUTS {
                let message = message(190);
                for (algorithm, ciphertext) in [
                    (EncryptionAlgorithm::RsaesOaepSha1, public.oaep_encrypt::<Sha1>(&message).unwrap()),
                    (EncryptionAlgorithm::RsaesOaepSha256, public.oaep_encrypt::<Sha256>(&message).unwrap()),
                ] {
                    let plaintext = token.decrypt(&object, algorithm, &ciphertext).unwrap();
                    assert_eq!(plaintext.expose(), message, "{algorithm} {ciphertext:02x?}");
                }
            }
        }
    });
}

#[test]
fn random_peers_find_the_secret_that_the_token_finds() {
    on_each_make(|place| {
        let token = place.token();
        for kind in kinds_of(&token, KeyUsage::KeyAgreement) {
            let (object, der) = make_pair(&token, kind);
            for _ in 0..INPUTS {
                let scalar = random(66);
                let (peer, secret) = outside::peer_with(kind.spec, &der, &scalar);
                let found = token.derive_shared_secret(&object, kind.spec, &peer).unwrap();
                assert_eq!(found.expose(), secret, "{kind:?} {scalar:02x?}");
            }
        }
    });
}

#[test]
fn random_secrets_encapsulated_outside_are_found_in_the_token() {
    on_each_make(|place| {
        let token = place.token();
        for kind in kinds_of(&token, KeyUsage::EncapsulateDecapsulate) {
            let (object, der) = make_pair(&token, kind);
            for _ in 0..INPUTS {
                let (ciphertext, secret) = outside::encapsulate(kind.spec, &der, random(32).try_into().unwrap());
                let found = token.decapsulate(&object, kind.spec, &ciphertext).unwrap();
                assert_eq!(found.expose(), secret, "{kind:?} {ciphertext:02x?}");
            }
        }
    });
}
