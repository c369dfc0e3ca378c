//! The kinds of keys under test: all that a SoftHSM token serves. Source: key-specs.md 1.

use std::sync::atomic::{AtomicUsize, Ordering};

use kms_core::hsm::KeyKind;
use kms_core::key_spec::{KeySpec, KeyUsage, WrappingKeySpec};
use kms_core::wrapping::WrappingAlgorithm;

/// Small wrapping keys: a token makes larger ones slowly, and all of them open material in the same way.
pub(crate) const WRAPPING_KEY: WrappingKeySpec = WrappingKeySpec::Rsa2048;

/// Kinds beside the symmetric one. Of RSA the smallest, which the token makes in a tenth of a second.
const GENERATED: [KeyKind; 14] = [
    mac(KeySpec::Hmac256),
    signing(KeySpec::EccNistP256),
    signing(KeySpec::Rsa2048),
    agreement(KeySpec::EccNistP256),
    encryption(KeySpec::Rsa2048),
    signing(KeySpec::EccNistEdwards25519),
    signing(KeySpec::EccSecgP256K1),
    mac(KeySpec::Hmac512),
    agreement(KeySpec::EccNistP384),
    signing(KeySpec::EccNistP384),
    mac(KeySpec::Hmac224),
    agreement(KeySpec::EccNistP521),
    signing(KeySpec::EccNistP521),
    mac(KeySpec::Hmac384),
];

/// Larger keys, which the token does not make but takes in.
const LARGER: [KeyKind; 2] = [signing(KeySpec::Rsa3072), encryption(KeySpec::Rsa4096)];

const fn mac(spec: KeySpec) -> KeyKind {
    KeyKind { spec, usage: KeyUsage::GenerateVerifyMac }
}

const fn signing(spec: KeySpec) -> KeyKind {
    KeyKind { spec, usage: KeyUsage::SignVerify }
}

const fn encryption(spec: KeySpec) -> KeyKind {
    KeyKind { spec, usage: KeyUsage::EncryptDecrypt }
}

const fn agreement(spec: KeySpec) -> KeyKind {
    KeyKind { spec, usage: KeyUsage::KeyAgreement }
}

/// The kind of the next key that is not symmetric: all of them come before one comes again.
pub(crate) fn next(is_external: bool) -> KeyKind {
    static IMPORTED: AtomicUsize = AtomicUsize::new(0);
    static MADE: AtomicUsize = AtomicUsize::new(0);
    let larger: &[KeyKind] = if is_external { &LARGER } else { &[] };
    let number = if is_external { &IMPORTED } else { &MADE }.fetch_add(1, Ordering::SeqCst);
    let at = number % (GENERATED.len() + larger.len());
    GENERATED.get(at).or_else(|| larger.get(at - GENERATED.len())).copied().unwrap_or(KeyKind::SYMMETRIC)
}

/// The algorithms that wrap material of this spec under [`WRAPPING_KEY`].
pub(crate) fn wrapping_algorithms(spec: KeySpec) -> Vec<WrappingAlgorithm> {
    WrappingAlgorithm::ALL.into_iter().filter(|algorithm| algorithm.may_import(spec, WRAPPING_KEY)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_usage_that_kms_has_and_every_spec_of_the_token_comes_by() {
        let is_served = |kind: &KeyKind| !kind.spec.name().starts_with("ML_") && kind.spec != KeySpec::Sm2;
        let others = |kind: &KeyKind| *kind != KeyKind::SYMMETRIC;
        let larger = |kind: &KeyKind| matches!(kind.spec, KeySpec::Rsa3072 | KeySpec::Rsa4096);
        for kind in KeyKind::all().filter(|kind| is_served(kind) && others(kind) && !larger(kind)) {
            assert!(GENERATED.contains(&kind), "{kind:?}");
        }
        let imported: Vec<KeyKind> = (0..GENERATED.len() + LARGER.len()).map(|_| next(true)).collect();
        assert!(GENERATED.iter().chain(&LARGER).all(|kind| imported.contains(kind)));
        assert!(imported.iter().all(|kind| kind.spec.allows(kind.usage)));
    }

    #[test]
    fn private_keys_that_are_too_long_for_oaep_come_by_key_wrap() {
        use WrappingAlgorithm::{RsaAesKeyWrapSha1, RsaAesKeyWrapSha256};
        for spec in [KeySpec::Rsa2048, KeySpec::EccNistP521] {
            assert_eq!(wrapping_algorithms(spec), [RsaAesKeyWrapSha1, RsaAesKeyWrapSha256]);
        }
        assert_eq!(wrapping_algorithms(KeySpec::EccNistP256).len(), 4);
        assert_eq!(wrapping_algorithms(KeySpec::Hmac512).len(), 2);
    }
}
