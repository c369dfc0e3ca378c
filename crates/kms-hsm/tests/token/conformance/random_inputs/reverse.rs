//! The other way round, for the algorithms of which the token computes both sides: what another implementation made, the token
//! takes with that one's public key; what the token encrypts or encapsulates, the other opens. The service itself does these
//! halves outside the token, so a PKCS#11 client of the test's own calls it.

use cryptoki::mechanism::Mechanism;
use cryptoki::mechanism::MechanismType;
use cryptoki::mechanism::dsa::{HedgeType, SignAdditionalContext};
use cryptoki::mechanism::eddsa::{EddsaParams, EddsaSignatureScheme};
use cryptoki::mechanism::rsa::{PkcsMgfType, PkcsOaepParams, PkcsOaepSource};
use cryptoki::object::{
    Attribute, AttributeType, KeyType, MlDsaParameterSetType, MlKemParameterSetType, ObjectClass, ObjectHandle,
    ParameterSetType,
};
use kms_core::Hsm;
use kms_core::algorithm::SigningAlgorithm;
use kms_core::hsm::Ability;
use kms_core::key_spec::KeySpec;
use kms_hsm::RsaUnwrap;
use ml_dsa::{MlDsa44, MlDsa65, MlDsa87, MlDsaParams};
use ml_kem::kem::{Decapsulate, KeyExport};
use rsa::traits::PublicKeyParts;
use sha2::{Digest, Sha256, Sha512};

use super::{INPUTS, message, random};
use crate::place::on_each_make;
use crate::witness::Witness;

/// A public key as a session object that may do one thing.
fn public_key(witness: &Witness, key_type: KeyType, may: Attribute, numbers: Vec<Attribute>) -> ObjectHandle {
    let mut template =
        vec![Attribute::Class(ObjectClass::PUBLIC_KEY), Attribute::KeyType(key_type), Attribute::Token(false), may];
    template.extend(numbers);
    witness.session().create_object(&template).unwrap()
}

#[test]
fn random_messages_signed_outside_by_ml_dsa_verify_in_the_token() {
    on_each_make(|place| {
        let token = place.token();
        let witness = Witness::open(place);
        let offers = |spec| token.supports(Ability::Sign(spec, SigningAlgorithm::MlDsaShake256)).is_ok();
        if offers(KeySpec::MlDsa44) {
            verify_in_token::<MlDsa44>(&witness, MlDsaParameterSetType::ML_DSA_44.into());
        }
        if offers(KeySpec::MlDsa65) {
            verify_in_token::<MlDsa65>(&witness, MlDsaParameterSetType::ML_DSA_65.into());
        }
        if offers(KeySpec::MlDsa87) {
            verify_in_token::<MlDsa87>(&witness, MlDsaParameterSetType::ML_DSA_87.into());
        }
    });
}

fn verify_in_token<P: MlDsaParams>(witness: &Witness, set: ParameterSetType) {
    let key = ml_dsa::SigningKey::<P>::from_seed(&ml_dsa::Seed::try_from(random(32).as_slice()).unwrap());
    let key = key.expanded_key();
    let raw = key.verifying_key().encode().to_vec();
    let numbers = vec![Attribute::ParameterSet(set), Attribute::Value(raw)];
    let public = public_key(witness, KeyType::ML_DSA, Attribute::Verify(true), numbers);
    let mechanism = Mechanism::MlDsa(SignAdditionalContext::new(HedgeType::Preferred, None));
    for _ in 0..INPUTS {
        let message = message(4096);
        let mut signature = key.sign_deterministic(&message, b"").unwrap().encode().to_vec();
        witness.session().verify(&mechanism, public, &message, &signature).unwrap();
        signature[usize::from(random(1)[0])] ^= 1;
        witness.session().verify(&mechanism, public, &message, &signature).unwrap_err();
    }
}

#[test]
fn random_digests_signed_outside_by_ed25519ph_verify_in_the_token() {
    on_each_make(|place| {
        let token = place.token();
        let (spec, algorithm) = (KeySpec::EccNistEdwards25519, SigningAlgorithm::Ed25519PhSha512);
        if token.supports(Ability::Sign(spec, algorithm)).is_err() {
            return;
        }
        let witness = Witness::open(place);
        let key = ed25519_dalek::SigningKey::from_bytes(&random(32).try_into().unwrap());
        let point = key.verifying_key().to_bytes();
        let numbers = vec![
            Attribute::EcParams(vec![0x06, 0x03, 0x2b, 0x65, 0x70]),
            Attribute::EcPoint([&[0x04, 0x20], &point[..]].concat()),
        ];
        let public = public_key(&witness, KeyType::EC_EDWARDS, Attribute::Verify(true), numbers);
        let mechanism = Mechanism::Eddsa(EddsaParams::new(EddsaSignatureScheme::Ed25519ph(&[])));
        for _ in 0..INPUTS {
            let digest = random(64);
            let signature = key.sign_prehashed(Sha512::new_with_prefix(&digest), None).unwrap().to_bytes();
            witness.session().verify(&mechanism, public, &digest, &signature).unwrap();
            witness.session().verify(&mechanism, public, &random(64), &signature).unwrap_err();
        }
    });
}

#[test]
fn secrets_encapsulated_by_the_token_are_found_outside() {
    macro_rules! open_outside {
        ($witness:expr, $key:ident, $set:ident) => {{
            let seed = random(64);
            let key = ml_kem::$key::from_seed(seed.as_slice().try_into().unwrap());
            let raw = key.encapsulation_key().to_bytes().to_vec();
            for _ in 0..INPUTS {
                let (ciphertext, secret) = encapsulate(&$witness, MlKemParameterSetType::$set.into(), &raw);
                assert_eq!(key.decapsulate_slice(&ciphertext).unwrap().as_slice(), secret, "{ciphertext:02x?}");
            }
        }};
    }
    on_each_make(|place| {
        let token = place.token();
        let witness = Witness::open(place);
        for spec in &token.capabilities().decapsulations {
            match spec {
                KeySpec::MlKem512 => open_outside!(witness, DecapsulationKey512, ML_KEM_512),
                KeySpec::MlKem768 => open_outside!(witness, DecapsulationKey768, ML_KEM_768),
                _ => open_outside!(witness, DecapsulationKey1024, ML_KEM_1024),
            }
        }
    });
}

fn encapsulate(witness: &Witness, set: ParameterSetType, raw: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let numbers = vec![Attribute::ParameterSet(set), Attribute::Value(raw.to_vec())];
    let public = public_key(witness, KeyType::ML_KEM, Attribute::Encapsulate(true), numbers);
    let template = [
        Attribute::Class(ObjectClass::SECRET_KEY),
        Attribute::KeyType(KeyType::GENERIC_SECRET),
        Attribute::Sensitive(false),
        Attribute::Extractable(true),
    ];
    let (ciphertext, secret) = witness.session().encapsulate_key(&Mechanism::MlKem, public, &template).unwrap();
    let value = witness.attributes(secret, &[AttributeType::Value]);
    for object in [public, secret] {
        witness.session().destroy_object(object).unwrap();
    }
    let [Attribute::Value(secret)] = &value[..] else { panic!("no secret") };
    (ciphertext, secret.clone())
}

#[test]
fn random_messages_encrypted_by_the_token_decrypt_outside() {
    on_each_make(|place| {
        let token = place.token();
        if token.capabilities().oaep_sha256 != Some(RsaUnwrap::InToken) {
            return;
        }
        let witness = Witness::open(place);
        let key = rsa::PrivateKey::new(&mut getrandom::SysRng, 2048).unwrap();
        let numbers =
            vec![Attribute::Modulus(key.n().to_be_bytes().to_vec()), Attribute::PublicExponent(vec![1, 0, 1])];
        let public = public_key(&witness, KeyType::RSA, Attribute::Encrypt(true), numbers);
        let parameters = PkcsOaepParams::new(MechanismType::SHA256, PkcsMgfType::MGF1_SHA256, PkcsOaepSource::empty());
        let mechanism = Mechanism::RsaPkcsOaep(parameters);
        for _ in 0..INPUTS {
            let message = message(190);
            let ciphertext = witness.session().encrypt(&mechanism, public, &message).unwrap();
            assert_eq!(key.oaep_decrypt::<Sha256>(&ciphertext).unwrap(), message, "{ciphertext:02x?}");
        }
    });
}
