//! ML-DSA and ML-KEM: one library signs or opens what the other made.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use aws_lc_rs::signature::{
    KeyPair, ML_DSA_44_SIGNING, ML_DSA_65_SIGNING, ML_DSA_87_SIGNING, PqdsaKeyPair, PqdsaSigningAlgorithm,
};
use kms_core::algorithm::{DataKeyPairSpec, SigningAlgorithm as A};
use kms_core::key_spec::KeySpec;
use kms_keypair::{BadSignature, DataKeyPair, PublicKey, SignInput, generate_data_key_pair, kem_sizes};
use ml_dsa::signature::Signer;
use ml_dsa::{MlDsa44, MlDsa65, MlDsa87, MlDsaParams, SigningKey, VerifyingKey};
use ml_kem::kem::Decapsulate;
use ml_kem::{DecapsulationKey512, DecapsulationKey768, DecapsulationKey1024};
use rsa::pkcs8::{DecodePrivateKey, EncodePublicKey};

use crate::support::{message, random};

/// mu of FIPS 204, algorithm 7 line 6, for the empty context.
fn mu_of<P: MlDsaParams>(key: &VerifyingKey<P>, message: &[u8]) -> [u8; 64] {
    let mu = key.compute_mu(
        |hash| {
            sha2::digest::Update::update(hash, message);
            Ok(())
        },
        b"",
    );
    mu.unwrap().into()
}

fn agrees<P: MlDsaParams>(spec: KeySpec, signing: &'static PqdsaSigningAlgorithm)
where
    VerifyingKey<P>: EncodePublicKey,
{
    for _ in 0..8 {
        let message = message();
        let own = SigningKey::<P>::from_seed(&ml_dsa::Seed::try_from(random(32).as_slice()).unwrap());
        let verifying = own.expanded_key().verifying_key();
        let key = PublicKey::from_raw(spec, verifying.encode().as_slice()).unwrap();
        assert_eq!(verifying.to_public_key_der().unwrap().as_bytes(), key.spki());
        let signature = own.sign(&message).encode().to_vec();
        check(&key, &message, &mu_of(&verifying, &message), &signature);

        let other = PqdsaKeyPair::generate(signing).unwrap();
        let raw = other.public_key().as_ref();
        let verifying = VerifyingKey::<P>::decode(&raw.try_into().unwrap());
        let mut signature = vec![0; signing.signature_len()];
        other.sign(&message, &mut signature).unwrap();
        check(&PublicKey::from_raw(spec, raw).unwrap(), &message, &mu_of(&verifying, &message), &signature);
    }
}

fn check(key: &PublicKey, message: &[u8], mu: &[u8; 64], signature: &[u8]) {
    assert_eq!(PublicKey::from_spki(key.spec(), key.spki()).unwrap(), *key);
    let mut other_mu = *mu;
    other_mu[usize::from(random(1)[0]) % 64] ^= 1;
    let verify = |input: SignInput<'_>, signature: &[u8]| key.verify(A::MlDsaShake256, &input, signature);
    assert_eq!(verify(SignInput::Raw(message), signature), Ok(()));
    assert_eq!(verify(SignInput::ExternalMu(mu), signature), Ok(()));
    assert_eq!(verify(SignInput::ExternalMu(&other_mu), signature), Err(BadSignature));
    assert_eq!(verify(SignInput::Raw(mu), signature), Err(BadSignature));
    let mut bad = signature.to_vec();
    bad[usize::from(random(1)[0])] ^= 1;
    for bad in [bad.as_slice(), &signature[1..], &[signature, &[0]].concat()] {
        assert_eq!(verify(SignInput::Raw(message), bad), Err(BadSignature));
        assert_eq!(verify(SignInput::ExternalMu(mu), bad), Err(BadSignature));
    }
}

#[test]
fn ml_dsa_signatures_of_either_library_verify_by_message_and_by_mu() {
    agrees::<MlDsa44>(KeySpec::MlDsa44, &ML_DSA_44_SIGNING);
    agrees::<MlDsa65>(KeySpec::MlDsa65, &ML_DSA_65_SIGNING);
    agrees::<MlDsa87>(KeySpec::MlDsa87, &ML_DSA_87_SIGNING);
}

#[test]
fn what_is_encapsulated_for_a_data_key_pair_is_opened_with_its_seed() {
    for spec in [DataKeyPairSpec::MlKem512, DataKeyPairSpec::MlKem768, DataKeyPairSpec::MlKem1024] {
        for _ in 0..8 {
            let pair = generate_data_key_pair(spec).unwrap();
            assert_eq!(pair.private_key_pkcs8.len(), 86);
            let key = PublicKey::from_spki(spec.key_spec(), &pair.public_key_spki).unwrap();
            let made = key.encapsulate().unwrap();
            let sizes = kem_sizes(spec.key_spec()).unwrap();
            assert_eq!((key.raw().len(), made.ciphertext.len()), (sizes.encapsulation_key, sizes.ciphertext));
            let opened = match spec {
                DataKeyPairSpec::MlKem512 => open::<DecapsulationKey512>(&pair, &made.ciphertext),
                DataKeyPairSpec::MlKem768 => open::<DecapsulationKey768>(&pair, &made.ciphertext),
                _ => open::<DecapsulationKey1024>(&pair, &made.ciphertext),
            };
            assert_eq!(opened, made.shared_secret.as_slice());
            assert_eq!(made.shared_secret.len(), sizes.shared_secret);
        }
    }
}

/// The other library reads the private key, finds the same public key, and opens the ciphertext.
fn open<K>(pair: &DataKeyPair, ciphertext: &[u8]) -> Vec<u8>
where
    K: DecodePrivateKey + Decapsulate,
    ml_kem::kem::EncapsulationKey<K::Kem>: EncodePublicKey,
{
    let key = K::from_pkcs8_der(&pair.private_key_pkcs8).unwrap();
    assert_eq!(key.encapsulation_key().to_public_key_der().unwrap().as_bytes(), pair.public_key_spki);
    key.decapsulate_slice(ciphertext).unwrap().to_vec()
}
