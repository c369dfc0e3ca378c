//! What clients ask of a key.

use crate::answer::Answer;
use crate::clock::Millis;
use crate::machine::Model;
use crate::model::Facts;

/// The tags that a key may have here.
pub(crate) const TAGS: usize = 2;

/// An operation on a key.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Op {
    Import {
        number: u8,
        valid_to: Option<Millis>,
    },
    Delete,
    Enable,
    Disable,
    Schedule {
        not_before: Millis,
    },
    Cancel,
    /// Not of the API: moves the date of a scheduled deletion in the row to now, where no clock can be moved.
    Due {
        at: Millis,
    },
    Describe(u32),
    /// Gives these tags this value, all with one request.
    Tag {
        which: [bool; TAGS],
        value: u32,
    },
    Untag {
        which: [bool; TAGS],
    },
    Look,
    Tags,
    Policy,
    Policies,
    /// Whether ListKeys names the key.
    List,
    /// GetPublicKey, which is read from the rows.
    PublicKey,
    Use(Use),
    /// GenerateRandom, which is about no key.
    Random,
}

/// What needs the key's material and is answered from the cache of keys. Which of them a key takes, its kind decides
/// ([`crate::kind`]); the rules of states are the same for all.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Use {
    Encrypt,
    Decrypt,
    ReEncrypt,
    DataKey,
    SealedDataKey,
    DataKeyPair,
    SealedDataKeyPair,
    Sign,
    Verify,
    /// Verify with a signature of another message.
    VerifyOther,
    GenerateMac,
    VerifyMac,
    /// VerifyMac with a MAC of another message.
    VerifyOtherMac,
    DeriveSharedSecret,
    Encapsulate,
    Decapsulate,
}

impl Op {
    /// The operation of the API.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Import { .. } => "ImportKeyMaterial",
            Self::Delete => "DeleteImportedKeyMaterial",
            Self::Enable => "EnableKey",
            Self::Disable => "DisableKey",
            Self::Schedule { .. } => "ScheduleKeyDeletion",
            Self::Cancel => "CancelKeyDeletion",
            Self::Due { .. } => "(date of a deletion moved)",
            Self::Describe(_) => "UpdateKeyDescription",
            Self::Tag { .. } => "TagResource",
            Self::Untag { .. } => "UntagResource",
            Self::Look => "DescribeKey",
            Self::Tags => "ListResourceTags",
            Self::Policy => "GetKeyPolicy",
            Self::Policies => "ListKeyPolicies",
            Self::List => "ListKeys",
            Self::PublicKey => "GetPublicKey",
            Self::Use(what) => what.name(),
            Self::Random => "GenerateRandom",
        }
    }

    /// The look that tells most of whether a change like this has happened; what changes nothing stays.
    pub(crate) fn or_look(self) -> Self {
        match self {
            Self::Tag { .. } | Self::Untag { .. } => Self::Tags,
            _ if Facts::is_change(self) => Self::Look,
            _ => self,
        }
    }
}

impl Use {
    /// The operation of the API.
    const fn name(self) -> &'static str {
        match self {
            Self::Encrypt => "Encrypt",
            Self::Decrypt => "Decrypt",
            Self::ReEncrypt => "ReEncrypt",
            Self::DataKey => "GenerateDataKey",
            Self::SealedDataKey => "GenerateDataKeyWithoutPlaintext",
            Self::DataKeyPair => "GenerateDataKeyPair",
            Self::SealedDataKeyPair => "GenerateDataKeyPairWithoutPlaintext",
            Self::Sign => "Sign",
            Self::Verify => "Verify",
            Self::VerifyOther => "Verify (another message)",
            Self::GenerateMac => "GenerateMac",
            Self::VerifyMac => "VerifyMac",
            Self::VerifyOtherMac => "VerifyMac (another message)",
            Self::DeriveSharedSecret => "DeriveSharedSecret",
            Self::Encapsulate => "Encapsulate",
            Self::Decapsulate => "Decapsulate",
        }
    }

    /// What a server says whose key works.
    pub(crate) const fn answer(self) -> Answer {
        match self {
            Self::VerifyOther | Self::VerifyOtherMac => Answer::Forged,
            _ => Answer::Done,
        }
    }
}
