//! What a token can do, found by its list of mechanisms and by trying.

mod table;

use std::ops::RangeInclusive;

use kms_core::algorithm::{MacAlgorithm, SigningAlgorithm};
use kms_core::hsm::{Ability, KeyKind};
use kms_core::key_spec::{KeySpec, KeyUsage, WrappingKeySpec};
use kms_core::wrapping::WrappingAlgorithm;

use crate::key_form::{Form, form_of};
use crate::lattice::Lattice;
use crate::mechanism::{Kwp, OaepHash, scheme_of};

pub use table::{KindRow, Served};

/// How the RSA part of wrapped material is opened.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RsaUnwrap {
    /// `C_UnwrapKey` with `CKM_RSA_PKCS_OAEP`: what was wrapped never leaves the token.
    InToken,
    /// `C_Decrypt` with `CKM_RSA_X_509` and the OAEP padding removed by the process: what was wrapped is in a zeroizing
    /// buffer for the time of one call.
    RawDecryption,
}

/// What the self-test found.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Capabilities {
    /// `C_GetMechanismList`, as numbers of `CKM_…`; cryptoki leaves out what it has no name for, of which only [`Self::kwp`]
    /// is of use here and is added.
    pub mechanisms: Vec<u64>,
    /// How OAEP with SHA-1 is opened, if at all.
    pub oaep_sha1: Option<RsaUnwrap>,
    /// How OAEP with SHA-256 is opened, if at all.
    pub oaep_sha256: Option<RsaUnwrap>,
    /// Whether raw RSA decryption works, which is the fall-back of all others.
    pub raw_rsa: bool,
    /// How the token unwraps RFC 5649, if it does; else the process does it.
    pub kwp: Option<Kwp>,
    /// The sizes in bits of the RSA pairs that the token makes, as it says itself; none if it makes none.
    pub rsa_bits: Option<RangeInclusive<u64>>,
    /// The HMACs that the token computes as the process does.
    pub macs: Vec<MacAlgorithm>,
    /// The signatures that the process verifies; those of RSA_2048 stand for RSA keys of every size.
    pub signatures: Vec<(KeySpec, SigningAlgorithm)>,
    /// The curves on which the token agrees on the secret that the process finds too.
    pub agreements: Vec<KeySpec>,
    /// The specs of ML-KEM with which the token finds the secret that the process encapsulated.
    pub decapsulations: Vec<KeySpec>,
    /// The specs whose private keys (PKCS #8) the token unwraps by KWP itself; RSA_2048 stands for RSA keys of every size.
    pub unwraps: Vec<KeySpec>,
    /// The specs whose private keys the token takes by their numbers; RSA_2048 stands for RSA keys of every size.
    pub creates: Vec<KeySpec>,
}

impl Capabilities {
    /// Why the token has not this ability; nothing if it has.
    pub fn lack(&self, ability: Ability) -> Option<&'static str> {
        match ability {
            Ability::Generate(kind) => self.lack_of_kind(kind),
            Ability::Import(kind, algorithm) => self.lack_of_import(kind, algorithm),
            Ability::Sign(spec, algorithm) if self.signs_with(spec, algorithm) => None,
            Ability::Sign(..) => Some("this signing algorithm is missing, or its signatures do not verify"),
        }
    }

    fn lack_of_kind(&self, KeyKind { spec, usage }: KeyKind) -> Option<&'static str> {
        if !spec.allows(usage) {
            return Some("KMS has no such usage of this key spec");
        }
        match form_of(spec) {
            None if spec == KeySpec::Sm2 => Some("SM2 keys are of the regions in China"),
            None => Some("keys of this spec are not served by this version"),
            Some(Form::Secret { .. }) => match spec.mac_algorithm() {
                Some(algorithm) if !self.macs.contains(&algorithm) => Some("its HMAC is missing or wrong"),
                _ => None,
            },
            Some(Form::Rsa { bits }) if self.rsa_bits.as_ref().is_none_or(|range| !range.contains(&bits)) => {
                Some("the token makes no RSA pairs of this size")
            }
            Some(Form::Rsa { .. }) if usage == KeyUsage::EncryptDecrypt => {
                let both = self.oaep_sha1.and(self.oaep_sha256);
                both.is_none().then_some("the token decrypts neither OAEP with both hashes nor raw RSA")
            }
            Some(Form::Curve(_)) if usage == KeyUsage::KeyAgreement => {
                (!self.agreements.contains(&spec)).then_some("ECDH on this curve is missing or wrong")
            }
            Some(Form::Lattice(Lattice::MlKem(_))) => {
                (!self.decapsulations.contains(&spec)).then_some("the token has no working ML-KEM")
            }
            Some(Form::Lattice(Lattice::MlDsa(_))) => {
                (!self.signs_with(spec, SigningAlgorithm::MlDsaShake256)).then_some("the token has no working ML-DSA")
            }
            Some(Form::Rsa { .. } | Form::Curve(_)) => {
                let algorithms = spec.signing_algorithms(usage).iter();
                let mut needed = algorithms.filter(|algorithm| **algorithm != SigningAlgorithm::Ed25519PhSha512);
                (!needed.all(|algorithm| self.signs_with(spec, *algorithm)))
                    .then_some("a signing algorithm of it is missing, or its signatures do not verify")
            }
        }
    }

    fn lack_of_import(&self, kind: KeyKind, algorithm: WrappingAlgorithm) -> Option<&'static str> {
        if algorithm.may_import(kind.spec, WrappingKeySpec::Rsa4096) {
            self.lack_of_opening(kind, algorithm)
        } else {
            Some("KMS imports no key of this spec in this way")
        }
    }

    /// Why the token cannot take in material of this kind, whether or not KMS has it wrapped in this way.
    pub(crate) fn lack_of_opening(&self, kind: KeyKind, algorithm: WrappingAlgorithm) -> Option<&'static str> {
        if self.unwrap_path(algorithm).is_none() {
            return Some("the token opens no material that is wrapped in this way");
        }
        let is_taken = !kind.spec.is_key_pair() || self.creates(kind.spec) || self.unwraps(kind.spec);
        self.lack_of_kind(kind).or((!is_taken).then_some("the token takes no private key of this spec from outside"))
    }

    /// Whether the token unwraps private keys of this spec itself.
    pub(crate) fn unwraps(&self, spec: KeySpec) -> bool {
        self.unwraps.contains(&stand_in(spec))
    }

    fn creates(&self, spec: KeySpec) -> bool {
        self.creates.contains(&stand_in(spec))
    }

    fn signs_with(&self, spec: KeySpec, algorithm: SigningAlgorithm) -> bool {
        self.signatures.contains(&(stand_in(spec), algorithm))
    }

    /// Whether keys of any spec sign with this algorithm.
    pub(crate) fn signs(&self, algorithm: SigningAlgorithm) -> bool {
        self.signatures.iter().any(|(_, offered)| *offered == algorithm)
    }

    /// How OAEP with this hash is opened.
    pub(crate) fn oaep(&self, hash: OaepHash) -> Option<RsaUnwrap> {
        match hash {
            OaepHash::Sha1 => self.oaep_sha1,
            OaepHash::Sha256 => self.oaep_sha256,
        }
    }

    /// How the RSA part of an algorithm is opened on this token; none if it is not served.
    pub fn unwrap_path(&self, algorithm: WrappingAlgorithm) -> Option<RsaUnwrap> {
        let scheme = scheme_of(algorithm)?;
        if scheme.kwp_follows && self.kwp.is_none() {
            // KWP in the process needs the ephemeral key in the process.
            return self.raw_rsa.then_some(RsaUnwrap::RawDecryption);
        }
        self.oaep(scheme.hash)
    }
}

/// The spec that was tried in place of this one.
fn stand_in(spec: KeySpec) -> KeySpec {
    if let Some(Form::Rsa { .. }) = form_of(spec) { KeySpec::Rsa2048 } else { spec }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AN_EC_KEY: KeyKind = KeyKind { spec: KeySpec::EccNistP256, usage: KeyUsage::SignVerify };

    #[test]
    fn what_the_self_test_did_not_find_is_not_offered() {
        let mut able = Capabilities::default();
        assert_eq!(able.lack(Ability::Generate(KeyKind::SYMMETRIC)), None, "without it the token is not opened");
        for kind in KeyKind::all().filter(|kind| *kind != KeyKind::SYMMETRIC) {
            assert!(able.lack(Ability::Generate(kind)).is_some(), "{kind:?}");
        }
        able.signatures.push((KeySpec::EccNistP256, SigningAlgorithm::EcdsaSha256));
        assert_eq!(able.lack(Ability::Generate(AN_EC_KEY)), None);
        let (k1, algorithm) = (KeySpec::EccSecgP256K1, SigningAlgorithm::EcdsaSha256);
        assert!(able.lack(Ability::Sign(k1, algorithm)).is_some(), "the same algorithm on another curve");
        let agreement = KeyKind { usage: KeyUsage::KeyAgreement, ..AN_EC_KEY };
        assert!(able.lack(Ability::Generate(agreement)).is_some());
        assert!(able.lack(Ability::Generate(KeyKind { usage: KeyUsage::EncryptDecrypt, ..AN_EC_KEY })).is_some());
    }

    #[test]
    fn kwp_in_the_process_forces_the_raw_path() {
        let able = Capabilities {
            oaep_sha1: Some(RsaUnwrap::InToken),
            oaep_sha256: Some(RsaUnwrap::RawDecryption),
            raw_rsa: true,
            kwp: Some(Kwp::KeyWrapKwp),
            ..Capabilities::default()
        };
        assert_eq!(able.unwrap_path(WrappingAlgorithm::RsaAesKeyWrapSha1), Some(RsaUnwrap::InToken));
        let without = Capabilities { kwp: None, ..able.clone() };
        assert_eq!(without.unwrap_path(WrappingAlgorithm::RsaAesKeyWrapSha1), Some(RsaUnwrap::RawDecryption));
        let neither = Capabilities { raw_rsa: false, ..without };
        assert_eq!(neither.unwrap_path(WrappingAlgorithm::RsaAesKeyWrapSha1), None);
        assert_eq!(able.unwrap_path(WrappingAlgorithm::RsaesPkcs1V15), None);
    }
}
