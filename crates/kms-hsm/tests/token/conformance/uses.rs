//! Every use of every key, held against other implementations of the same mathematics; and what no key does.

use kms_core::algorithm::{EncryptionAlgorithm, MacAlgorithm};
use kms_core::hsm::{Ability, Identity, KeyKind, TokenObject};
use kms_core::key_spec::{KeySpec, KeyUsage};
use kms_core::material_id::fingerprint_input_of;
use kms_core::{Hsm, HsmError};
use kms_hsm::Token;
use p256::elliptic_curve::sec1::ToSec1Point;
use rsa::pkcs8::DecodePublicKey;
use sha1::Sha1;
use sha2::Sha256;

use super::keys::{kind, kinds, kinds_of, make, make_pair};
use crate::outside;
use crate::place::{fresh, on_each_make};
use crate::witness::Witness;

#[test]
fn hmac_keys_compute_full_tags_and_their_own_fingerprint() {
    on_each_make(|place| {
        let token = place.token();
        for kind in kinds_of(&token, KeyUsage::GenerateVerifyMac) {
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
    on_each_make(|place| {
        let token = place.token();
        let witness = Witness::open(place);
        for kind in kinds_of(&token, KeyUsage::SignVerify) {
            let ((object, der), before) = (make_pair(&token, kind), witness.token_objects());
            let (other, other_der) = make_pair(&token, kind);
            assert_eq!(witness.token_objects(), before + 1, "the public half is no token object");
            for algorithm in kind.spec.signing_algorithms(kind.usage) {
                let input = vec![0x5c; algorithm.digest_bytes().unwrap_or(4096)];
                let wrong = vec![0x5d; input.len()];
                let signature = match (
                    token.supports(Ability::Sign(kind.spec, *algorithm)),
                    token.sign(&object, *algorithm, &input),
                ) {
                    (Ok(()), Ok(signature)) => signature,
                    (Err(_), Err(HsmError::Unsupported(_))) => continue,
                    (said, done) => panic!("{kind:?} {algorithm}: {said:?} {done:?}"),
                };
                let verifies = |der, input, signature| outside::verifies(kind.spec, der, *algorithm, input, signature);
                assert!(verifies(&der, &input, &signature), "{kind:?} {algorithm}");
                has_published_length(kind.spec, &signature);
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

/// Source: key-specs.md 3.
fn has_published_length(spec: KeySpec, signature: &[u8]) {
    let lengths = match spec.name() {
        "RSA_2048" => 256..=256,
        "RSA_3072" => 384..=384,
        "RSA_4096" => 512..=512,
        "ECC_NIST_P256" | "ECC_SECG_P256K1" => 8..=72,
        "ECC_NIST_P384" => 8..=104,
        "ECC_NIST_P521" => 8..=139,
        "ECC_NIST_EDWARDS25519" => 64..=64,
        "ML_DSA_44" => 2420..=2420,
        "ML_DSA_65" => 3309..=3309,
        _ => 4627..=4627,
    };
    assert!(lengths.contains(&signature.len()), "{spec} {}", signature.len());
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
fn a_key_does_what_its_kind_does_and_nothing_else() {
    on_each_make(|place| {
        let token = place.token();
        let witness = Witness::open(place);
        let small = |kind: &KeyKind| !matches!(kind.spec, KeySpec::Rsa3072 | KeySpec::Rsa4096);
        for kind in kinds(&token).filter(|kind| kind.spec.is_key_pair()).filter(small) {
            let (object, der) = make_pair(&token, kind);
            for other in KeyKind::all().filter(|other| !is_alike(kind, *other)) {
                let [signing, decryption, agreement, decapsulation] = uses_of(&token, &object, other, &der);
                let what = format!("{kind:?} used as {other:?}");
                assert!(signing.is_none_or(|done| done.is_err()), "{what}");
                assert!(decryption.is_none_or(|done| done.is_err()), "{what}");
                assert!(agreement.is_none_or(|done| done.is_err()), "{what}");
                assert!(decapsulation.is_none_or(|done| done.is_err()), "{what}");
            }
            assert_eq!(
                token.identify(&object, kind, Some(&der)).unwrap(),
                Identity::PublicKey(der),
                "{kind:?} still works"
            );
            token.destroy(object.id).unwrap();
        }
        assert_eq!(witness.session_objects(), 0);
    });
}

/// RSA keys of all sizes have the same algorithms, and a curve's signature takes a digest of any length.
fn is_alike(one: KeyKind, other: KeyKind) -> bool {
    let family = |spec: KeySpec| match spec {
        KeySpec::EccNistEdwards25519 => "Ed25519",
        _ => &spec.name()[..3],
    };
    one.usage == other.usage && family(one.spec) == family(other.spec)
}

/// Whether an object can be used as a key of this kind is: by its signature, decryption, agreement and decapsulation, where such
/// a key has one.
fn uses_of(token: &Token, object: &TokenObject, kind: KeyKind, der: &[u8]) -> [Option<Result<(), HsmError>>; 4] {
    let algorithm = kind.spec.signing_algorithms(kind.usage).first();
    let signing = algorithm
        .map(|algorithm| token.sign(object, *algorithm, &vec![1; algorithm.digest_bytes().unwrap_or(100)]).map(drop));
    let is = |usage| kind.usage == usage && kind.spec.is_key_pair();
    let decryption = is(KeyUsage::EncryptDecrypt)
        .then(|| token.decrypt(object, EncryptionAlgorithm::RsaesOaepSha256, &[1; 256]).map(drop));
    let agreement = is(KeyUsage::KeyAgreement).then(|| {
        let point = if kind.spec == KeySpec::EccNistP256 && der.len() == 91 { &der[26..] } else { &[4; 97] };
        token.derive_shared_secret(object, kind.spec, point).map(drop)
    });
    let decapsulation = is(KeyUsage::EncapsulateDecapsulate).then(|| {
        let length = kms_keypair::kem_sizes(kind.spec).unwrap().ciphertext;
        token.decapsulate(object, kind.spec, &vec![1; length]).map(drop)
    });
    [signing, decryption, agreement, decapsulation]
}

#[test]
fn rsa_keys_decrypt_what_was_encrypted_outside_and_nothing_else() {
    on_each_make(|place| {
        let token = place.token();
        for kind in kinds_of(&token, KeyUsage::EncryptDecrypt).filter(|kind| *kind != KeyKind::SYMMETRIC) {
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
    on_each_make(|place| {
        let token = place.token();
        let witness = Witness::open(place);
        for kind in kinds_of(&token, KeyUsage::KeyAgreement) {
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
fn decapsulation_finds_the_secret_that_was_encapsulated_outside() {
    on_each_make(|place| {
        let token = place.token();
        let witness = Witness::open(place);
        for kind in kinds_of(&token, KeyUsage::EncapsulateDecapsulate) {
            let (object, der) = make_pair(&token, kind);
            let (other, other_der) = make_pair(&token, kind);
            let (ciphertext, expected) = outside::encapsulate(kind.spec, &der, [0x5c; 32]);
            let secret = token.decapsulate(&object, kind.spec, &ciphertext).unwrap();
            assert_eq!(secret.expose(), expected, "{kind:?}");
            rejects_implicitly(&token, kind, (&object, &other), &ciphertext);
            for bad in [&ciphertext[1..], &[&ciphertext[..], &[0]].concat(), &[]] {
                let refused = token.decapsulate(&object, kind.spec, bad);
                assert!(matches!(refused, Err(HsmError::BadCiphertext)), "{kind:?} {refused:?}");
            }
            is_identified(&token, kind, (&object, &der), &other_der);
            for object in [&object, &other] {
                token.destroy(object.id).unwrap();
            }
            let gone = token.decapsulate(&object, kind.spec, &ciphertext);
            assert!(matches!(gone, Err(HsmError::ObjectMissing)), "{gone:?}");
            assert_eq!(witness.session_objects(), 0, "no secret is left");
        }
        let refused = token.decapsulate(&fresh(), KeySpec::Rsa2048, &[1; 768]).unwrap_err().to_string();
        assert_eq!(refused, "the token cannot serve this: decapsulation with this key spec");
    });
}

/// An altered ciphertext, or one for another key, opens to a secret that is always the same and nobody's (FIPS 203).
fn rejects_implicitly(token: &Token, kind: KeyKind, (object, other): (&TokenObject, &TokenObject), good: &[u8]) {
    let opened = |object, ciphertext: &[u8]| token.decapsulate(object, kind.spec, ciphertext).unwrap();
    let mut altered = good.to_vec();
    altered[100] ^= 1;
    let secrets = [opened(object, good), opened(object, &altered), opened(other, good), opened(other, &altered)];
    for (index, secret) in secrets.iter().enumerate() {
        assert_eq!(secret.len(), 32);
        assert!(!secrets[..index].contains(secret), "{kind:?} {index}");
    }
    assert_eq!(opened(object, &altered), secrets[1], "{kind:?}");
}
