//! The key derivation that the token and the process share: SP 800-108 counter mode, one iteration, HMAC as the PRF.
//! Source: cryptography.md 1.

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256, Sha512};

use crate::hsm::MacInput;

/// `kin(label, ctx32, Lbits) = 00000001 || label || 00 || ctx32 || u32(Lbits)`: exactly 55 bytes, one block of SHA-256.
pub fn kdf_input(label: &[u8; 14], context: &[u8; 32], bits: u32) -> MacInput {
    let mut input = [0; 55];
    input[..4].copy_from_slice(&1_u32.to_be_bytes());
    input[4..18].copy_from_slice(label);
    input[19..51].copy_from_slice(context);
    input[51..].copy_from_slice(&bits.to_be_bytes());
    input
}

/// SHA-256 of the concatenated parts.
pub fn sha256(parts: &[&[u8]]) -> [u8; 32] {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update(part);
    }
    hasher.finalize().into()
}

/// HMAC-SHA-512 of the concatenated parts.
pub fn hmac_sha512(key: &[u8; 32], parts: &[&[u8]]) -> [u8; 64] {
    mac::<Hmac<Sha512>>(key, parts).into()
}

/// HMAC-SHA-256 of the concatenated parts.
pub fn hmac_sha256(key: &[u8; 32], parts: &[&[u8]]) -> [u8; 32] {
    mac::<Hmac<Sha256>>(key, parts).into()
}

fn mac<M: Mac + KeyInit>(key: &[u8; 32], parts: &[&[u8]]) -> hmac::digest::Output<M> {
    #[expect(clippy::unwrap_used, reason = "HMAC takes a key of any length")]
    let mut mac = <M as KeyInit>::new_from_slice(key).unwrap();
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes()
}
