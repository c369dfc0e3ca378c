//! The capabilities as one table: every kind of key, whether it is generated and by which ways it is imported and used.

use kms_core::algorithm::SigningAlgorithm;
use kms_core::hsm::{Ability, KeyKind};
use kms_core::key_spec::{KeySpec, WrappingKeySpec};
use kms_core::wrapping::WrappingAlgorithm;

use super::Capabilities;
use crate::key_form::{Form, form_of};

/// An ability, or the reason why it is missing.
pub type Served = Result<(), &'static str>;

/// One kind of key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KindRow {
    /// Its spec and usage.
    pub kind: KeyKind,
    /// Whether this version promises it on a token that has the mechanisms; the others are not served anywhere.
    pub is_promised: bool,
    /// Whether it is made in the token, and used.
    pub generate: Served,
    /// The ways that KMS has of importing it.
    pub imports: Vec<(WrappingAlgorithm, Served)>,
    /// Its signing algorithms.
    pub signatures: Vec<(SigningAlgorithm, Served)>,
}

impl Capabilities {
    /// The table, in the order of the specs.
    pub fn table(&self) -> Vec<KindRow> {
        KeyKind::all().map(|kind| self.row(kind)).collect()
    }

    fn row(&self, kind: KeyKind) -> KindRow {
        let served = |ability| self.lack(ability).map_or(Ok(()), Err);
        let ways = WrappingAlgorithm::ALL.into_iter();
        let ways = ways.filter(|algorithm| algorithm.may_import(kind.spec, WrappingKeySpec::Rsa4096));
        let signatures = kind.spec.signing_algorithms(kind.usage).iter();
        KindRow {
            kind,
            is_promised: self.is_promised(kind.spec),
            generate: served(Ability::Generate(kind)),
            imports: ways.map(|algorithm| (algorithm, served(Ability::Import(kind, algorithm)))).collect(),
            signatures: signatures
                .map(|algorithm| (*algorithm, served(Ability::Sign(kind.spec, *algorithm))))
                .collect(),
        }
    }

    /// A token that has no mechanism of ML-DSA or ML-KEM at all promises nothing of it.
    fn is_promised(&self, spec: KeySpec) -> bool {
        match form_of(spec) {
            Some(Form::Lattice(lattice)) => self.mechanisms.contains(&*lattice.use_type()),
            form => form.is_some(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_a_row_for_every_kind_and_a_reason_for_every_no() {
        let table = Capabilities::default().table();
        assert_eq!(table.len(), KeyKind::all().count());
        assert_eq!(table.iter().filter(|row| row.is_promised).count(), 19);
        let with_mechanisms = Capabilities {
            mechanisms: vec![cryptoki_sys::CKM_ML_DSA, cryptoki_sys::CKM_ML_KEM],
            ..Capabilities::default()
        };
        assert_eq!(with_mechanisms.table().iter().filter(|row| row.is_promised).count(), 25);
        for row in table.iter().filter(|row| row.kind != KeyKind::SYMMETRIC) {
            assert!(row.generate.is_err_and(|reason| !reason.is_empty()), "{:?}", row.kind);
            assert!(row.imports.iter().all(|(_, served)| served.is_err()), "{:?}", row.kind);
            assert_eq!(row.signatures.len(), row.kind.spec.signing_algorithms(row.kind.usage).len());
        }
    }
}
