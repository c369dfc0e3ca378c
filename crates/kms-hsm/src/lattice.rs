//! The parameter sets of ML-DSA and ML-KEM, as PKCS#11 3.2 names them. Source: key-specs.md 1, FIPS 203 and 204.

use cryptoki::mechanism::dsa::{HedgeType, SignAdditionalContext};
use cryptoki::mechanism::{Mechanism, MechanismType};
use cryptoki::object::{MlDsaParameterSetType as DsaSet, MlKemParameterSetType as KemSet, ParameterSetType};
use kms_core::key_spec::KeySpec;

/// A parameter set.
#[derive(Clone, Copy)]
pub(crate) enum Lattice {
    /// It signs.
    MlDsa(DsaSet),
    /// It decapsulates.
    MlKem(KemSet),
}

/// The parameter set of a spec, if it has one.
pub(crate) fn lattice_of(spec: KeySpec) -> Option<Lattice> {
    Some(match spec {
        KeySpec::MlDsa44 => Lattice::MlDsa(DsaSet::ML_DSA_44),
        KeySpec::MlDsa65 => Lattice::MlDsa(DsaSet::ML_DSA_65),
        KeySpec::MlDsa87 => Lattice::MlDsa(DsaSet::ML_DSA_87),
        KeySpec::MlKem512 => Lattice::MlKem(KemSet::ML_KEM_512),
        KeySpec::MlKem768 => Lattice::MlKem(KemSet::ML_KEM_768),
        KeySpec::MlKem1024 => Lattice::MlKem(KemSet::ML_KEM_1024),
        _ => return None,
    })
}

impl Lattice {
    /// The mechanism that makes pairs.
    pub(crate) fn generation(self) -> Mechanism<'static> {
        match self {
            Self::MlDsa(_) => Mechanism::MlDsaKeyPairGen,
            Self::MlKem(_) => Mechanism::MlKemKeyPairGen,
        }
    }

    /// The mechanism of the private half.
    pub(crate) fn use_type(self) -> MechanismType {
        match self {
            Self::MlDsa(_) => MechanismType::ML_DSA,
            Self::MlKem(_) => MechanismType::ML_KEM,
        }
    }

    /// `CKA_PARAMETER_SET`.
    pub(crate) fn parameter_set(self) -> ParameterSetType {
        match self {
            Self::MlDsa(set) => set.into(),
            Self::MlKem(set) => set.into(),
        }
    }
}

/// ML-DSA of a message with the empty context; the token hedges if it can (FIPS 204 3.4).
pub(crate) fn ml_dsa() -> Mechanism<'static> {
    Mechanism::MlDsa(SignAdditionalContext::new(HedgeType::Preferred, None))
}
