//! Keys of every kind that a token makes: made, listed, frozen, destroyed; and every other kind refused with its reason.

use cryptoki::mechanism::MechanismType;
use cryptoki::object::{Attribute, AttributeType};
use kms_core::hsm::{Ability, KeyKind, TokenObject};
use kms_core::key_spec::{KeySpec, KeyUsage};
use kms_core::{Hsm, HsmError};
use kms_hsm::{RsaUnwrap, Token};

use crate::place::{fresh, on_each_make};
use crate::witness::Witness;

pub(crate) fn kind(spec: KeySpec, usage: KeyUsage) -> KeyKind {
    KeyKind { spec, usage }
}

/// Every kind that the token says it makes.
pub(crate) fn kinds(token: &Token) -> impl Iterator<Item = KeyKind> {
    KeyKind::all().filter(|kind| token.supports(Ability::Generate(*kind)).is_ok())
}

pub(crate) fn kinds_of(token: &Token, usage: KeyUsage) -> impl Iterator<Item = KeyKind> {
    kinds(token).filter(move |kind| kind.usage == usage)
}

pub(crate) fn make(token: &Token, kind: KeyKind) -> (TokenObject, Option<Vec<u8>>) {
    let object = fresh();
    let made = token.generate_key(&object, kind, &mut || true);
    (object, made.unwrap_or_else(|error| panic!("{kind:?}: {error}")))
}

pub(crate) fn make_pair(token: &Token, kind: KeyKind) -> (TokenObject, Vec<u8>) {
    let (object, public_key) = make(token, kind);
    (object, public_key.unwrap())
}

#[test]
fn every_kind_is_made_and_destroyed_or_refused_with_its_reason() {
    on_each_make(|place| {
        let token = place.token();
        let witness = Witness::open(place);
        for kind in KeyKind::all() {
            let object = fresh();
            let made = token.generate_key(&object, kind, &mut || true);
            match (token.supports(Ability::Generate(kind)), made) {
                (Ok(()), Ok(public_key)) => {
                    assert_eq!(public_key.is_some(), kind.spec.is_key_pair(), "{kind:?}");
                    assert_eq!(token.list().unwrap().len(), 2, "{kind:?}: one object and the root key");
                    assert_eq!(witness.token_objects(), 3, "{kind:?}: the public half is no token object");
                    token.destroy(object.id).unwrap();
                    token.destroy(object.id).unwrap();
                }
                (Err(HsmError::Unsupported(said)), Err(HsmError::Unsupported(reason))) => assert_eq!(said, reason),
                (said, made) => panic!("{kind:?}: {said:?} {made:?}"),
            }
            assert_eq!((witness.token_objects(), witness.session_objects()), (2, 0), "{kind:?}");
        }
    });
}

#[test]
fn public_keys_have_the_published_lengths() {
    on_each_make(|place| {
        let token = place.token();
        for kind in kinds(&token).filter(|kind| kind.spec.is_key_pair()) {
            let (object, der) = make_pair(&token, kind);
            assert_eq!(der.len(), spki_bytes(kind.spec), "{kind:?}");
            token.destroy(object.id).unwrap();
        }
    });
}

/// Source: key-specs.md 5.
fn spki_bytes(spec: KeySpec) -> usize {
    match spec.name() {
        "RSA_2048" => 294,
        "RSA_3072" => 422,
        "RSA_4096" => 550,
        "ECC_NIST_P256" => 91,
        "ECC_NIST_P384" => 120,
        "ECC_NIST_P521" => 158,
        "ECC_SECG_P256K1" => 88,
        "ECC_NIST_EDWARDS25519" => 44,
        "ML_DSA_44" => 1334,
        "ML_DSA_65" => 1974,
        "ML_DSA_87" => 2614,
        "ML_KEM_512" => 822,
        "ML_KEM_768" => 1206,
        "ML_KEM_1024" => 1590,
        other => panic!("no public key: {other}"),
    }
}

#[test]
fn each_kind_has_one_power_and_nobody_can_widen_it() {
    on_each_make(|place| {
        let token = place.token();
        let witness = Witness::open(place);
        for kind in kinds(&token) {
            let (object, public_key) = make(&token, kind);
            let handle = witness.handle(object.id);
            let granted = witness.granted(handle);
            let wanted = match kind.usage {
                KeyUsage::EncryptDecrypt if kind != KeyKind::SYMMETRIC => AttributeType::Decrypt,
                KeyUsage::KeyAgreement => AttributeType::Derive,
                KeyUsage::EncapsulateDecapsulate => AttributeType::Decapsulate,
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
            ];
            if !kind.spec.name().starts_with("RSA") {
                // A copied RSA pair cannot say it on SoftHSM, but a frozen object is not copied either.
                fixed.push((AttributeType::Copyable, Attribute::Copyable(false)));
            }
            for (attribute, value) in fixed {
                assert_eq!(witness.attributes(handle, &[attribute]), [value], "{kind:?}");
            }
            assert_eq!(sorted(&witness.attributes(handle, &[AttributeType::AllowedMechanisms])), allowed(&token, kind));
            let secrets =
                [AttributeType::Value, AttributeType::Seed, AttributeType::PrivateExponent, AttributeType::Prime1];
            assert_eq!(witness.attributes(handle, &secrets), [], "{kind:?}");
            let widened = [Attribute::Token(false), Attribute::Extractable(true)];
            witness.session().copy_object(handle, &widened).unwrap_err();
            for change in [
                Attribute::Extractable(true),
                Attribute::Derive(true),
                Attribute::Label(b"x".to_vec()),
                Attribute::AllowedMechanisms(vec![MechanismType::SHA1_HMAC]),
            ] {
                witness.session().update_attributes(handle, &[change]).unwrap_err();
            }
            assert_eq!(public_key.is_some(), kind.spec.is_key_pair());
            token.destroy(object.id).unwrap();
        }
    });
}

/// The numbers of the mechanisms in `CKA_ALLOWED_MECHANISMS`, which SoftHSM puts in order.
fn sorted(attributes: &[Attribute]) -> Vec<u64> {
    let [Attribute::AllowedMechanisms(mechanisms)] = attributes else { panic!("{attributes:?}") };
    let mut numbers: Vec<_> = mechanisms.iter().map(|mechanism| **mechanism).collect();
    numbers.sort_unstable();
    numbers
}

fn allowed(token: &Token, kind: KeyKind) -> Vec<u64> {
    use MechanismType as M;
    let mechanisms = match (kind.spec, kind.usage) {
        (KeySpec::SymmetricDefault | KeySpec::Hmac256, _) => vec![M::SHA256_HMAC],
        (KeySpec::Hmac224, _) => vec![M::SHA224_HMAC],
        (KeySpec::Hmac384, _) => vec![M::SHA384_HMAC],
        (KeySpec::Hmac512, _) => vec![M::SHA512_HMAC],
        (KeySpec::EccNistEdwards25519, _) => vec![M::EDDSA],
        (KeySpec::MlDsa44 | KeySpec::MlDsa65 | KeySpec::MlDsa87, _) => vec![M::ML_DSA],
        (_, KeyUsage::EncapsulateDecapsulate) => vec![M::ML_KEM],
        (spec, KeyUsage::SignVerify) if spec.is_elliptic() => vec![M::ECDSA],
        (_, KeyUsage::KeyAgreement) => vec![M::ECDH1_DERIVE],
        (_, KeyUsage::SignVerify) => vec![M::RSA_PKCS, M::RSA_PKCS_PSS],
        _ if token.capabilities().oaep_sha256 == Some(RsaUnwrap::InToken) => vec![M::RSA_PKCS_OAEP],
        _ => vec![M::RSA_X_509, M::RSA_PKCS_OAEP],
    };
    mechanisms.iter().map(|mechanism| **mechanism).collect()
}

#[test]
fn a_lost_claim_makes_no_key_of_any_kind() {
    on_each_make(|place| {
        let token = place.token();
        let witness = Witness::open(place);
        for kind in kinds(&token) {
            let lost = token.generate_key(&fresh(), kind, &mut || false);
            assert!(matches!(lost, Err(HsmError::ClaimLost)), "{kind:?} {lost:?}");
        }
        assert_eq!((token.list().unwrap().len(), witness.session_objects()), (1, 0));
    });
}
