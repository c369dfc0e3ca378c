//! Keys of every kind that SoftHSM serves: made in the token, used, and what they give held against other
//! implementations of the same mathematics.

use cryptoki::mechanism::MechanismType;
use cryptoki::object::{Attribute, AttributeType};
use kms_core::algorithm::{EncryptionAlgorithm, MacAlgorithm, SigningAlgorithm};
use kms_core::hsm::{Ability, Identity, KeyKind, TokenObject};
use kms_core::key_spec::{KeySpec, KeyUsage};
use kms_core::material_id::fingerprint_input_of;
use kms_core::{Hsm, HsmError};
use kms_hsm::Token;
use p256::elliptic_curve::sec1::ToSec1Point;
use rsa::pkcs8::DecodePublicKey;
use sha1::Sha1;
use sha2::Sha256;

use crate::outside;
use crate::place::{fresh, own_process};
use crate::witness::Witness;

fn kind(spec: KeySpec, usage: KeyUsage) -> KeyKind {
    KeyKind { spec, usage }
}

pub(crate) fn kinds_of(usage: KeyUsage) -> impl Iterator<Item = KeyKind> {
    KeyKind::all().filter(move |kind| kind.usage == usage && is_served(kind.spec))
}

/// All but the post-quantum specs and SM2.
pub(crate) fn is_served(spec: KeySpec) -> bool {
    !spec.name().starts_with("ML_") && spec != KeySpec::Sm2
}

fn make(token: &Token, kind: KeyKind) -> (TokenObject, Option<Vec<u8>>) {
    let object = fresh();
    let made = token.generate_key(&object, kind, &mut || true);
    (object, made.unwrap_or_else(|error| panic!("{kind:?}: {error}")))
}

pub(crate) fn make_pair(token: &Token, kind: KeyKind) -> (TokenObject, Vec<u8>) {
    let (object, public_key) = make(token, kind);
    (object, public_key.unwrap())
}

#[test]
fn softhsm_makes_every_key_that_is_promised_and_refuses_the_rest_with_a_reason() {
    own_process(|place| {
        let token = place.token();
        for kind in KeyKind::all() {
            let supported = token.supports(Ability::Generate(kind));
            assert_eq!(supported.is_ok(), is_served(kind.spec), "{kind:?} {supported:?}");
            for algorithm in kind.spec.signing_algorithms(kind.usage) {
                let offered = token.supports(Ability::Sign(kind.spec, *algorithm)).is_ok();
                let wanted = is_served(kind.spec) && *algorithm != SigningAlgorithm::Ed25519PhSha512;
                assert_eq!(offered, wanted, "{kind:?} {algorithm}");
            }
            if !is_served(kind.spec) {
                let refused = token.generate_key(&fresh(), kind, &mut || true);
                assert!(matches!(refused, Err(HsmError::Unsupported(_))), "{kind:?}");
            }
        }
        assert_eq!(token.list().unwrap().len(), 1, "nothing but the root key");
    });
}

#[test]
fn hmac_keys_compute_full_tags_and_their_own_fingerprint() {
    own_process(|place| {
        let token = place.token();
        for kind in kinds_of(KeyUsage::GenerateVerifyMac) {
            let algorithm = kind.spec.mac_algorithm().unwrap();
            let (object, public_key) = make(&token, kind);
            assert_eq!(public_key, None);
            for length in [0, 1, 55, 4096] {
                let tag = token.hmac(&object, algorithm, &vec![7; length]).unwrap();
                assert_eq!(tag.len(), algorithm.tag_bytes());
                assert_eq!(token.hmac(&object, algorithm, &vec![7; length]).unwrap(), tag);
                assert!(token.hmac(&object, algorithm, &vec![8; length + 1]).unwrap() != tag);
            }
            let fingerprint = token.hmac(&object, algorithm, &fingerprint_input_of(kind.spec)).unwrap();
            assert_eq!(token.identify(&object, kind, None).unwrap(), Identity::Mac(fingerprint));
            for other in MacAlgorithm::ALL.iter().filter(|other| **other != algorithm) {
                token.hmac(&object, *other, b"message").unwrap_err();
            }
            token.hmac(&object, algorithm, b"the session still works").unwrap();
            token.destroy(object.id).unwrap();
            assert!(matches!(token.hmac(&object, algorithm, b""), Err(HsmError::ObjectMissing)));
        }
    });
}

#[test]
fn signatures_verify_outside_and_under_no_other_input_or_key() {
    own_process(|place| {
        let token = place.token();
        let witness = Witness::open(place);
        for kind in kinds_of(KeyUsage::SignVerify) {
            let ((object, der), before) = (make_pair(&token, kind), witness.token_objects());
            let (other, other_der) = make_pair(&token, kind);
            assert_eq!(witness.token_objects(), before + 1, "the public half is no token object");
            for algorithm in kind.spec.signing_algorithms(kind.usage) {
                let input = vec![0x5c; algorithm.digest_bytes().unwrap_or(4096)];
                let wrong = vec![0x5d; input.len()];
                let signature = match token.sign(&object, *algorithm, &input) {
                    Ok(signature) => signature,
                    Err(HsmError::Unsupported(_)) if *algorithm == SigningAlgorithm::Ed25519PhSha512 => continue,
                    Err(error) => panic!("{kind:?} {algorithm}: {error}"),
                };
                let verifies = |der, input, signature| outside::verifies(kind.spec, der, *algorithm, input, signature);
                assert!(verifies(&der, &input, &signature), "{kind:?} {algorithm}");
                assert!(!verifies(&der, &wrong, &signature), "{kind:?} {algorithm}: another input");
                assert!(!verifies(&other_der, &input, &signature), "{kind:?} {algorithm}: another key");
                if algorithm.digest_bytes().is_some() {
                    for length in [0, input.len() - 1, input.len() + 1] {
                        let refused = token.sign(&object, *algorithm, &vec![1; length]);
                        assert!(matches!(refused, Err(HsmError::BadInput(_))), "{kind:?} {algorithm} {length}");
                    }
                }
            }
            is_identified(&token, kind, (&object, &der), &other_der);
            token.destroy(object.id).unwrap();
            token.destroy(other.id).unwrap();
            let algorithm = kind.spec.signing_algorithms(kind.usage)[0];
            let gone = token.sign(&object, algorithm, &vec![1; algorithm.digest_bytes().unwrap_or(1)]);
            assert!(matches!(gone, Err(HsmError::ObjectMissing)), "{gone:?}");
            assert_eq!(witness.session_objects(), 0);
        }
    });
}

/// The object proves itself with its own public key and with no other.
fn is_identified(token: &Token, kind: KeyKind, (object, der): (&TokenObject, &[u8]), other_der: &[u8]) {
    assert_eq!(token.identify(object, kind, Some(der)).unwrap(), Identity::PublicKey(der.to_vec()));
    for wrong in [Some(other_der), Some(&b"no key"[..]), None] {
        let refused = token.identify(object, kind, wrong);
        assert!(matches!(refused, Err(HsmError::ObjectMismatch)), "{kind:?} {refused:?}");
    }
}

#[test]
fn a_key_signs_with_the_algorithms_of_its_own_spec_only() {
    own_process(|place| {
        let token = place.token();
        let (curve, _) = make_pair(&token, kind(KeySpec::EccNistP256, KeyUsage::SignVerify));
        let (rsa, _) = make_pair(&token, kind(KeySpec::Rsa2048, KeyUsage::SignVerify));
        let (agreement, der) = make_pair(&token, kind(KeySpec::EccNistP256, KeyUsage::KeyAgreement));
        let (decryption, _) = make_pair(&token, kind(KeySpec::Rsa2048, KeyUsage::EncryptDecrypt));
        for (object, algorithm) in [
            (&curve, SigningAlgorithm::RsassaPssSha256),
            (&curve, SigningAlgorithm::Ed25519Sha512),
            (&rsa, SigningAlgorithm::EcdsaSha256),
            (&agreement, SigningAlgorithm::EcdsaSha256),
            (&decryption, SigningAlgorithm::RsassaPkcs1V15Sha256),
        ] {
            token.sign(object, algorithm, &[1; 32]).unwrap_err();
        }
        let point = &der[der.len() - 65..];
        token.derive_shared_secret(&curve, KeySpec::EccNistP256, point).unwrap_err();
        token.decrypt(&rsa, EncryptionAlgorithm::RsaesOaepSha1, &[1; 256]).unwrap_err();
        token.sign(&curve, SigningAlgorithm::EcdsaSha256, &[1; 32]).unwrap();
    });
}

#[test]
fn rsa_keys_decrypt_what_was_encrypted_outside_and_nothing_else() {
    own_process(|place| {
        let token = place.token();
        for kind in kinds_of(KeyUsage::EncryptDecrypt).filter(|kind| *kind != KeyKind::SYMMETRIC) {
            let (object, der) = make_pair(&token, kind);
            let (other, other_der) = make_pair(&token, kind);
            let public = rsa::PublicKey::from_public_key_der(&der).unwrap();
            for (algorithm, overhead) in
                [(EncryptionAlgorithm::RsaesOaepSha1, 42), (EncryptionAlgorithm::RsaesOaepSha256, 66)]
            {
                let encrypt = |message: &[u8]| match algorithm {
                    EncryptionAlgorithm::RsaesOaepSha1 => public.oaep_encrypt::<Sha1>(message).unwrap(),
                    _ => public.oaep_encrypt::<Sha256>(message).unwrap(),
                };
                let bytes = encrypt(b"").len();
                for length in [0, 1, 32, bytes - overhead] {
                    let message = vec![0x2e; length];
                    let plaintext = token.decrypt(&object, algorithm, &encrypt(&message)).unwrap();
                    assert_eq!(plaintext.expose(), message, "{kind:?} {algorithm} {length}");
                }
                refuses_bad_ciphertexts(&token, &object, algorithm, &encrypt(b"message"));
                let refused = token.decrypt(&other, algorithm, &encrypt(b"message"));
                assert!(matches!(refused, Err(HsmError::BadCiphertext)), "another key: {refused:?}");
            }
            is_identified(&token, kind, (&object, &der), &other_der);
            for object in [object, other] {
                token.destroy(object.id).unwrap();
            }
        }
    });
}

fn refuses_bad_ciphertexts(token: &Token, object: &TokenObject, algorithm: EncryptionAlgorithm, good: &[u8]) {
    let mut flipped = good.to_vec();
    flipped[100] ^= 1;
    let bad = [flipped, vec![0; good.len()], vec![0xff; good.len()], good[1..].to_vec(), [good, &[0]].concat(), vec![]];
    for (index, ciphertext) in bad.iter().enumerate() {
        let refused = token.decrypt(object, algorithm, ciphertext);
        assert!(matches!(refused, Err(HsmError::BadCiphertext)), "{algorithm} {index}: {refused:?}");
    }
    let other = match algorithm {
        EncryptionAlgorithm::RsaesOaepSha1 => EncryptionAlgorithm::RsaesOaepSha256,
        _ => EncryptionAlgorithm::RsaesOaepSha1,
    };
    let refused = token.decrypt(object, other, good);
    assert!(matches!(refused, Err(HsmError::BadCiphertext)), "the other hash: {refused:?}");
    let refused = token.decrypt(object, EncryptionAlgorithm::SymmetricDefault, good);
    assert!(matches!(refused, Err(HsmError::Unsupported(_))), "{refused:?}");
    token.decrypt(object, algorithm, good).unwrap();
}

#[test]
fn ecdh_finds_the_secret_that_the_peer_finds() {
    own_process(|place| {
        let token = place.token();
        let witness = Witness::open(place);
        for kind in kinds_of(KeyUsage::KeyAgreement) {
            let (object, der) = make_pair(&token, kind);
            let (other, other_der) = make_pair(&token, kind);
            let (peer, expected) = outside::peer_of(kind.spec, &der);
            let secret = token.derive_shared_secret(&object, kind.spec, &peer).unwrap();
            assert_eq!(secret.expose(), expected, "{kind:?}");
            let (mine, theirs) = (&der[der.len() - peer.len()..], &other_der[der.len() - peer.len()..]);
            assert_eq!(
                token.derive_shared_secret(&object, kind.spec, theirs).unwrap(),
                token.derive_shared_secret(&other, kind.spec, mine).unwrap()
            );
            let mut off_curve = peer.clone();
            off_curve[peer.len() - 1] ^= 1;
            let compressed = [&[2], &peer[1..=peer.len() / 2]].concat();
            for bad in [off_curve, compressed, vec![0], vec![], peer[1..].to_vec(), vec![4; peer.len()]] {
                let refused = token.derive_shared_secret(&object, kind.spec, &bad);
                assert!(matches!(refused, Err(HsmError::BadInput(_))), "{kind:?} {refused:?}");
            }
            is_identified(&token, kind, (&object, &der), &other_der);
            assert_eq!(witness.session_objects(), 0, "no secret is left");
        }
        let p256 = kind(KeySpec::EccNistP256, KeyUsage::KeyAgreement);
        let (object, _) = make_pair(&token, p256);
        let on_p384 = p384::SecretKey::from_slice(&[3; 48]).unwrap().public_key().to_sec1_point(false);
        let refused = token.derive_shared_secret(&object, p256.spec, on_p384.as_bytes());
        assert!(matches!(refused, Err(HsmError::BadInput(_))), "{refused:?}");
        token.derive_shared_secret(&object, KeySpec::EccNistP384, on_p384.as_bytes()).unwrap_err();
        let refused = token.derive_shared_secret(&object, KeySpec::EccSecgP256K1, &[4; 65]);
        assert!(matches!(refused, Err(HsmError::Unsupported(_))), "{refused:?}");
    });
}

#[test]
fn each_kind_has_one_power_and_nobody_can_widen_it() {
    own_process(|place| {
        let token = place.token();
        let witness = Witness::open(place);
        for kind in KeyKind::all().filter(|kind| is_served(kind.spec)) {
            let (object, public_key) = make(&token, kind);
            let handle = witness.handle(object.id);
            let granted = witness.granted(handle);
            let wanted = match kind.usage {
                KeyUsage::EncryptDecrypt if kind != KeyKind::SYMMETRIC => AttributeType::Decrypt,
                KeyUsage::KeyAgreement => AttributeType::Derive,
                _ => AttributeType::Sign,
            };
            assert_eq!(granted, [wanted], "{kind:?}");
            let mut fixed = vec![
                (AttributeType::Token, Attribute::Token(true)),
                (AttributeType::Private, Attribute::Private(true)),
                (AttributeType::Sensitive, Attribute::Sensitive(true)),
                (AttributeType::Extractable, Attribute::Extractable(false)),
                (AttributeType::Modifiable, Attribute::Modifiable(false)),
                (AttributeType::Destroyable, Attribute::Destroyable(true)),
                (AttributeType::AllowedMechanisms, Attribute::AllowedMechanisms(allowed(kind))),
            ];
            if !kind.spec.name().starts_with("RSA") {
                // A copied RSA pair cannot say it on SoftHSM, but a frozen object is not copied either.
                fixed.push((AttributeType::Copyable, Attribute::Copyable(false)));
            }
            for (attribute, value) in fixed {
                assert_eq!(witness.attributes(handle, &[attribute]), [value], "{kind:?}");
            }
            for change in [Attribute::Extractable(true), Attribute::Derive(true), Attribute::Label(b"x".to_vec())] {
                witness.session().update_attributes(handle, &[change]).unwrap_err();
            }
            assert_eq!(public_key.is_some(), kind.spec.is_key_pair());
            token.destroy(object.id).unwrap();
        }
    });
}

fn allowed(kind: KeyKind) -> Vec<MechanismType> {
    use MechanismType as M;
    match (kind.spec, kind.usage) {
        (KeySpec::SymmetricDefault | KeySpec::Hmac256, _) => vec![M::SHA256_HMAC],
        (KeySpec::Hmac224, _) => vec![M::SHA224_HMAC],
        (KeySpec::Hmac384, _) => vec![M::SHA384_HMAC],
        (KeySpec::Hmac512, _) => vec![M::SHA512_HMAC],
        (KeySpec::EccNistEdwards25519, _) => vec![M::EDDSA],
        (spec, KeyUsage::SignVerify) if spec.is_elliptic() => vec![M::ECDSA],
        (_, KeyUsage::KeyAgreement) => vec![M::ECDH1_DERIVE],
        (_, KeyUsage::SignVerify) => vec![M::RSA_PKCS, M::RSA_PKCS_PSS],
        // SoftHSM gives them in the order of their numbers.
        _ => vec![M::RSA_X_509, M::RSA_PKCS_OAEP],
    }
}

#[test]
fn a_lost_claim_makes_no_key_of_any_kind() {
    own_process(|place| {
        let token = place.token();
        let witness = Witness::open(place);
        for kind in KeyKind::all().filter(|kind| is_served(kind.spec)) {
            let lost = token.generate_key(&fresh(), kind, &mut || false);
            assert!(matches!(lost, Err(HsmError::ClaimLost)), "{kind:?} {lost:?}");
        }
        assert_eq!((token.list().unwrap().len(), witness.session_objects()), (1, 0));
    });
}
