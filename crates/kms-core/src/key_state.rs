//! The state of a key, computed and never stored, and what each state answers to each operation.

use crate::arn::KeyAddress;
use crate::clock::Timestamp;
use crate::error::KmsError;
use crate::key_facts::KeyFacts;
use crate::operation::Operation;

/// `KeyState`. Source: KMS Developer Guide, "Key states of AWS KMS keys".
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum KeyState {
    /// Usable.
    Enabled,
    /// Manageable, not usable.
    Disabled,
    /// Some associated key material is not present.
    PendingImport,
    /// A deletion date is set.
    PendingDeletion,
    /// A multi-Region primary waits for the deletion of its replicas.
    PendingReplicaDeletion,
    /// Its custom key store is disconnected.
    Unavailable,
    /// A multi-Region replica is being made.
    Creating,
    /// The primary Region is being changed.
    Updating,
}

impl KeyState {
    /// All states, in the order of the columns of [`Operation::verdicts`].
    pub const ALL: [Self; 8] = [
        Self::Enabled,
        Self::Disabled,
        Self::PendingImport,
        Self::PendingDeletion,
        Self::PendingReplicaDeletion,
        Self::Unavailable,
        Self::Creating,
        Self::Updating,
    ];

    /// The name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Enabled => "Enabled",
            Self::Disabled => "Disabled",
            Self::PendingImport => "PendingImport",
            Self::PendingDeletion => "PendingDeletion",
            Self::PendingReplicaDeletion => "PendingReplicaDeletion",
            Self::Unavailable => "Unavailable",
            Self::Creating => "Creating",
            Self::Updating => "Updating",
        }
    }

    /// The words of the error text `<key-arn> is <words>.`
    const fn words(self) -> &'static str {
        match self {
            Self::Enabled => "enabled",
            Self::Disabled => "disabled",
            Self::PendingImport => "pending import",
            Self::PendingDeletion => "pending deletion",
            Self::PendingReplicaDeletion => "pending replica deletion",
            Self::Unavailable => "unavailable",
            Self::Creating => "creating",
            Self::Updating => "updating",
        }
    }
}

/// What a state answers to an operation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// The operation goes on.
    Allow,
    /// DisabledException `<arn> is disabled.`
    IsDisabled,
    /// KMSInvalidStateException `<arn> is <state>.`
    BadState,
    /// KMSInvalidStateException `<arn> is not pending deletion.`
    NotPendingDeletion,
}

/// The state of a key from facts alone. Source: key-states.md 1 and 2.
pub fn key_state(facts: &KeyFacts, now: Timestamp) -> KeyState {
    if facts.deletion_date.is_some() {
        return KeyState::PendingDeletion;
    }
    let mut associated = facts.associated().peekable();
    if associated.peek().is_none() || !associated.all(|material| material.is_usable(now)) {
        return KeyState::PendingImport;
    }
    if facts.enabled { KeyState::Enabled } else { KeyState::Disabled }
}

/// Whether an import now makes the key usable at once, even one that was disabled before its material went: it does from
/// PendingImport. Source: key-states.md 2.
pub fn import_enables(facts: &KeyFacts, now: Timestamp) -> bool {
    key_state(facts, now) == KeyState::PendingImport
}

/// Refuses an operation that the state of the key does not allow.
///
/// # Errors
/// `DisabledException` or `KMSInvalidStateException` with the text of key-states.md 4.
pub fn check_state(operation: Operation, address: &KeyAddress, state: KeyState) -> Result<(), KmsError> {
    match operation.verdict(state) {
        Verdict::Allow => Ok(()),
        Verdict::IsDisabled => Err(KmsError::Disabled(format!("{} is disabled.", address.arn()))),
        Verdict::BadState => Err(KmsError::InvalidState(format!("{} is {}.", address.arn(), state.words()))),
        Verdict::NotPendingDeletion => {
            Err(KmsError::InvalidState(format!("{} is not pending deletion.", address.arn())))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{AccountId, KeyId, KeyMaterialId, ObjectId, Region};
    use crate::key_facts::Material;
    use crate::key_spec::{ExpirationModel, KeySpec, KeyUsage, MaterialState, Origin};

    const NOW: Timestamp = time::macros::datetime!(2026-11-24 12:00 UTC);

    fn facts(materials: Vec<Material>) -> KeyFacts {
        KeyFacts {
            address: KeyAddress {
                region: Region::parse("us-east-1").unwrap(),
                account: AccountId::parse("111122223333").unwrap(),
                key_id: KeyId::from_parts([7; 16], false),
            },
            version: 1,
            material_version: 1,
            description: String::new(),
            spec: KeySpec::SymmetricDefault,
            usage: KeyUsage::EncryptDecrypt,
            origin: Origin::External,
            enabled: true,
            created_at: NOW,
            deletion_date: None,
            token: "token".into(),
            sealed_salt: Vec::new(),
            materials,
        }
    }

    fn material(state: MaterialState, present: bool, valid_to: Option<Timestamp>) -> Material {
        Material {
            id: KeyMaterialId([state as u8; 32]),
            state,
            description: None,
            expiration_model: Some(ExpirationModel::Expires),
            valid_to,
            object: present.then(ObjectId::random),
            public_key: None,
        }
    }

    #[test]
    fn each_state_follows_from_facts() {
        let usable = material(MaterialState::Current, true, None);
        assert_eq!(key_state(&facts(vec![]), NOW), KeyState::PendingImport);
        assert_eq!(key_state(&facts(vec![usable.clone()]), NOW), KeyState::Enabled);
        assert_eq!(key_state(&KeyFacts { enabled: false, ..facts(vec![usable.clone()]) }, NOW), KeyState::Disabled);
        let scheduled = KeyFacts { deletion_date: Some(NOW), ..facts(vec![usable]) };
        assert_eq!(key_state(&scheduled, NOW), KeyState::PendingDeletion);
        assert_eq!(
            key_state(&facts(vec![material(MaterialState::Current, false, None)]), NOW),
            KeyState::PendingImport
        );
    }

    #[test]
    fn material_is_refused_from_the_second_of_its_valid_to() {
        let expiring = facts(vec![material(MaterialState::Current, true, Some(NOW))]);
        assert_eq!(key_state(&expiring, NOW - time::Duration::milliseconds(1)), KeyState::Enabled);
        assert_eq!(key_state(&expiring, NOW), KeyState::PendingImport);
    }

    #[test]
    fn a_missing_retired_material_makes_the_key_pending_import_and_a_pending_one_does_not() {
        let current = material(MaterialState::Current, true, None);
        let retired = material(MaterialState::NonCurrent, false, None);
        let pending = material(MaterialState::PendingRotation, false, None);
        assert_eq!(key_state(&facts(vec![current.clone(), retired]), NOW), KeyState::PendingImport);
        assert_eq!(key_state(&facts(vec![current, pending]), NOW), KeyState::Enabled);
    }

    #[test]
    fn refusals_have_the_texts_of_kms() {
        let address = facts(vec![]).address;
        let text = |operation, state| check_state(operation, &address, state).unwrap_err().to_string();
        let arn = address.arn();
        assert_eq!(text(Operation::Encrypt, KeyState::PendingImport), format!("{arn} is pending import."));
        assert_eq!(text(Operation::Encrypt, KeyState::Disabled), format!("{arn} is disabled."));
        assert_eq!(text(Operation::Decrypt, KeyState::PendingDeletion), format!("{arn} is pending deletion."));
        assert_eq!(text(Operation::CancelKeyDeletion, KeyState::Enabled), format!("{arn} is not pending deletion."));
    }

    #[test]
    fn a_material_expires_between_two_moments_if_its_end_lies_after_the_first_and_not_after_the_second() {
        let later = NOW + time::Duration::SECOND;
        let expires = |present, valid_to| {
            facts(vec![material(MaterialState::Current, present, valid_to)]).expires_between(NOW, later)
        };
        assert!(expires(true, Some(later)));
        assert!(
            ![Some(NOW), Some(later + time::Duration::NANOSECOND), None].map(|end| expires(true, end)).contains(&true)
        );
        assert!(!expires(false, Some(later)));
    }
}
