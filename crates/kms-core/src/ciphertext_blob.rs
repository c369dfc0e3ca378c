//! `CiphertextBlob`, version 1. Source: cryptography.md 1.
//!
//! ```text
//! header (82): "STR" 3 | version 01 | alg 01 | flags 1 | key id 16 | KeyMaterialId 32 | N 16 | IV 12
//! blob       : header 82 | C 32 | ciphertext n | tag 16            overhead 130 bytes, no trailing bytes
//! KDK        = HMAC-SHA-256 in the token (K, kin("strongroom/m/1", SHA-256(AAD), 256)),  AAD = header || context
//! OKM        = HMAC-SHA-512(KDK, 00000001 || "strongroom/e/1" || 00 || 00000200): Ke = [0..32], C = [32..64]
//! ct,tag     = AES-256-GCM(Ke, IV, plaintext, AAD)
//! ```

use aes_gcm::aead::{AeadInOut, KeyInit};
use aes_gcm::{Aes256Gcm, Nonce, Tag};
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, Zeroizing};

use crate::hsm::MacInput;
use crate::ids::{KeyId, KeyMaterialId};
use crate::kdf::{hmac_sha512, kdf_input, sha256};
use crate::secret::SecretKey;

const MAGIC: [u8; 5] = *b"STR\x01\x01";
const HEADER: usize = 82;
const COMMITMENT: usize = 32;
const TAG: usize = 16;
/// Bytes that a blob is longer than its plaintext.
pub const OVERHEAD: usize = HEADER + COMMITMENT + TAG;
/// Longest plaintext in bytes.
pub const MAX_PLAINTEXT: usize = 4096;

/// A blob that does not open; the reason is never told.
#[derive(Debug, PartialEq, Eq)]
pub struct NotOpened;

/// The parsed clear part of a blob, and the blob itself.
#[derive(Debug)]
pub struct ParsedBlob<'a> {
    /// The key that made it.
    pub key_id: KeyId,
    /// The material of that key.
    pub material_id: KeyMaterialId,
    blob: &'a [u8],
}

/// A message key in the making: the header and context are fixed, the token's answer is still missing.
pub struct Envelope {
    header: [u8; HEADER],
    context: Vec<u8>,
}

impl Envelope {
    /// A new envelope with 28 fresh random bytes (N and IV) of the operating system.
    ///
    /// # Errors
    /// The operating system gave no random bytes.
    pub fn new(key_id: KeyId, material_id: KeyMaterialId, context: Vec<u8>) -> Result<Self, getrandom::Error> {
        let mut random = [0; 28];
        getrandom::fill(&mut random)?;
        Ok(Self::with_random(key_id, material_id, context, random))
    }

    fn with_random(key_id: KeyId, material_id: KeyMaterialId, context: Vec<u8>, random: [u8; 28]) -> Self {
        let (key_bytes, multi_region) = key_id.to_parts();
        let mut header = [0; HEADER];
        header[..5].copy_from_slice(&MAGIC);
        header[5] = u8::from(multi_region);
        header[6..22].copy_from_slice(&key_bytes);
        header[22..54].copy_from_slice(&material_id.0);
        header[54..].copy_from_slice(&random);
        Self { header, context }
    }

    /// What the token must compute the HMAC of.
    pub fn kdf_input(&self) -> MacInput {
        kdf_input(b"strongroom/m/1", &sha256(&[&self.header, &self.context]), 256)
    }

    /// Seals the plaintext under the key that the token derived.
    pub fn seal(self, kdk: &SecretKey, plaintext: &[u8]) -> Vec<u8> {
        let (cipher, commitment) = message_key(kdk);
        let mut blob = Vec::with_capacity(OVERHEAD + plaintext.len());
        blob.extend_from_slice(&self.header);
        blob.extend_from_slice(&commitment);
        blob.extend_from_slice(plaintext);
        let aad = [self.header.as_slice(), &self.context].concat();
        #[expect(clippy::expect_used, reason = "GCM seals up to 2^36 bytes; a plaintext has at most 4096")]
        let tag = cipher
            .encrypt_inout_detached(&nonce(&self.header), &aad, (&mut blob[HEADER + COMMITMENT..]).into())
            .expect("AES-GCM seals a short plaintext");
        blob.extend_from_slice(&tag);
        blob
    }
}

impl<'a> ParsedBlob<'a> {
    /// Reads the clear part; strict in every byte.
    ///
    /// # Errors
    /// [`NotOpened`] for anything that is no blob of version 1.
    pub fn parse(blob: &'a [u8]) -> Result<Self, NotOpened> {
        let fits = (OVERHEAD + 1..=OVERHEAD + MAX_PLAINTEXT).contains(&blob.len());
        if !fits || blob[..5] != MAGIC || blob[5] > 1 {
            return Err(NotOpened);
        }
        let key_bytes = blob[6..22].try_into().map_err(|_| NotOpened)?;
        let material = blob[22..54].try_into().map_err(|_| NotOpened)?;
        Ok(Self { key_id: KeyId::from_parts(key_bytes, blob[5] == 1), material_id: KeyMaterialId(material), blob })
    }

    /// What the token must compute the HMAC of.
    pub fn kdf_input(&self, context: &[u8]) -> MacInput {
        kdf_input(b"strongroom/m/1", &sha256(&[&self.blob[..HEADER], context]), 256)
    }

    /// Opens the blob with the key that the token derived.
    ///
    /// # Errors
    /// [`NotOpened`] if the commitment or the tag is wrong.
    pub fn open(&self, kdk: &SecretKey, context: &[u8]) -> Result<Zeroizing<Vec<u8>>, NotOpened> {
        let (cipher, commitment) = message_key(kdk);
        let (header, rest) = self.blob.split_at(HEADER);
        let (claimed, rest) = rest.split_at(COMMITMENT);
        let (ciphertext, tag) = rest.split_at(rest.len() - TAG);
        if !bool::from(claimed.ct_eq(&commitment)) {
            return Err(NotOpened);
        }
        let tag: [u8; TAG] = tag.try_into().map_err(|_| NotOpened)?;
        let mut plaintext = Zeroizing::new(ciphertext.to_vec());
        let aad = [header, context].concat();
        cipher
            .decrypt_inout_detached(&nonce(header), &aad, plaintext.as_mut_slice().into(), &Tag::from(tag))
            .map_err(|_| NotOpened)?;
        Ok(plaintext)
    }
}

/// The cipher of one message and its commitment.
fn message_key(kdk: &SecretKey) -> (Aes256Gcm, [u8; 32]) {
    let mut okm = hmac_sha512(kdk.expose(), &[&1_u32.to_be_bytes(), b"strongroom/e/1", &[0], &512_u32.to_be_bytes()]);
    let mut key = aes_gcm::Key::<Aes256Gcm>::default();
    key.copy_from_slice(&okm[..32]);
    let mut commitment = [0; 32];
    commitment.copy_from_slice(&okm[32..]);
    okm.zeroize();
    let cipher = Aes256Gcm::new(&key);
    key.zeroize();
    (cipher, commitment)
}

fn nonce(header: &[u8]) -> Nonce<aes_gcm::aead::consts::U12> {
    let mut nonce = Nonce::default();
    nonce.copy_from_slice(&header[70..HEADER]);
    nonce
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encryption_context::canonical;
    use crate::hsm::Identity;
    use crate::ids::hex;
    use crate::kdf::hmac_sha256;
    use crate::key_spec::KeySpec;
    use crate::material_id::{fingerprint_input, material_id};
    use crate::secret::SecretBytes;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn bytes<const N: usize>(first: u8) -> [u8; N] {
        std::array::from_fn(|i| first + i as u8)
    }

    fn token(input: &MacInput) -> SecretKey {
        SecretKey::new(hmac_sha256(&bytes::<32>(0), &[input]))
    }

    fn vector() -> (Vec<u8>, Vec<u8>) {
        let key_id = KeyId::parse("1234abcd-12ab-34cd-56ef-1234567890ab").unwrap();
        let fingerprint = token(&fingerprint_input());
        assert_eq!(hex(fingerprint.expose()), "33a1786f52e2c14b53aa4bad048bf5b39a195c913d56f705d8004d1e70e30f02");
        let identity = Identity::Mac(SecretBytes::new(fingerprint.expose().to_vec()));
        let id = material_id(&SecretKey::new(bytes(0x80)), key_id, KeySpec::SymmetricDefault, &identity);
        assert_eq!(id.to_string(), "3559af985a45552bf53c25ec82890a2d52919d8c4a7b6255121c703c898f012d");
        let context = BTreeMap::from([("b".to_owned(), "2".to_owned()), ("a".to_owned(), "1".to_owned())]);
        let context = canonical(Some(&context));
        let mut random = [0; 28];
        random[..16].copy_from_slice(&bytes::<16>(0x10));
        random[16..].copy_from_slice(&bytes::<12>(0x20));
        let envelope = Envelope::with_random(key_id, id, context.clone(), random);
        let kdk = token(&envelope.kdf_input());
        (envelope.seal(&kdk, b"hello strongroom"), context)
    }

    fn open(blob: &[u8], context: &[u8]) -> Result<Zeroizing<Vec<u8>>, NotOpened> {
        let parsed = ParsedBlob::parse(blob)?;
        parsed.open(&token(&parsed.kdf_input(context)), context)
    }

    #[test]
    fn the_fixed_vector_does_not_drift() {
        let (blob, context) = vector();
        assert_eq!(blob.len(), 146);
        assert_eq!(hex(&sha256(&[&blob])), "a765dd89fb8397752aa2815cdec382c8a9610211179a9dc9e20372f5fe2fce61");
        assert_eq!(open(&blob, &context).unwrap().as_slice(), b"hello strongroom");
    }

    #[test]
    fn every_flipped_bit_every_cut_and_every_added_byte_is_refused() {
        let (blob, context) = vector();
        for bit in 0..blob.len() * 8 {
            let mut changed = blob.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(open(&changed, &context).unwrap_err(), NotOpened, "bit {bit}");
        }
        for length in 0..blob.len() {
            assert_eq!(open(&blob[..length], &context).unwrap_err(), NotOpened, "length {length}");
        }
        assert_eq!(open(&[blob.as_slice(), &[0]].concat(), &context).unwrap_err(), NotOpened);
        assert_eq!(open(&blob, &canonical(None)).unwrap_err(), NotOpened);
    }

    #[test]
    fn equal_plaintexts_give_different_blobs() {
        let id = KeyMaterialId([1; 32]);
        let seal = || {
            let envelope = Envelope::new(KeyId::from_parts([2; 16], true), id, canonical(None)).unwrap();
            let kdk = token(&envelope.kdf_input());
            envelope.seal(&kdk, b"same")
        };
        assert_ne!(seal(), seal());
        assert_eq!(ParsedBlob::parse(&seal()).unwrap().key_id.to_string(), format!("mrk-{}", "02".repeat(16)));
    }

    proptest! {
        #[test]
        fn no_input_makes_the_parser_panic(blob: Vec<u8>, context: Vec<u8>) {
            prop_assert!(open(&blob, &context).is_err());
        }
    }
}
