//! The 56 operations of KMS and what each asks of the key it names: the one table of state rules.

use crate::key_spec::KeyUsage;
use crate::key_state::{KeyState, Verdict};

wire_enum! {
    /// An operation of the KMS API, by its name in `X-Amz-Target`.
    Operation {
        CancelKeyDeletion = "CancelKeyDeletion",
        ConnectCustomKeyStore = "ConnectCustomKeyStore",
        CreateAlias = "CreateAlias",
        CreateCustomKeyStore = "CreateCustomKeyStore",
        CreateGrant = "CreateGrant",
        CreateKey = "CreateKey",
        Decapsulate = "Decapsulate",
        Decrypt = "Decrypt",
        DeleteAlias = "DeleteAlias",
        DeleteCustomKeyStore = "DeleteCustomKeyStore",
        DeleteImportedKeyMaterial = "DeleteImportedKeyMaterial",
        DeriveSharedSecret = "DeriveSharedSecret",
        DescribeCustomKeyStores = "DescribeCustomKeyStores",
        DescribeKey = "DescribeKey",
        DisableKey = "DisableKey",
        DisableKeyRotation = "DisableKeyRotation",
        DisconnectCustomKeyStore = "DisconnectCustomKeyStore",
        EnableKey = "EnableKey",
        EnableKeyRotation = "EnableKeyRotation",
        Encapsulate = "Encapsulate",
        Encrypt = "Encrypt",
        GenerateDataKey = "GenerateDataKey",
        GenerateDataKeyPair = "GenerateDataKeyPair",
        GenerateDataKeyPairWithoutPlaintext = "GenerateDataKeyPairWithoutPlaintext",
        GenerateDataKeyWithoutPlaintext = "GenerateDataKeyWithoutPlaintext",
        GenerateMac = "GenerateMac",
        GenerateRandom = "GenerateRandom",
        GetKeyLastUsage = "GetKeyLastUsage",
        GetKeyPolicy = "GetKeyPolicy",
        GetKeyRotationStatus = "GetKeyRotationStatus",
        GetParametersForImport = "GetParametersForImport",
        GetPublicKey = "GetPublicKey",
        ImportKeyMaterial = "ImportKeyMaterial",
        ListAliases = "ListAliases",
        ListGrants = "ListGrants",
        ListKeyPolicies = "ListKeyPolicies",
        ListKeyRotations = "ListKeyRotations",
        ListKeys = "ListKeys",
        ListResourceTags = "ListResourceTags",
        ListRetirableGrants = "ListRetirableGrants",
        PutKeyPolicy = "PutKeyPolicy",
        ReEncrypt = "ReEncrypt",
        ReplicateKey = "ReplicateKey",
        RetireGrant = "RetireGrant",
        RevokeGrant = "RevokeGrant",
        RotateKeyOnDemand = "RotateKeyOnDemand",
        ScheduleKeyDeletion = "ScheduleKeyDeletion",
        Sign = "Sign",
        TagResource = "TagResource",
        UntagResource = "UntagResource",
        UpdateAlias = "UpdateAlias",
        UpdateCustomKeyStore = "UpdateCustomKeyStore",
        UpdateKeyDescription = "UpdateKeyDescription",
        UpdatePrimaryRegion = "UpdatePrimaryRegion",
        Verify = "Verify",
        VerifyMac = "VerifyMac",
    }
}

impl Operation {
    /// The usage that the key of a cryptographic operation must have; none for every other operation.
    pub const fn key_usage(self) -> Option<KeyUsage> {
        match self {
            Self::Encrypt
            | Self::Decrypt
            | Self::ReEncrypt
            | Self::GenerateDataKey
            | Self::GenerateDataKeyWithoutPlaintext
            | Self::GenerateDataKeyPair
            | Self::GenerateDataKeyPairWithoutPlaintext => Some(KeyUsage::EncryptDecrypt),
            Self::Sign | Self::Verify => Some(KeyUsage::SignVerify),
            Self::GenerateMac | Self::VerifyMac => Some(KeyUsage::GenerateVerifyMac),
            Self::DeriveSharedSecret => Some(KeyUsage::KeyAgreement),
            Self::Encapsulate | Self::Decapsulate => Some(KeyUsage::EncapsulateDecapsulate),
            _ => None,
        }
    }

    /// Whether `KeyId` may be an alias. Source: kms-operations.md 1.2.
    pub const fn takes_alias(self) -> bool {
        self.key_usage().is_some() || matches!(self, Self::DescribeKey | Self::GetPublicKey)
    }

    /// `readOnly` of the audit record: the operation changes nothing. Source: evidence.md 54.
    pub const fn is_read_only(self) -> bool {
        self.key_usage().is_some()
            || matches!(
                self,
                Self::DescribeCustomKeyStores
                    | Self::DescribeKey
                    | Self::GenerateRandom
                    | Self::GetKeyLastUsage
                    | Self::GetKeyPolicy
                    | Self::GetKeyRotationStatus
                    | Self::GetParametersForImport
                    | Self::GetPublicKey
                    | Self::ListAliases
                    | Self::ListGrants
                    | Self::ListKeyPolicies
                    | Self::ListKeyRotations
                    | Self::ListKeys
                    | Self::ListResourceTags
                    | Self::ListRetirableGrants
            )
    }

    /// What this state answers. Source: key-states.md 3.
    pub const fn verdict(self, state: KeyState) -> Verdict {
        self.verdicts()[state as usize]
    }

    /// The row of the operation in the published table of key states. Source: key-states.md 3.
    #[rustfmt::skip] // A table is read by columns.
    pub const fn verdicts(self) -> [Verdict; 8] {
        use Verdict::{Allow as Ok, BadState as Bad, IsDisabled as Dis, NotPendingDeletion as Not};
        match self {
            //                                Enabled Disabled PendImport PendDel PendReplDel Unavail Creating Updating
            Self::CancelKeyDeletion =>         [Not,  Not,     Not,       Ok,     Ok,         Not,    Not,     Not],
            Self::CreateGrant =>               [Ok,   Dis,     Bad,       Bad,    Bad,        Ok,     Bad,     Ok],
            Self::Decapsulate
            | Self::Decrypt
            | Self::DeriveSharedSecret
            | Self::Encapsulate
            | Self::Encrypt
            | Self::GenerateDataKey
            | Self::GenerateDataKeyPair
            | Self::GenerateDataKeyPairWithoutPlaintext
            | Self::GenerateDataKeyWithoutPlaintext
            | Self::GenerateMac
            | Self::GetPublicKey
            | Self::ReEncrypt
            | Self::Sign
            | Self::UpdatePrimaryRegion
            | Self::Verify
            | Self::VerifyMac =>               [Ok,   Dis,     Bad,       Bad,    Bad,        Bad,    Bad,     Ok],
            Self::DeleteImportedKeyMaterial => [Ok,   Ok,      Ok,        Ok,     Ok,         Ok,     Bad,     Bad],
            Self::DisableKey
            | Self::EnableKey =>               [Ok,   Ok,      Bad,       Bad,    Bad,        Ok,     Bad,     Bad],
            Self::DisableKeyRotation
            | Self::EnableKeyRotation =>       [Ok,   Dis,     Bad,       Bad,    Bad,        Ok,     Bad,     Ok],
            Self::GetParametersForImport =>    [Ok,   Ok,      Ok,        Bad,    Bad,        Ok,     Bad,     Bad],
            Self::ImportKeyMaterial =>         [Ok,   Ok,      Ok,        Bad,    Bad,        Ok,     Bad,     Ok],
            Self::ListKeyRotations =>          [Ok,   Ok,      Ok,        Ok,     Ok,         Ok,     Bad,     Ok],
            Self::ReplicateKey =>              [Ok,   Dis,     Bad,       Bad,    Bad,        Bad,    Bad,     Bad],
            Self::RotateKeyOnDemand =>         [Ok,   Dis,     Bad,       Bad,    Bad,        Ok,     Bad,     Bad],
            Self::ScheduleKeyDeletion =>       [Ok,   Ok,      Ok,        Bad,    Bad,        Ok,     Ok,      Bad],
            Self::CreateAlias
            | Self::TagResource
            | Self::UntagResource
            | Self::UpdateAlias
            | Self::UpdateKeyDescription =>    [Ok,   Ok,      Ok,        Bad,    Bad,        Ok,     Ok,      Ok],
            // Works in every state, or names no key.
            Self::ConnectCustomKeyStore
            | Self::CreateCustomKeyStore
            | Self::CreateKey
            | Self::DeleteAlias
            | Self::DeleteCustomKeyStore
            | Self::DescribeCustomKeyStores
            | Self::DescribeKey
            | Self::DisconnectCustomKeyStore
            | Self::GenerateRandom
            | Self::GetKeyLastUsage
            | Self::GetKeyPolicy
            | Self::GetKeyRotationStatus
            | Self::ListAliases
            | Self::ListGrants
            | Self::ListKeyPolicies
            | Self::ListKeys
            | Self::ListResourceTags
            | Self::ListRetirableGrants
            | Self::PutKeyPolicy
            | Self::RetireGrant
            | Self::RevokeGrant
            | Self::UpdateCustomKeyStore =>    [Ok,   Ok,      Ok,        Ok,     Ok,         Ok,     Ok,      Ok],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_56_operations() {
        assert_eq!(Operation::ALL.len(), 56);
    }

    /// The table of the developer guide as it is published, for the states that a key of the default store can be in:
    /// Enabled, Disabled, PendingImport, PendingDeletion. The numbers are those of the exceptions in key-states.md 4: 1 is
    /// DisabledException, 4 "is not pending deletion", every other one KMSInvalidStateException.
    const PUBLISHED: &str = "
        CancelKeyDeletion                     4  4  4  ok
        CreateAlias                           ok ok ok 3
        CreateGrant                           ok 1  5  3
        Decrypt                               ok 1  5  3
        DeleteAlias                           ok ok ok ok
        DeleteImportedKeyMaterial             ok ok ok ok
        DeriveSharedSecret                    ok 1  5  3
        DescribeKey                           ok ok ok ok
        DisableKey                            ok ok 5  3
        DisableKeyRotation                    ok 1  6  3
        EnableKey                             ok ok 5  3
        EnableKeyRotation                     ok 1  6  3
        Encrypt                               ok 1  5  3
        GenerateDataKey                       ok 1  5  3
        GenerateDataKeyWithoutPlaintext       ok 1  5  3
        GenerateDataKeyPair                   ok 1  5  3
        GenerateDataKeyPairWithoutPlaintext   ok 1  5  3
        GenerateMac                           ok 1  5  3
        VerifyMac                             ok 1  5  3
        GetKeyLastUsage                       ok ok ok ok
        GetKeyPolicy                          ok ok ok ok
        ListKeyPolicies                       ok ok ok ok
        PutKeyPolicy                          ok ok ok ok
        GetParametersForImport                ok ok ok 8
        GetPublicKey                          ok 1  5  3
        ImportKeyMaterial                     ok ok ok 8
        ListAliases                           ok ok ok ok
        ListGrants                            ok ok ok ok
        ListResourceTags                      ok ok ok ok
        RetireGrant                           ok ok ok ok
        RevokeGrant                           ok ok ok ok
        ListKeyRotations                      ok ok ok ok
        ReEncrypt                             ok 1  5  3
        ReplicateKey                          ok 1  5  3
        RotateKeyOnDemand                     ok 1  5  3
        ScheduleKeyDeletion                   ok ok ok 3
        Sign                                  ok 1  5  3
        Verify                                ok 1  5  3
        TagResource                           ok ok ok 3
        UntagResource                         ok ok ok 3
        UpdateKeyDescription                  ok ok ok 3
        UpdateAlias                           ok ok ok 10
        UpdatePrimaryRegion                   ok 1  5  3
    ";

    #[test]
    fn the_table_is_the_published_one() {
        let states = [KeyState::Enabled, KeyState::Disabled, KeyState::PendingImport, KeyState::PendingDeletion];
        for line in PUBLISHED.lines().filter(|line| !line.trim().is_empty()) {
            let mut words = line.split_whitespace();
            let name = words.next().unwrap();
            let operation = *Operation::ALL.iter().find(|operation| operation.name() == name).unwrap();
            let published: Vec<Verdict> = words
                .map(|word| match word {
                    "ok" => Verdict::Allow,
                    "1" => Verdict::IsDisabled,
                    "4" => Verdict::NotPendingDeletion,
                    _ => Verdict::BadState,
                })
                .collect();
            assert_eq!(published, states.map(|state| operation.verdict(state)), "{name}");
        }
    }

    #[test]
    fn the_columns_are_in_the_order_of_the_states() {
        for (index, state) in KeyState::ALL.into_iter().enumerate() {
            assert_eq!(state as usize, index);
        }
    }

    #[test]
    fn no_cryptographic_operation_works_unless_the_key_is_enabled() {
        for operation in Operation::ALL.iter().filter(|operation| operation.key_usage().is_some()) {
            for state in KeyState::ALL {
                let allowed = matches!(state, KeyState::Enabled | KeyState::Updating);
                assert_eq!(operation.verdict(state) == Verdict::Allow, allowed, "{operation} {state:?}");
            }
        }
    }

    #[test]
    fn only_a_scheduled_deletion_can_be_cancelled() {
        for state in KeyState::ALL {
            let scheduled = matches!(state, KeyState::PendingDeletion | KeyState::PendingReplicaDeletion);
            assert_eq!(Operation::CancelKeyDeletion.verdict(state) == Verdict::Allow, scheduled);
        }
    }

    #[test]
    fn what_waits_for_deletion_cannot_be_changed() {
        use Operation::{
            DisableKey, EnableKey, GetParametersForImport, ImportKeyMaterial, ScheduleKeyDeletion, TagResource,
        };
        for operation in
            [DisableKey, EnableKey, GetParametersForImport, ImportKeyMaterial, ScheduleKeyDeletion, TagResource]
        {
            assert_eq!(operation.verdict(KeyState::PendingDeletion), Verdict::BadState, "{operation}");
        }
    }
}
