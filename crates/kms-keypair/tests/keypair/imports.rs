//! Private keys that a client imports.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use ecdsa::elliptic_curve::bigint::ConcatenatingMul;
use kms_core::algorithm::DataKeyPairSpec as Spec;
use kms_core::key_spec::KeySpec;
use kms_keypair::imported::{PrivateKeyParts, parse_pkcs8};
use kms_keypair::{PublicKey, generate_data_key_pair};
use proptest::prelude::*;
use rsa::pkcs8::der::{Decode, Encode};
use rsa::pkcs8::{EncodePrivateKey, PrivateKeyInfoRef, SubjectPublicKeyInfoRef};

use crate::support::{Openssl, pair_specs};

const IMPORTED: [Spec; 8] = [
    Spec::Rsa2048,
    Spec::Rsa3072,
    Spec::Rsa4096,
    Spec::EccNistP256,
    Spec::EccNistP384,
    Spec::EccNistP521,
    Spec::EccSecgP256K1,
    Spec::EccNistEdwards25519,
];

/// How `openssl genpkey` makes a key of a spec.
fn genpkey(spec: Spec) -> String {
    match spec {
        Spec::EccNistP256 => "EC -pkeyopt ec_paramgen_curve:P-256".into(),
        Spec::EccNistP384 => "EC -pkeyopt ec_paramgen_curve:P-384".into(),
        Spec::EccNistP521 => "EC -pkeyopt ec_paramgen_curve:P-521".into(),
        Spec::EccSecgP256K1 => "EC -pkeyopt ec_paramgen_curve:secp256k1".into(),
        Spec::EccNistEdwards25519 => "ED25519".into(),
        rsa => format!("RSA -pkeyopt rsa_keygen_bits:{}", &rsa.name()[4..]),
    }
}

/// A key that `openssl genpkey -algorithm OPTIONS` makes, as PKCS #8.
fn generate(openssl: &Openssl, options: &str) -> Vec<u8> {
    pkcs8(openssl, &openssl.run(&format!("genpkey -outform DER -algorithm {options}")).unwrap())
}

/// openssl writes DER in the form of the key's own scheme unless asked for PKCS #8.
fn pkcs8(openssl: &Openssl, key: &[u8]) -> Vec<u8> {
    openssl.put("traditional", key);
    openssl.run("pkcs8 -topk8 -nocrypt -inform DER -in traditional -outform DER").unwrap()
}

#[test]
fn keys_of_openssl_are_taken_with_the_public_key_that_openssl_computes() {
    let openssl = Openssl::new();
    for spec in IMPORTED {
        let private = generate(&openssl, &genpkey(spec));
        openssl.put("key", &private);
        let public = openssl.run("pkey -inform DER -in key -pubout -outform DER").unwrap();
        let pair = parse_pkcs8(spec.key_spec(), &private).unwrap();
        assert_eq!(pair.public_key.spki(), public, "{spec}");
        for other in KeySpec::ALL.iter().filter(|other| **other != spec.key_spec()) {
            assert!(parse_pkcs8(*other, &private).is_err(), "a key of {spec} is none of {other}");
        }
    }
}

#[test]
fn each_data_key_pair_is_taken_and_its_parts_are_those_of_its_scheme() {
    for spec in IMPORTED {
        let made = generate_data_key_pair(spec).unwrap();
        let pair = parse_pkcs8(spec.key_spec(), &made.private_key_pkcs8).unwrap();
        assert_eq!(pair.public_key.spki(), made.public_key_spki, "{spec}");
        let secret_bytes = match pair.parts {
            PrivateKeyParts::Rsa { prime_1, prime_2, .. } => prime_1.len() + prime_2.len(),
            PrivateKeyParts::Ec { curve, scalar } => {
                assert_eq!(curve.key_spec(), spec.key_spec());
                scalar.len()
            }
            PrivateKeyParts::Ed25519 { seed } => seed.len(),
        };
        let wanted = match pair.public_key.spec() {
            KeySpec::EccNistEdwards25519 => 32,
            elliptic if elliptic.is_elliptic() => pair.public_key.raw().len() / 2,
            _ => pair.public_key.raw().len(),
        };
        assert_eq!(secret_bytes, wanted, "{spec}");
    }
}

#[test]
fn specs_whose_import_is_not_served_take_nothing() {
    for spec in pair_specs().filter(|spec| !IMPORTED.contains(spec)) {
        let made = generate_data_key_pair(spec).unwrap();
        assert!(parse_pkcs8(spec.key_spec(), &made.private_key_pkcs8).is_err(), "{spec}");
    }
}

/// The public half inside makes every altered digit of an EC key show; an altered seed is another key of Ed25519.
#[test]
fn a_key_of_which_one_bit_differs_is_refused_or_another_key() {
    for spec in IMPORTED {
        let made = generate_data_key_pair(spec).unwrap();
        let der = &made.private_key_pkcs8;
        // RSA at every 31st byte: each try computes with the key.
        let step = if der.len() > 300 { 31 } else { 1 };
        for at in (0..der.len()).step_by(step) {
            let mut other = der.to_vec();
            other[at] ^= 1 << (at % 8);
            let Ok(pair) = parse_pkcs8(spec.key_spec(), &other) else { continue };
            let is_seed = spec == Spec::EccNistEdwards25519 && at >= 16;
            assert!(is_seed, "{spec} took a key that differs in byte {at}");
            assert_ne!(pair.public_key.spki(), made.public_key_spki);
        }
        assert!(parse_pkcs8(spec.key_spec(), &[der.as_slice(), &[0]].concat()).is_err(), "{spec}: trailing byte");
        for end in (0..der.len()).step_by(step) {
            assert!(parse_pkcs8(spec.key_spec(), &der[..end]).is_err(), "{spec} cut to {end}");
        }
    }
}

#[test]
fn weak_and_odd_rsa_keys_of_openssl_are_refused() {
    let openssl = Openssl::new();
    let refused = |options: &str| {
        let key = generate(&openssl, &format!("RSA {options}"));
        assert!(KeySpec::ALL.iter().all(|spec| parse_pkcs8(*spec, &key).is_err()), "{options}");
    };
    refused("-pkeyopt rsa_keygen_bits:1024");
    refused("-pkeyopt rsa_keygen_bits:2047");
    refused("-pkeyopt rsa_keygen_bits:2056");
    refused("-pkeyopt rsa_keygen_bits:2048 -pkeyopt rsa_keygen_pubexp:3");
    refused("-pkeyopt rsa_keygen_bits:2048 -pkeyopt rsa_keygen_primes:3");
}

/// The library takes any two factors: only a signature shows that one of them is no prime.
#[test]
fn an_rsa_key_with_a_composite_factor_is_refused() {
    let openssl = Openssl::new();
    let prime = |bits: u32| {
        let hex = String::from_utf8(openssl.run(&format!("prime -generate -hex -bits {bits}")).unwrap()).unwrap();
        let digits = hex.trim().as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).unwrap());
        let bytes: Vec<u8> = digits.map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect();
        rsa::BoxedUint::from_be_slice_vartime(&bytes)
    };
    let import = |p: rsa::BoxedUint, q: rsa::BoxedUint| {
        let key = rsa::PrivateKey::from_p_q(p, q, 65_537_u32.into()).unwrap();
        parse_pkcs8(KeySpec::Rsa2048, key.to_pkcs8_der().unwrap().as_bytes()).is_ok()
    };
    assert!(import(prime(1024), prime(1024)));
    assert!(!import(prime(512).concatenating_mul(&prime(512)), prime(1024)));
    assert!(!import(prime(1024), prime(512).concatenating_mul(&prime(512))));
}

#[test]
fn a_second_version_with_another_public_key_is_refused() {
    for spec in IMPORTED {
        let [made, other] = [0, 1].map(|_| generate_data_key_pair(spec).unwrap());
        let first = PrivateKeyInfoRef::from_der(&made.private_key_pkcs8).unwrap();
        let with = |public: &[u8]| {
            let public = SubjectPublicKeyInfoRef::from_der(public).unwrap().subject_public_key;
            let second = PrivateKeyInfoRef { public_key: Some(public), ..first.clone() };
            parse_pkcs8(spec.key_spec(), &second.to_der().unwrap()).is_ok()
        };
        assert!(with(&made.public_key_spki), "{spec}");
        assert!(!with(&other.public_key_spki), "{spec}");
    }
}

#[test]
fn ec_keys_with_explicit_parameters_or_a_compressed_point_are_refused() {
    let openssl = Openssl::new();
    let key = generate(&openssl, &genpkey(Spec::EccNistP256));
    openssl.put("key", &key);
    for options in ["-param_enc explicit", "-conv_form compressed", "-conv_form hybrid"] {
        let ec = openssl.run(&format!("ec -inform DER -in key -outform DER {options}")).unwrap();
        let odd = pkcs8(&openssl, &ec);
        assert!(parse_pkcs8(KeySpec::EccNistP256, &odd).is_err(), "{options}");
    }
    // Without any public half the scalar alone makes the key.
    let bare = openssl.run("ec -inform DER -in key -outform DER -no_public").unwrap();
    let bare = pkcs8(&openssl, &bare);
    let whole = parse_pkcs8(KeySpec::EccNistP256, &key).unwrap();
    assert_eq!(parse_pkcs8(KeySpec::EccNistP256, &bare).unwrap().public_key, whole.public_key);
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..400), at in 0..20usize) {
        prop_assert!(parse_pkcs8(KeySpec::ALL[at], &bytes).is_err());
        if let Ok(key) = PublicKey::from_spki(KeySpec::ALL[at], &bytes) {
            prop_assert_eq!(key.spki(), bytes.as_slice());
        }
        let _ = PublicKey::from_token_point(KeySpec::ALL[at], &bytes);
        let _ = PublicKey::from_rsa_components(KeySpec::ALL[at], &bytes, &[1, 0, 1]);
    }

    #[test]
    fn a_damaged_key_never_makes_the_parser_panic(
        at in 0..5usize, cut in 0..300usize, put in proptest::collection::vec(any::<u8>(), 0..9), over in 0..9usize,
    ) {
        let spec = IMPORTED[3 + at];
        let mut der = generate_data_key_pair(spec).unwrap().private_key_pkcs8.to_vec();
        let from = cut.min(der.len());
        let to = (from + over).min(der.len());
        der.splice(from..to, put);
        if let Ok(pair) = parse_pkcs8(spec.key_spec(), &der) {
            prop_assert_eq!(pair.public_key.spec(), spec.key_spec());
        }
    }
}
