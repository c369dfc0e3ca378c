//! What key material is in the token, by the spec and usage of its key. Source: cryptography.md 6.

use cryptoki::mechanism::MechanismType;
use kms_core::algorithm::MacAlgorithm;
use kms_core::hsm::KeyKind;
use kms_core::key_spec::{KeySpec, KeyUsage};

use crate::capabilities::{Capabilities, RsaUnwrap};
use crate::curve::{Curve, curve_of};
use crate::lattice::{Lattice, lattice_of};
use crate::template::Usage;

/// The form of material.
pub(crate) enum Form {
    /// `CKK_GENERIC_SECRET` of this length when it is generated, which computes HMACs.
    Secret { bytes: usize },
    /// A private RSA key with a modulus of so many bits.
    Rsa { bits: u64 },
    /// A private key on a curve.
    Curve(&'static Curve),
    /// A private key of ML-DSA or ML-KEM.
    Lattice(Lattice),
}

/// The form of a spec; none for those that no token here serves.
pub(crate) fn form_of(spec: KeySpec) -> Option<Form> {
    match spec {
        KeySpec::SymmetricDefault => Some(Form::Secret { bytes: 32 }),
        KeySpec::Rsa2048 => Some(Form::Rsa { bits: 2048 }),
        KeySpec::Rsa3072 => Some(Form::Rsa { bits: 3072 }),
        KeySpec::Rsa4096 => Some(Form::Rsa { bits: 4096 }),
        _ => match spec.mac_algorithm() {
            Some(algorithm) => Some(Form::Secret { bytes: algorithm.tag_bytes() }),
            None => curve_of(spec).map(Form::Curve).or_else(|| lattice_of(spec).map(Form::Lattice)),
        },
    }
}

/// What an object may do: one usage, and the mechanisms that it needs.
pub(crate) struct Powers {
    pub(crate) usage: Usage,
    pub(crate) allowed: Vec<MechanismType>,
}

/// The powers of material of a kind on a token; none for a usage that no spec of this form has.
pub(crate) fn powers_of(kind: KeyKind, capabilities: &Capabilities) -> Option<Powers> {
    let (usage, allowed) = match (form_of(kind.spec)?, kind.usage) {
        (Form::Secret { .. }, _) => (Usage::Sign, vec![hmac_type(kind.spec.mac_algorithm())]),
        (Form::Rsa { .. }, KeyUsage::SignVerify) => {
            (Usage::Sign, vec![MechanismType::RSA_PKCS, MechanismType::RSA_PKCS_PSS])
        }
        (Form::Rsa { .. }, KeyUsage::EncryptDecrypt) => (Usage::Decrypt, decryption_types(capabilities)),
        (Form::Curve(curve), KeyUsage::SignVerify) => (Usage::Sign, vec![curve.signature_type()]),
        (Form::Curve(_), KeyUsage::KeyAgreement) => (Usage::Derive, vec![MechanismType::ECDH1_DERIVE]),
        (Form::Lattice(lattice @ Lattice::MlDsa(_)), KeyUsage::SignVerify) => (Usage::Sign, vec![lattice.use_type()]),
        (Form::Lattice(lattice @ Lattice::MlKem(_)), KeyUsage::EncapsulateDecapsulate) => {
            (Usage::Decapsulate, vec![lattice.use_type()])
        }
        _ => return None,
    };
    Some(Powers { usage, allowed })
}

/// `CKM_RSA_X_509` is allowed only where the token lacks a hash of OAEP.
fn decryption_types(capabilities: &Capabilities) -> Vec<MechanismType> {
    let mut allowed = vec![MechanismType::RSA_PKCS_OAEP];
    if [capabilities.oaep_sha1, capabilities.oaep_sha256].contains(&Some(RsaUnwrap::RawDecryption)) {
        allowed.push(MechanismType::RSA_X_509);
    }
    allowed
}

/// The HMAC of an algorithm, or that of SYMMETRIC_DEFAULT.
pub(crate) fn hmac_type(algorithm: Option<MacAlgorithm>) -> MechanismType {
    match algorithm {
        Some(MacAlgorithm::HmacSha224) => MechanismType::SHA224_HMAC,
        Some(MacAlgorithm::HmacSha256) | None => MechanismType::SHA256_HMAC,
        Some(MacAlgorithm::HmacSha384) => MechanismType::SHA384_HMAC,
        Some(MacAlgorithm::HmacSha512) => MechanismType::SHA512_HMAC,
    }
}
