//! The encryption context in its canonical form. Source: ciphertext.md 4.4, cryptography.md 1.

use std::collections::BTreeMap;

/// Writes the canonical form of a context: `u32 pairs || (u32 len || key || u32 len || value)*`, sorted by the bytes of
/// the keys; an absent context equals an empty one. Lengths are big-endian and count bytes of UTF-8.
pub fn canonical(context: Option<&BTreeMap<String, String>>) -> Vec<u8> {
    let pairs = context.map_or(0, BTreeMap::len);
    let mut bytes = Vec::with_capacity(4 + pairs * 32);
    push_length(&mut bytes, pairs);
    for (key, value) in context.into_iter().flatten() {
        for text in [key, value] {
            push_length(&mut bytes, text.len());
            bytes.extend_from_slice(text.as_bytes());
        }
    }
    bytes
}

/// Lengths come from a request body of at most 1 MiB, so they fit 32 bits.
fn push_length(bytes: &mut Vec<u8>, length: usize) {
    bytes.extend_from_slice(&u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_absent_context_equals_an_empty_one() {
        assert_eq!(canonical(None), [0, 0, 0, 0]);
        assert_eq!(canonical(Some(&BTreeMap::new())), [0, 0, 0, 0]);
    }

    proptest! {
        #[test]
        fn different_contexts_have_different_forms(a: BTreeMap<String, String>, b: BTreeMap<String, String>) {
            prop_assert_eq!(a == b, canonical(Some(&a)) == canonical(Some(&b)));
        }
    }
}
