//! Data key pairs as openssl reads them.

use kms_core::algorithm::DataKeyPairSpec as Spec;
use kms_keypair::{GenerateError, PublicKey, generate_data_key_pair};

use crate::support::{Openssl, pair_specs};

/// key-specs.md 6: the least and the greatest length. RSA varies with leading zero bits of its numbers.
fn private_key_bytes(spec: Spec) -> (usize, usize) {
    match spec {
        Spec::Rsa2048 => (1208, 1222),
        Spec::Rsa3072 => (1784, 1798),
        Spec::Rsa4096 => (2365, 2379),
        Spec::EccNistP256 => (138, 138),
        Spec::EccNistP384 => (185, 185),
        Spec::EccNistP521 => (241, 241),
        Spec::EccSecgP256K1 => (135, 135),
        Spec::EccNistEdwards25519 => (48, 48),
        Spec::MlKem512 | Spec::MlKem768 | Spec::MlKem1024 => (86, 86),
        Spec::Sm2 => (0, 0),
    }
}

#[test]
fn every_pair_has_the_published_lengths_and_a_public_key_of_its_spec() {
    for spec in pair_specs() {
        let pair = generate_data_key_pair(spec).unwrap();
        let (least, greatest) = private_key_bytes(spec);
        let bytes = pair.private_key_pkcs8.len();
        assert!((least..=greatest).contains(&bytes), "{spec}: {bytes}");
        let key = PublicKey::from_spki(spec.key_spec(), &pair.public_key_spki).unwrap();
        assert_eq!(key.spki(), pair.public_key_spki, "{spec}");
        let other = generate_data_key_pair(spec).unwrap();
        assert_ne!(other.public_key_spki, pair.public_key_spki);
    }
    assert_eq!(generate_data_key_pair(Spec::Sm2).err(), Some(GenerateError::Unsupported));
}

/// The openssl of Debian 12 knows no ML-KEM; those are held against another library in `post_quantum`.
#[test]
fn openssl_reads_each_private_key_as_its_own_and_finds_the_same_public_key() {
    let openssl = Openssl::new();
    for spec in pair_specs().filter(|spec| private_key_bytes(*spec).0 != 86) {
        let pair = generate_data_key_pair(spec).unwrap();
        openssl.put("key", &pair.private_key_pkcs8);
        let public = openssl.run("pkey -inform DER -in key -pubout -outform DER").unwrap();
        assert_eq!(public, pair.public_key_spki, "{spec}");
        let private = openssl.run("pkcs8 -topk8 -nocrypt -inform DER -in key -outform DER").unwrap();
        assert_eq!(private, *pair.private_key_pkcs8, "{spec}");
        assert!(openssl.run("pkey -inform DER -in key -check -noout").is_some(), "{spec}");
    }
}
