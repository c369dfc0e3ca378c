//! The kinds of keys under test: all that a SoftHSM token serves, and a second one beside it. Source: key-specs.md 1.

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

/// What only the second token makes, and nobody imports.
const LATTICES: [KeyKind; 6] = [
    encapsulation(KeySpec::MlKem768),
    signing(KeySpec::MlDsa65),
    encapsulation(KeySpec::MlKem512),
    signing(KeySpec::MlDsa44),
    encapsulation(KeySpec::MlKem1024),
    signing(KeySpec::MlDsa87),
];

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

const fn encapsulation(spec: KeySpec) -> KeyKind {
    KeyKind { spec, usage: KeyUsage::EncapsulateDecapsulate }
}

/// Gives the kinds of the keys that are not symmetric: all of them come before one comes again.
#[derive(Default)]
pub(crate) struct Turns {
    has_second_token: bool,
    made: AtomicUsize,
    imported: AtomicUsize,
}

impl Turns {
    /// Where there is a second token, its kinds take every other turn.
    pub(crate) fn new(has_second_token: bool) -> Self {
        Self { has_second_token, ..Self::default() }
    }

    /// Whether there is a token for what SoftHSM has not.
    pub(crate) const fn has_second_token(&self) -> bool {
        self.has_second_token
    }

    /// The kind of the next key.
    pub(crate) fn next(&self, is_external: bool) -> KeyKind {
        let number = if is_external { &self.imported } else { &self.made }.fetch_add(1, Ordering::SeqCst);
        let others: &[KeyKind] = if is_external { &LARGER } else { &[] };
        if self.has_second_token && !is_external && number % 2 == 0 {
            return LATTICES[number / 2 % LATTICES.len()];
        }
        let number = if self.has_second_token && !is_external { number / 2 } else { number };
        let at = number % (GENERATED.len() + others.len());
        *GENERATED.get(at).unwrap_or_else(|| &others[at - GENERATED.len()])
    }
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
        let turns = Turns::new(true);
        let imported: Vec<KeyKind> = (0..GENERATED.len() + LARGER.len()).map(|_| turns.next(true)).collect();
        assert!(GENERATED.iter().chain(&LARGER).all(|kind| imported.contains(kind)));
        let made: Vec<KeyKind> = (0..2 * GENERATED.len()).map(|_| turns.next(false)).collect();
        assert!(GENERATED.iter().chain(&LATTICES).all(|kind| made.contains(kind)));
        assert!(made.iter().chain(&imported).all(|kind| kind.spec.allows(kind.usage)));
        let alone: Vec<KeyKind> = (0..GENERATED.len()).map(|_| Turns::default().next(false)).collect();
        assert!(alone.iter().all(|kind| !LATTICES.contains(kind)));
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
