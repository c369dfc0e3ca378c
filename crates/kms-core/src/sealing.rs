//! Sealing: secrets of rows and signed cursors, under subkeys that the process derives from the root key in the token.
//! Source: cryptography.md 4.
//!
//! ```text
//! subkey(p)  = HMAC-SHA-256 in the token (R, kin("strongroom/r/1", SHA-256(deployment 16 || p), 256))
//! sealed     = 01 | epoch 1 | N 16 | IV 12 | ciphertext | tag 16                     overhead 46 bytes
//! A          = u8 len(p) || p || first 30 bytes || aad
//! key        = HMAC-SHA-512(subkey, kin("strongroom/s/1", SHA-256(A), 256))[0..32],  AAD = A
//! ```

use aes_gcm::aead::{Aead, KeyInit, Payload};
use aes_gcm::{Aes256Gcm, Nonce};
use uuid::Uuid;
use zeroize::Zeroize;

use crate::hsm::MacInput;
use crate::kdf::{hmac_sha512, kdf_input, sha256};
use crate::secret::{SecretBytes, SecretKey};

const VERSION: u8 = 1;
const EPOCH: u8 = 1;
const PREFIX: usize = 30;

/// What a subkey is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Purpose {
    /// The salts of keys.
    Salt,
    /// Markers of lists.
    Page,
}

impl Purpose {
    const fn label(self) -> &'static [u8] {
        match self {
            Self::Salt => b"salt",
            Self::Page => b"page",
        }
    }
}

/// A sealed value that does not open: made for something else, altered, or under another root key.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("a sealed value does not open")]
pub struct NotOpened;

/// What the token must compute the HMAC of, under the root key, to give the subkey of a purpose.
pub fn subkey_input(deployment: Uuid, purpose: Purpose) -> MacInput {
    kdf_input(b"strongroom/r/1", &sha256(&[deployment.as_bytes(), purpose.label()]), 256)
}

/// Seals and opens values of one purpose.
#[derive(Clone, Debug)]
pub struct Sealer {
    purpose: Purpose,
    subkey: SecretKey,
}

impl Sealer {
    /// A sealer of this purpose under the subkey that the token derived.
    pub fn new(purpose: Purpose, subkey: SecretKey) -> Self {
        Self { purpose, subkey }
    }

    /// Seals `plaintext`, bound to `aad`.
    ///
    /// # Errors
    /// The operating system gave no random bytes.
    pub fn seal(&self, aad: &[u8], plaintext: &[u8]) -> Result<Vec<u8>, getrandom::Error> {
        let mut sealed = vec![0; PREFIX];
        sealed[0] = VERSION;
        sealed[1] = EPOCH;
        getrandom::fill(&mut sealed[2..])?;
        let bound = self.bound(&sealed, aad);
        #[expect(clippy::expect_used, reason = "GCM seals up to 2^36 bytes; these are salts and cursors")]
        let ciphertext = self
            .cipher(&bound)
            .encrypt(&nonce(&sealed), Payload { msg: plaintext, aad: &bound })
            .expect("AES-GCM seals a short value");
        sealed.extend_from_slice(&ciphertext);
        Ok(sealed)
    }

    /// Opens what [`Sealer::seal`] made with the same purpose and `aad`.
    ///
    /// # Errors
    /// [`NotOpened`] for anything else.
    pub fn open(&self, aad: &[u8], sealed: &[u8]) -> Result<SecretBytes, NotOpened> {
        if sealed.len() < PREFIX + 16 || sealed[0] != VERSION || sealed[1] != EPOCH {
            return Err(NotOpened);
        }
        let (prefix, ciphertext) = sealed.split_at(PREFIX);
        let bound = self.bound(prefix, aad);
        self.cipher(&bound)
            .decrypt(&nonce(prefix), Payload { msg: ciphertext, aad: &bound })
            .map(SecretBytes::new)
            .map_err(|_| NotOpened)
    }

    fn bound(&self, prefix: &[u8], aad: &[u8]) -> Vec<u8> {
        let label = self.purpose.label();
        [&[label.len() as u8], label, prefix, aad].concat()
    }

    fn cipher(&self, bound: &[u8]) -> Aes256Gcm {
        let mut okm = hmac_sha512(self.subkey.expose(), &[&kdf_input(b"strongroom/s/1", &sha256(&[bound]), 256)]);
        let mut key = aes_gcm::Key::<Aes256Gcm>::default();
        key.copy_from_slice(&okm[..32]);
        okm.zeroize();
        let cipher = Aes256Gcm::new(&key);
        key.zeroize();
        cipher
    }
}

fn nonce(prefix: &[u8]) -> Nonce<aes_gcm::aead::consts::U12> {
    let mut nonce = Nonce::default();
    nonce.copy_from_slice(&prefix[18..PREFIX]);
    nonce
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sealer(purpose: Purpose) -> Sealer {
        Sealer::new(purpose, SecretKey::new([9; 32]))
    }

    #[test]
    fn a_sealed_value_opens_only_for_its_purpose_and_binding() {
        let sealed = sealer(Purpose::Page).seal(b"list", b"cursor").unwrap();
        assert_eq!(sealed.len(), 6 + 46);
        assert_eq!(sealer(Purpose::Page).open(b"list", &sealed).unwrap().expose(), b"cursor");
        assert_eq!(sealer(Purpose::Page).open(b"other", &sealed), Err(NotOpened));
        assert_eq!(sealer(Purpose::Salt).open(b"list", &sealed), Err(NotOpened));
    }

    proptest! {
        #[test]
        fn any_change_is_refused(at in 0_usize..52, bit in 0_u8..8) {
            let mut sealed = sealer(Purpose::Page).seal(b"list", b"cursor").unwrap();
            sealed[at] ^= 1 << bit;
            prop_assert_eq!(sealer(Purpose::Page).open(b"list", &sealed), Err(NotOpened));
        }

        #[test]
        fn no_input_makes_it_panic(sealed: Vec<u8>) {
            prop_assert!(sealer(Purpose::Page).open(b"", &sealed).is_err());
        }
    }
}
