//! The algorithms of a key, as its metadata and its public key list them. Source: key-specs.md 1.

use kms_core::Hsm;
use kms_core::algorithm::{EncapsulationAlgorithm, KeyAgreementAlgorithm};
use kms_core::hsm::{Ability, KeyKind};
use kms_core::key_spec::KeyUsage;

/// The one list that goes with the usage of the key; the others are none.
#[derive(Debug, Default)]
pub(crate) struct Algorithms {
    pub(crate) encryption: Option<Vec<String>>,
    pub(crate) signing: Option<Vec<String>>,
    pub(crate) mac: Option<Vec<String>>,
    pub(crate) key_agreement: Option<Vec<String>>,
    pub(crate) encapsulation: Option<Vec<String>>,
}

impl Algorithms {
    /// Those of a kind of key, less the signing algorithms that the token lacks (Ed25519ph on some).
    pub(crate) fn of(kind: KeyKind, hsm: &dyn Hsm) -> Self {
        let KeyKind { spec, usage } = kind;
        let none = Self::default();
        match usage {
            KeyUsage::EncryptDecrypt => {
                Self { encryption: names(spec.encryption_algorithms(usage).iter().copied()), ..none }
            }
            KeyUsage::SignVerify => {
                let all = spec.signing_algorithms(usage).iter().copied();
                let served = all.filter(|algorithm| hsm.supports(Ability::Sign(spec, *algorithm)).is_ok());
                Self { signing: names(served), ..none }
            }
            KeyUsage::GenerateVerifyMac => Self { mac: names(spec.mac_algorithm()), ..none },
            KeyUsage::KeyAgreement => Self { key_agreement: names([KeyAgreementAlgorithm::Ecdh]), ..none },
            KeyUsage::EncapsulateDecapsulate => Self { encapsulation: names([EncapsulationAlgorithm::MlKem]), ..none },
        }
    }
}

fn names(algorithms: impl IntoIterator<Item = impl ToString>) -> Option<Vec<String>> {
    Some(algorithms.into_iter().map(|algorithm| algorithm.to_string()).collect())
}
