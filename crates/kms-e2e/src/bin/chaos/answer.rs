//! What a server says to an operation, in the words of the model.

use crate::op::TAGS;

/// The aliases of a family ([`crate::family_model`]).
pub(crate) const NAMES: usize = 2;

/// What a server says.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub(crate) enum Answer {
    Done,
    /// DescribeKey: state and description.
    Looked(&'static str, u32),
    /// ListResourceTags.
    Tagged([u32; TAGS]),
    /// ListKeys: whether the key is among them.
    Listed(bool),
    /// GetPublicKey: the number of the material whose public half it gave; 0 for material made in the token.
    Published(u8),
    /// A use or a look by an alias: which key of the family answered.
    By(u8),
    /// ListAliases of a key: which names of the family it has.
    Named([bool; NAMES]),
    /// KMSInvalidSignatureException, KMSInvalidMacException.
    Forged,
    /// AlreadyExistsException.
    Exists,
    /// KMSInvalidStateException.
    InvalidState,
    /// DisabledException.
    IsDisabled,
    /// IncorrectKeyMaterialException.
    Incorrect,
    /// NotFoundException.
    NotFound,
    /// The import token or ValidTo ran out on the way, or a date could not be moved: nothing happened.
    TooLate,
}

impl Answer {
    /// Whether the server did what it was asked to.
    pub(crate) const fn is_success(self) -> bool {
        match self {
            Self::Done
            | Self::Looked(..)
            | Self::Tagged(_)
            | Self::Listed(_)
            | Self::Published(_)
            | Self::By(_)
            | Self::Named(_) => true,
            Self::Forged
            | Self::Exists
            | Self::InvalidState
            | Self::IsDisabled
            | Self::Incorrect
            | Self::NotFound
            | Self::TooLate => false,
        }
    }
}
