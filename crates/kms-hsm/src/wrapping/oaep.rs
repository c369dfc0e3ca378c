//! Removing OAEP after a raw RSA decryption, without a branch or an address that depends on the padding: a server that
//! tells a bad first byte from a bad padding decrypts for whoever asks often enough (Manger's attack).
//! Source: RFC 8017 section 7.1.2, with an empty label.

use sha1::Sha1;
use sha2::Sha256;
use sha2::digest::Digest;
use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};
use zeroize::{Zeroize, Zeroizing};

use crate::mechanism::OaepHash;

/// The 32-byte message in an encoded block, or `substitute` and a false choice; the block is used up. All failures,
/// another length of the message included, take the same steps.
pub(crate) fn decode_32_bytes(
    hash: OaepHash,
    encoded: &mut [u8],
    substitute: &Zeroizing<[u8; 32]>,
) -> (Zeroizing<[u8; 32]>, Choice) {
    let (mut is_good, start) = match hash {
        OaepHash::Sha1 => decode::<Sha1>(encoded),
        OaepHash::Sha256 => decode::<Sha256>(encoded),
    };
    let mut secret = substitute.clone();
    // The length of the block is public. The message is its last 32 bytes exactly if it starts there.
    let Some((_, last)) = encoded.split_last_chunk::<32>() else { return (secret, Choice::from(0)) };
    is_good &= start.ct_eq(&((encoded.len() - 32) as u64));
    for (byte, found) in secret.iter_mut().zip(last) {
        byte.conditional_assign(found, is_good);
    }
    (secret, is_good)
}

/// The message in an encoded block, of any length; nothing for a block that is not well formed, which takes the same steps
/// whatever is wrong with it.
pub(crate) fn decode_message(hash: OaepHash, encoded: &mut [u8]) -> Option<Vec<u8>> {
    let (is_good, start) = match hash {
        OaepHash::Sha1 => decode::<Sha1>(encoded),
        OaepHash::Sha256 => decode::<Sha256>(encoded),
    };
    // The caller learns whether there is a message and how long it is; only what is wrong with a block may not show.
    bool::from(is_good).then(|| encoded.get(start as usize..).unwrap_or_default().to_vec())
}

/// Unmasks an encoded block in place. Gives whether it is well formed and where its message starts; the message reaches
/// to the end of the block. The start means nothing if the block is not well formed.
pub(crate) fn decode<D: Digest>(encoded: &mut [u8]) -> (Choice, u64) {
    let hash_bytes = <D as Digest>::output_size();
    if encoded.len() < 2 * hash_bytes + 2 {
        return (Choice::from(0), 0);
    }
    let (lead, rest) = encoded.split_at_mut(1);
    let (seed, block) = rest.split_at_mut(hash_bytes);
    xor_mask::<D>(seed, block);
    xor_mask::<D>(block, seed);
    let (label_hash, padded) = block.split_at(hash_bytes);
    let mut is_good = lead[0].ct_eq(&0) & label_hash.ct_eq(&D::digest([]));
    let (mut searching, mut start) = (Choice::from(1), 0_u64);
    for (index, byte) in padded.iter().enumerate() {
        let (is_zero, is_one) = (byte.ct_eq(&0), byte.ct_eq(&1));
        start.conditional_assign(&((1 + 2 * hash_bytes + index + 1) as u64), searching & is_one);
        is_good &= !searching | is_zero | is_one;
        searching &= !is_one;
    }
    (is_good & !searching, start)
}

/// The token's output with its leading zeros back: SoftHSM keeps them, other tokens may not. None if it is too long.
pub(crate) fn left_pad(bytes: &[u8], length: usize) -> Option<Zeroizing<Vec<u8>>> {
    let missing = length.checked_sub(bytes.len())?;
    let mut padded = Zeroizing::new(vec![0; length]);
    padded[missing..].copy_from_slice(bytes);
    Some(padded)
}

/// MGF1 of `seed`, over `target` (RFC 8017 appendix B.2.1).
fn xor_mask<D: Digest>(target: &mut [u8], seed: &[u8]) {
    for (counter, chunk) in (0_u32..).zip(target.chunks_mut(<D as Digest>::output_size())) {
        let mut mask = D::new().chain_update(seed).chain_update(counter.to_be_bytes()).finalize();
        for (byte, mask) in chunk.iter_mut().zip(mask.iter()) {
            *byte ^= mask;
        }
        mask.as_mut_slice().zeroize();
    }
}

#[cfg(test)]
mod tests;
