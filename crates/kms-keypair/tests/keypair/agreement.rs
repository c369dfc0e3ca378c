//! Verification and encryption held against other implementations, on random keys and messages.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use ecdsa::signature::hazmat::PrehashSigner;
use ecdsa::{EcdsaCurve, Signature, SigningKey};
use ed25519_dalek::Signer;
use kms_core::algorithm::{DataKeyPairSpec, EncryptionAlgorithm, MessageType, SigningAlgorithm as A};
use kms_core::key_spec::KeySpec;
use kms_keypair::{
    BadSignature, EcCurve, PublicKey, SignInput, digest_info, digest_of, ecdsa_to_der, generate_data_key_pair,
    max_plaintext_bytes,
};
use rsa::pkcs8::DecodePrivateKey;
use sha2::Digest;

use crate::support::{Openssl, message, random, signing_key};

/// Both forms of the input verify, and none with another message or a signature of which one bit differs.
fn check(key: &PublicKey, algorithm: A, message: &[u8], signature: &[u8]) {
    let digest = digest_of(algorithm, message);
    let mut inputs = vec![SignInput::new(algorithm, MessageType::Raw, message).unwrap()];
    if let Some(digest) = &digest {
        inputs.push(SignInput::new(algorithm, MessageType::Digest, digest).unwrap());
    }
    for input in inputs {
        assert_eq!(key.verify(algorithm, &input, signature), Ok(()), "{key:?} {algorithm}");
        let mut bad = signature.to_vec();
        let at = usize::from(random(1)[0]) % bad.len();
        bad[at] ^= 1;
        assert_eq!(key.verify(algorithm, &input, &bad), Err(BadSignature), "{key:?} {algorithm} byte {at}");
        assert_eq!(key.verify(algorithm, &input, &bad[1..]), Err(BadSignature));
        assert_eq!(key.verify(algorithm, &input, &[signature, &[0]].concat()), Err(BadSignature));
        assert_eq!(key.verify(algorithm, &input, &[]), Err(BadSignature));
    }
    let other = [message, b"."].concat();
    assert_eq!(key.verify(algorithm, &SignInput::Raw(&other), signature), Err(BadSignature));
}

#[test]
fn rsa_signatures_of_openssl_verify_and_those_with_another_salt_do_not() {
    let openssl = Openssl::new();
    for spec in [DataKeyPairSpec::Rsa2048, DataKeyPairSpec::Rsa3072, DataKeyPairSpec::Rsa4096] {
        let pair = generate_data_key_pair(spec).unwrap();
        openssl.put("key", &pair.private_key_pkcs8);
        let key = PublicKey::from_spki(spec.key_spec(), &pair.public_key_spki).unwrap();
        for algorithm in spec.key_spec().signing_algorithms(kms_core::key_spec::KeyUsage::SignVerify) {
            let (padding, bits) = algorithm.name().strip_prefix("RSASSA_").unwrap().split_once("_SHA_").unwrap();
            let message = message();
            openssl.put("digest", &digest_of(*algorithm, &message).unwrap());
            let sign = |options: &str| {
                let fixed = "pkeyutl -sign -inkey key -keyform DER -in digest -pkeyopt digest:sha";
                openssl.run(&format!("{fixed}{bits} {options}")).unwrap()
            };
            if padding == "PKCS1_V1_5" {
                check(&key, *algorithm, &message, &sign(""));
                continue;
            }
            let pss = "-pkeyopt rsa_padding_mode:pss -pkeyopt rsa_pss_saltlen:";
            check(&key, *algorithm, &message, &sign(&format!("{pss}digest")));
            for salt in ["0", "20", "max"] {
                let signature = sign(&format!("{pss}{salt}"));
                assert_eq!(key.verify(*algorithm, &SignInput::Raw(&message), &signature), Err(BadSignature), "{salt}");
            }
        }
    }
}

/// What a token does that has `CKM_RSA_PKCS` alone.
#[test]
fn a_digest_info_signed_without_a_hash_is_a_signature() {
    let openssl = Openssl::new();
    let pair = generate_data_key_pair(DataKeyPairSpec::Rsa2048).unwrap();
    openssl.put("key", &pair.private_key_pkcs8);
    let key = PublicKey::from_spki(KeySpec::Rsa2048, &pair.public_key_spki).unwrap();
    for algorithm in [A::RsassaPkcs1V15Sha256, A::RsassaPkcs1V15Sha384, A::RsassaPkcs1V15Sha512] {
        let digest = digest_of(algorithm, b"message").unwrap();
        openssl.put("info", &digest_info(algorithm, &digest).unwrap());
        let signature = openssl.run("rsautl -sign -inkey key -keyform DER -in info").unwrap();
        check(&key, algorithm, b"message", &signature);
        assert_eq!(digest_info(algorithm, &digest[1..]), None);
    }
    assert_eq!(digest_info(A::RsassaPssSha256, &[0; 32]), None);
}

/// 64 keys and messages of a curve; the high and the low `s` both verify, as they do not for all libraries.
macro_rules! ecdsa_agrees {
    ($name:ident, $curve:ty, $ec_curve:expr, $algorithm:expr) => {
        #[test]
        fn $name() {
            let curve = $ec_curve;
            for _ in 0..64 {
                let signer: SigningKey<$curve> = signing_key(curve.field_bytes());
                let point = signer.verifying_key().to_sec1_point(false);
                let key = PublicKey::from_token_point(curve.key_spec(), point.as_bytes()).unwrap();
                let message = message();
                let signature: Signature<$curve> =
                    signer.sign_prehash(&digest_of($algorithm, &message).unwrap()).unwrap();
                for signature in both_forms(&signature) {
                    let der = ecdsa_to_der(curve, &signature.to_bytes()).unwrap();
                    check(&key, $algorithm, &message, &der);
                }
            }
        }
    };
}

ecdsa_agrees!(ecdsa_p256_agrees, p256::NistP256, EcCurve::P256, A::EcdsaSha256);
ecdsa_agrees!(ecdsa_p384_agrees, p384::NistP384, EcCurve::P384, A::EcdsaSha384);
ecdsa_agrees!(ecdsa_p521_agrees, p521::NistP521, EcCurve::P521, A::EcdsaSha512);
ecdsa_agrees!(ecdsa_secp256k1_agrees, k256::Secp256k1, EcCurve::Secp256k1, A::EcdsaSha256);

fn both_forms<C>(signature: &Signature<C>) -> [Signature<C>; 2]
where
    C: EcdsaCurve + ecdsa::elliptic_curve::CurveArithmetic,
{
    let (r, s) = signature.split_scalars();
    [Signature::from_scalars(*r, *s).unwrap(), Signature::from_scalars(*r, -*s).unwrap()]
}

#[test]
fn ed25519_and_its_prehashed_form_agree_and_are_different_schemes() {
    for _ in 0..64 {
        let signer = ed25519_dalek::SigningKey::from_bytes(&random(32).try_into().unwrap());
        let key = PublicKey::from_raw(KeySpec::EccNistEdwards25519, signer.verifying_key().as_bytes()).unwrap();
        let message = message();
        let pure = signer.sign(&message).to_bytes();
        check(&key, A::Ed25519Sha512, &message, &pure);

        let digest: [u8; 64] = sha2::Sha512::digest(&message).into();
        let input = SignInput::new(A::Ed25519PhSha512, MessageType::Digest, &digest).unwrap();
        let prehashed = signer.sign_prehashed(sha2::Sha512::new_with_prefix(digest), None).unwrap().to_bytes();
        assert_eq!(key.verify(A::Ed25519PhSha512, &input, &prehashed), Ok(()));
        for other in [pure, signer.sign(&digest).to_bytes()] {
            assert_eq!(key.verify(A::Ed25519PhSha512, &input, &other), Err(BadSignature));
        }
        assert_eq!(key.verify(A::Ed25519Sha512, &SignInput::Raw(&digest), &prehashed), Err(BadSignature));
    }
}

#[test]
fn what_is_encrypted_up_to_the_longest_plaintext_comes_back_from_another_library() {
    for spec in [DataKeyPairSpec::Rsa2048, DataKeyPairSpec::Rsa3072, DataKeyPairSpec::Rsa4096] {
        let pair = generate_data_key_pair(spec).unwrap();
        let private = rsa::PrivateKey::from_pkcs8_der(&pair.private_key_pkcs8).unwrap();
        let key = PublicKey::from_spki(spec.key_spec(), &pair.public_key_spki).unwrap();
        for algorithm in [EncryptionAlgorithm::RsaesOaepSha1, EncryptionAlgorithm::RsaesOaepSha256] {
            let longest = max_plaintext_bytes(spec.key_spec(), algorithm).unwrap();
            for bytes in [0, 1, 32, longest] {
                let plaintext = random(bytes);
                let ciphertext = key.encrypt(algorithm, &plaintext).unwrap();
                assert_eq!(ciphertext.len(), key.raw().len());
                let opened = match algorithm {
                    EncryptionAlgorithm::RsaesOaepSha1 => private.decrypt(rsa::Oaep::<sha1::Sha1>::new(), &ciphertext),
                    _ => private.decrypt(rsa::Oaep::<sha2::Sha256>::new(), &ciphertext),
                };
                assert_eq!(opened.unwrap(), plaintext);
            }
            assert!(key.encrypt(algorithm, &random(longest + 1)).is_err());
        }
    }
}

#[test]
fn a_key_verifies_with_its_own_algorithms_only() {
    for spec in crate::support::pair_specs() {
        let pair = generate_data_key_pair(spec).unwrap();
        let key = PublicKey::from_spki(spec.key_spec(), &pair.public_key_spki).unwrap();
        for algorithm in A::ALL {
            let digest = vec![0; algorithm.digest_bytes().unwrap_or(64)];
            for input in [SignInput::Raw(b"m"), SignInput::Digest(&digest), SignInput::ExternalMu(&[0; 64])] {
                assert_eq!(key.verify(*algorithm, &input, &[0; 256]), Err(BadSignature), "{spec} {algorithm}");
            }
        }
    }
}

#[test]
fn a_key_can_be_shared_by_threads() {
    let signer: SigningKey<p256::NistP256> = signing_key(32);
    let point = signer.verifying_key().to_sec1_point(false);
    let key = PublicKey::from_token_point(KeySpec::EccNistP256, point.as_bytes()).unwrap();
    let message = message();
    let signature: Signature<p256::NistP256> =
        signer.sign_prehash(&digest_of(A::EcdsaSha256, &message).unwrap()).unwrap();
    let der = ecdsa_to_der(EcCurve::P256, &signature.to_bytes()).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..50).for_each(|_| check(&key, A::EcdsaSha256, &message, &der)));
        }
    });
}
