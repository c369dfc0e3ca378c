//! The form of SoftHSM's files `*.object`: a counter, then attributes of type, kind and value, all numbers big-endian of 64
//! bits. Source: read off files of 2.6.1 and checked on every one that the tests make.

/// The value of an attribute.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Value<'a> {
    /// Kind 1: one byte, zero for false.
    Bool(bool),
    /// Kind 2.
    Number(u64),
    /// Kind 3: a length and as many bytes; encrypted in private objects.
    Bytes(&'a [u8]),
    /// Kind 4, a list of attributes behind its length in bytes, or kind 5, a list of numbers behind their count.
    List,
}

/// All attributes of a whole file; none if it is torn.
pub(crate) fn parse(bytes: &[u8]) -> Option<Vec<(u64, Value<'_>)>> {
    let (_, mut rest) = split_number(bytes)?;
    let mut attributes = Vec::new();
    while !rest.is_empty() {
        let (attribute, tail) = split_number(rest)?;
        let (kind, tail) = split_number(tail)?;
        let value;
        (value, rest) = match kind {
            1 => {
                let (byte, tail) = tail.split_first()?;
                (Value::Bool(*byte != 0), tail)
            }
            2 => {
                let (number, tail) = split_number(tail)?;
                (Value::Number(number), tail)
            }
            3 => {
                let (value, tail) = split_bytes(tail, 1)?;
                (Value::Bytes(value), tail)
            }
            4 => (Value::List, split_bytes(tail, 1)?.1),
            5 => (Value::List, split_bytes(tail, 8)?.1),
            _ => return None,
        };
        attributes.push((attribute, value));
    }
    Some(attributes)
}

/// Whether this is a whole object that a search for token objects finds. An object that a kill tore early in its making has
/// `CKA_TOKEN` not yet true (see `torn`).
pub(crate) fn is_token_object(bytes: &[u8]) -> bool {
    const CKA_TOKEN: u64 = 1;
    parse(bytes).is_some_and(|attributes| attributes.contains(&(CKA_TOKEN, Value::Bool(true))))
}

fn split_number(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let (number, rest) = bytes.split_first_chunk::<8>()?;
    Some((u64::from_be_bytes(*number), rest))
}

/// A count and as many items of `size` bytes.
fn split_bytes(bytes: &[u8], size: usize) -> Option<(&[u8], &[u8])> {
    let (count, rest) = split_number(bytes)?;
    rest.split_at_checked(usize::try_from(count).ok()?.checked_mul(size)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(numbers: &[u64]) -> Vec<u8> {
        numbers.iter().flat_map(|number| number.to_be_bytes()).collect()
    }

    #[test]
    fn every_kind_is_read_and_every_cut_inside_an_attribute_is_seen() {
        let token = [numbers(&[1, 1]), vec![0xff]].concat();
        let list = numbers(&[0x4000_0600, 5, 2, 7, 8]);
        let map = [numbers(&[0x4000_0211, 4, 17]), token.clone()].concat();
        let whole = [numbers(&[9]), numbers(&[0, 2, 4]), token, numbers(&[3, 3, 2]), vec![65, 66], list, map].concat();
        let read = parse(&whole).unwrap();
        assert_eq!(read[..3], [(0, Value::Number(4)), (1, Value::Bool(true)), (3, Value::Bytes(b"AB"))]);
        assert_eq!(read[3..], [(0x4000_0600, Value::List), (0x4000_0211, Value::List)]);
        assert!(is_token_object(&whole));
        let ends = [8, 32, 49, 75, 115, whole.len()];
        for length in 0..=whole.len() {
            assert_eq!(parse(&whole[..length]).is_some(), ends.contains(&length), "{length}");
        }
        assert!(!is_token_object(&whole[..32]));
        assert_eq!(parse(&numbers(&[9, 0, 3, u64::MAX])), None);
        assert_eq!(parse(&numbers(&[9, 0, 5, u64::MAX])), None);
    }
}
