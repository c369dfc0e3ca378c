//! What the objects say of themselves: least powers, and nobody can widen them (cryptography.md 6).

use cryptoki::mechanism::MechanismType;
use cryptoki::object::{Attribute, AttributeType};
use kms_core::Hsm;
use kms_core::hsm::{KeyKind, TokenObject};
use kms_core::ids::ObjectId;
use kms_core::key_spec::WrappingKeySpec;
use kms_hsm::RsaUnwrap;

use super::wrapping::algorithms;
use crate::place::{fresh, on_each_make, root};
use crate::witness::Witness;

#[test]
fn secrets_are_frozen_from_birth() {
    on_each_make(|place| {
        let token = place.token();
        let object = fresh();
        token.generate_key(&object, KeyKind::SYMMETRIC, &mut || true).unwrap();
        let witness = Witness::open(place);
        for id in [object.id, root().id] {
            let handle = witness.handle(id);
            let read = witness.attributes(
                handle,
                &[
                    AttributeType::Token,
                    AttributeType::Private,
                    AttributeType::Sensitive,
                    AttributeType::Extractable,
                    AttributeType::Encrypt,
                    AttributeType::Decrypt,
                    AttributeType::Sign,
                    AttributeType::Verify,
                    AttributeType::Wrap,
                    AttributeType::Unwrap,
                    AttributeType::Derive,
                    AttributeType::Copyable,
                    AttributeType::Modifiable,
                    AttributeType::Destroyable,
                    AttributeType::AllowedMechanisms,
                    AttributeType::Value,
                ],
            );
            assert_eq!(
                read,
                [
                    Attribute::Token(true),
                    Attribute::Private(true),
                    Attribute::Sensitive(true),
                    Attribute::Extractable(false),
                    Attribute::Encrypt(false),
                    Attribute::Decrypt(false),
                    Attribute::Sign(true),
                    Attribute::Verify(false),
                    Attribute::Wrap(false),
                    Attribute::Unwrap(false),
                    Attribute::Derive(false),
                    Attribute::Copyable(false),
                    Attribute::Modifiable(false),
                    Attribute::Destroyable(true),
                    Attribute::AllowedMechanisms(vec![MechanismType::SHA256_HMAC]),
                ],
                "and no CKA_VALUE"
            );
            for change in [Attribute::Extractable(true), Attribute::Decrypt(true), Attribute::Label(b"x".to_vec())] {
                witness.session().update_attributes(handle, &[change]).unwrap_err();
            }
            witness.session().copy_object(handle, &[Attribute::Token(false)]).unwrap_err();
        }
    });
}

#[test]
fn a_wrapping_pair_has_one_power_and_its_public_half_stays_outside() {
    on_each_make(|place| {
        let token = place.token();
        let witness = Witness::open(place);
        for algorithm in algorithms(&token) {
            let (unwraps, mechanism) = match token.capabilities().unwrap_path(algorithm).unwrap() {
                RsaUnwrap::InToken => (true, MechanismType::RSA_PKCS_OAEP),
                RsaUnwrap::RawDecryption => (false, MechanismType::RSA_X_509),
            };
            let before = witness.token_objects();
            let object = TokenObject::internal(ObjectId::random(), "wrapping");
            token.generate_wrapping_pair(&object, WrappingKeySpec::Rsa2048, algorithm, &mut || true).unwrap();
            assert_eq!((witness.token_objects(), witness.session_objects()), (before + 1, 0));
            let read = witness.attributes(
                witness.handle(object.id),
                &[
                    AttributeType::Sensitive,
                    AttributeType::Extractable,
                    AttributeType::Unwrap,
                    AttributeType::Decrypt,
                    AttributeType::Sign,
                    AttributeType::SignRecover,
                    AttributeType::Derive,
                    AttributeType::Modifiable,
                    AttributeType::AllowedMechanisms,
                ],
            );
            assert_eq!(
                read,
                [
                    Attribute::Sensitive(true),
                    Attribute::Extractable(false),
                    Attribute::Unwrap(unwraps),
                    Attribute::Decrypt(!unwraps),
                    Attribute::Sign(false),
                    Attribute::SignRecover(false),
                    Attribute::Derive(false),
                    Attribute::Modifiable(false),
                    Attribute::AllowedMechanisms(vec![mechanism]),
                ]
            );
        }
    });
}
