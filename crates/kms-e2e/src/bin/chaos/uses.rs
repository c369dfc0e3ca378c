//! What clients use a key for, by its kind: the calls, and what is kept of the answers and checked outside the server.

mod agreement;
mod encapsulation;
mod mac;
mod public_half;
mod rsa_encryption;
mod signing;
mod symmetric;

use std::sync::Arc;

use aws_sdk_kms::Client;
use kms_core::hsm::KeyKind;
use kms_core::key_spec::{KeySpec, KeyUsage};

use self::agreement::Agreement;
use self::encapsulation::Encapsulation;
use self::mac::Macs;
use self::public_half::PublicHalf;
use self::rsa_encryption::RsaEncryption;
use self::signing::Signing;
use self::symmetric::Symmetric;
use crate::judge::Called;
use crate::material::Material;
use crate::op::{Op, Use};
use crate::random::Random;
use crate::reply::Reply;

/// The uses of one key.
pub(crate) enum Uses {
    Symmetric(Symmetric),
    RsaEncryption(RsaEncryption),
    Signing(Signing),
    Mac(Macs),
    Agreement(Agreement),
    Encapsulation(Encapsulation),
}

impl Uses {
    /// Those of a new key into which one of these materials may come, or none of them.
    ///
    /// # Errors
    /// The library makes no peer.
    pub(crate) fn of(kind: KeyKind, materials: &[Arc<Material>]) -> anyhow::Result<Self> {
        let KeyKind { spec, usage } = kind;
        Ok(match usage {
            KeyUsage::EncryptDecrypt if spec == KeySpec::SymmetricDefault => Self::Symmetric(Symmetric::default()),
            KeyUsage::EncryptDecrypt => Self::RsaEncryption(RsaEncryption::new(spec, materials)),
            KeyUsage::SignVerify => Self::Signing(Signing::new(spec, materials)),
            KeyUsage::GenerateVerifyMac => Self::Mac(Macs::new(spec, materials)?),
            KeyUsage::KeyAgreement => Self::Agreement(Agreement::new(spec, materials)?),
            KeyUsage::EncapsulateDecapsulate => Self::Encapsulation(Encapsulation::new(spec)),
        })
    }

    /// What clients do with such a key, and how often of about fifty times.
    pub(crate) const fn choices(&self) -> &'static [(u64, Op)] {
        match self {
            Self::Symmetric(_) => &symmetric::CHOICES,
            Self::RsaEncryption(_) => &rsa_encryption::CHOICES,
            Self::Signing(_) => &signing::CHOICES,
            Self::Mac(_) => &mac::CHOICES,
            Self::Agreement(_) => &agreement::CHOICES,
            Self::Encapsulation(_) => &encapsulation::CHOICES,
        }
    }

    /// The operation, or, as long as its client lacks what it takes, the one that gets it.
    pub(crate) fn possible(&self, op: Op) -> Op {
        let Op::Use(what) = op else { return op };
        match self {
            Self::Symmetric(uses) => uses.possible(what),
            Self::RsaEncryption(uses) => uses.possible(what),
            Self::Signing(uses) => uses.possible(what),
            Self::Mac(uses) => uses.possible(what),
            Self::Agreement(uses) => uses.possible(what),
            Self::Encapsulation(uses) => uses.possible(what),
        }
    }

    /// Uses the key.
    pub(crate) async fn call(&self, client: &Client, id: &str, what: Use, random: &mut Random) -> Called {
        match self {
            Self::Symmetric(uses) => uses.call(client, id, what, random).await,
            Self::RsaEncryption(uses) => uses.call(client, id, what, random).await,
            Self::Signing(uses) => uses.call(client, id, what, random).await,
            Self::Mac(uses) => uses.call(client, id, what, random).await,
            Self::Agreement(uses) => uses.call(client, id, what, random).await,
            Self::Encapsulation(uses) => uses.call(client, id, what, random).await,
        }
    }

    /// Gets the public key.
    pub(crate) async fn public_key(&self, client: &Client, id: &str) -> Called {
        match self.public_half() {
            Some(half) => half.get(client, id).await,
            None => wrong("there is no public half to ask for"),
        }
    }

    const fn public_half(&self) -> Option<&PublicHalf> {
        match self {
            Self::Symmetric(_) | Self::Mac(_) => None,
            Self::RsaEncryption(uses) => Some(&uses.public_half),
            Self::Signing(uses) => Some(&uses.public_half),
            Self::Agreement(uses) => Some(&uses.public_half),
            Self::Encapsulation(uses) => Some(&uses.public_half),
        }
    }
}

/// An answer whose content is not what it must be.
fn wrong(text: &str) -> Called {
    (Reply::Wrong(text.to_owned()), None)
}

/// A message or plaintext of 1 to 64 bytes.
fn some_bytes(random: &mut Random) -> Vec<u8> {
    (0..1 + random.below(64)).map(|_| random.next() as u8).collect()
}
