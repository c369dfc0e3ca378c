//! The life of objects in one process.

use kms_core::hsm::{KeyKind, TokenObject, WrappedMaterial};
use kms_core::ids::ObjectId;
use kms_core::kdf::{hmac_sha256, kdf_input};
use kms_core::key_spec::WrappingKeySpec;
use kms_core::secret::SecretKey;
use kms_core::wrapping::WrappingAlgorithm;
use kms_core::{Hsm, HsmError};
use kms_hsm::Token;
use uuid::Uuid;

use super::wrapping::Pair;
use crate::place::{DEPLOYMENT, ROOT_MATERIAL, SENTINEL, fresh, on_each_make, root};

#[test]
fn a_secret_is_generated_used_and_destroyed() {
    on_each_make(|place| {
        let token = place.token();
        let (object, input) = (fresh(), kdf_input(b"strongroom/m/1", &[7; 32], 256));
        token.generate_key(&object, KeyKind::SYMMETRIC, &mut || true).unwrap();
        let mac = token.mac(&object, &input).unwrap();
        assert_eq!(token.mac(&object, &input).unwrap(), mac);
        assert_ne!(token.mac(&object, &kdf_input(b"strongroom/m/1", &[8; 32], 256)).unwrap(), mac);
        token.destroy(object.id).unwrap();
        assert!(matches!(token.mac(&object, &input), Err(HsmError::ObjectMissing)));
        token.destroy(object.id).unwrap();
    });
}

#[test]
fn the_root_key_computes_what_its_material_computes() {
    on_each_make(|place| {
        let token = place.token();
        let input = kdf_input(b"strongroom/r/1", &[7; 32], 256);
        assert_eq!(*token.mac(&root(), &input).unwrap().expose(), hmac_sha256(&ROOT_MATERIAL, &[&input]));
    });
}

#[test]
fn a_deployment_is_established_once_and_found_again() {
    on_each_make(|place| {
        let token = Token::open(place.config()).unwrap();
        assert_eq!(token.find_deployments().unwrap(), []);
        let material = SecretKey::new(ROOT_MATERIAL);
        token.establish(DEPLOYMENT, SENTINEL, &root(), &material).unwrap();
        token.establish(DEPLOYMENT, SENTINEL, &root(), &material).unwrap();
        assert_eq!(token.find_deployments().unwrap(), [(SENTINEL, DEPLOYMENT)]);
        let other = SecretKey::new([1; 32]);
        let refused = token.establish(DEPLOYMENT, SENTINEL, &root(), &other);
        assert!(matches!(refused, Err(HsmError::ObjectMismatch)), "{refused:?}");
        let refused = token.establish(Uuid::nil(), SENTINEL, &root(), &material);
        assert!(matches!(refused, Err(HsmError::ObjectMismatch)), "{refused:?}");
    });
}

#[test]
fn before_attach_the_token_is_unknown() {
    on_each_make(|place| {
        let token = Token::open(place.config()).unwrap();
        let object = fresh();
        let unknown = [
            token.check(),
            token.generate_key(&object, KeyKind::SYMMETRIC, &mut || true).map(drop),
            token.destroy(object.id),
            token.list().map(drop),
            token.mac(&object, &[0; 55]).map(drop),
            token.attach(SENTINEL),
        ];
        assert!(unknown.iter().all(|answer| matches!(answer, Err(HsmError::TokenUnknown))), "{unknown:?}");
    });
}

#[test]
fn a_lost_claim_makes_nothing() {
    on_each_make(|place| {
        let token = place.token();
        let object = fresh();
        assert!(matches!(token.generate_key(&object, KeyKind::SYMMETRIC, &mut || false), Err(HsmError::ClaimLost)));
        assert!(token.list().unwrap().iter().all(|found| found.id != Some(object.id)));
    });
}

#[test]
fn an_object_is_not_lent_to_another_label_nor_by_a_wrong_class() {
    on_each_make(|place| {
        let object = fresh();
        place.token().generate_key(&object, KeyKind::SYMMETRIC, &mut || true).unwrap();
        let token = Token::open(place.config()).unwrap();
        token.attach(SENTINEL).unwrap();
        let wrong = TokenObject { label: fresh().label, ..object.clone() };
        assert!(matches!(token.mac(&wrong, &[0; 55]), Err(HsmError::ObjectMismatch)));
        token.mac(&object, &[0; 55]).unwrap();

        let pair = Pair::generate(&token, WrappingKeySpec::Rsa2048, WrappingAlgorithm::RsaesOaepSha1);
        assert!(matches!(token.mac(&pair.object, &[0; 55]), Err(HsmError::ObjectMismatch)));
        let blob = pair.wrap(&[1; 32]);
        let misnamed = WrappedMaterial { pair: &object, ..pair.wrapped(&blob) };
        assert!(matches!(token.probe_wrapped(&misnamed, KeyKind::SYMMETRIC), Err(HsmError::ObjectMismatch)));
    });
}

#[test]
fn list_tells_id_label_and_class_and_leaves_the_sentinel_out() {
    on_each_make(|place| {
        let token = place.token();
        let object = fresh();
        token.generate_key(&object, KeyKind::SYMMETRIC, &mut || true).unwrap();
        let mut listed = token.list().unwrap();
        listed.sort_by_key(|found| found.id != Some(object.id));
        assert_eq!(listed.len(), 2);
        assert_eq!((listed[0].id, &listed[0].label, listed[0].is_secret_key), (Some(object.id), &object.label, true));
        assert_eq!((listed[1].id, &listed[1].label), (Some(root().id), &root().label));
    });
}

#[test]
fn the_sentinel_is_never_destroyed() {
    on_each_make(|place| {
        let token = place.token();
        assert!(matches!(token.destroy(SENTINEL), Err(HsmError::Unsupported(_))));
        token.check().unwrap();
    });
}

#[test]
fn random_bytes_differ() {
    on_each_make(|place| {
        let token = Token::open(place.config()).unwrap();
        let (mut first, mut second) = ([0; 32], [0; 32]);
        token.generate_random(&mut first).unwrap();
        token.generate_random(&mut second).unwrap();
        assert_ne!(first, second);
        assert_ne!(first, [0; 32]);
    });
}

#[test]
fn two_objects_of_one_id_are_refused_and_both_destroyed() {
    on_each_make(|place| {
        let token = place.token();
        let id = ObjectId::random();
        let object = TokenObject { id, ..fresh() };
        token.generate_key(&object, KeyKind::SYMMETRIC, &mut || true).unwrap();
        let second = Token::open(place.config()).unwrap();
        second.attach(SENTINEL).unwrap();
        second.generate_key(&object, KeyKind::SYMMETRIC, &mut || true).unwrap();
        let third = Token::open(place.config()).unwrap();
        third.attach(SENTINEL).unwrap();
        assert!(matches!(third.mac(&object, &[0; 55]), Err(HsmError::ObjectMismatch)));
        third.destroy(id).unwrap();
        assert!(third.list().unwrap().iter().all(|found| found.id != Some(id)));
    });
}
