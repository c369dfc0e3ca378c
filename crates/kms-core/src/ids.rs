//! Identifiers. A value in hand is a valid one: `parse` is the only way in from text.

use std::fmt;

use uuid::Uuid;

/// A 12-digit AWS account id.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AccountId([u8; 12]);

impl AccountId {
    /// Parses twelve ASCII digits; anything else is none.
    pub fn parse(text: &str) -> Option<Self> {
        let digits: [u8; 12] = text.as_bytes().try_into().ok()?;
        digits.iter().all(u8::is_ascii_digit).then_some(Self(digits))
    }

    /// The twelve digits.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or("000000000000")
    }
}

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An AWS region name such as `us-east-1`, at most 32 ASCII characters, held in place so that it is cheap to copy.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Region {
    bytes: [u8; 32],
    len: u8,
}

impl Region {
    /// Parses `^([a-z]+-){2,3}\d+$`, the form of the model's `RegionType`.
    pub fn parse(text: &str) -> Option<Self> {
        let (words, number) = text.rsplit_once('-')?;
        let well_formed = text.len() <= 32
            && (2..=3).contains(&words.split('-').count())
            && words.split('-').all(|word| !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase()))
            && !number.is_empty()
            && number.bytes().all(|b| b.is_ascii_digit());
        if !well_formed {
            return None;
        }
        let mut bytes = [0; 32];
        bytes[..text.len()].copy_from_slice(text.as_bytes());
        Some(Self { bytes, len: text.len() as u8 })
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.bytes[..usize::from(self.len)]).unwrap_or("")
    }

    /// The partition of the region: `aws`, `aws-cn` or `aws-us-gov`.
    pub fn partition(&self) -> &'static str {
        match self.as_str() {
            name if name.starts_with("cn-") => "aws-cn",
            name if name.starts_with("us-gov-") => "aws-us-gov",
            _ => "aws",
        }
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The id of a KMS key: a lower-case UUID, or `mrk-` and 32 lower-case hex digits for a multi-Region key.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyId {
    bytes: [u8; 16],
    multi_region: bool,
}

impl KeyId {
    /// A fresh random single-Region key id (UUID version 4).
    pub fn random() -> Self {
        Self { bytes: *Uuid::new_v4().as_bytes(), multi_region: false }
    }

    /// Parses the exact lower-case text form.
    pub fn parse(text: &str) -> Option<Self> {
        let id = if let Some(hex) = text.strip_prefix("mrk-") {
            let bytes = parse_hex::<16>(hex)?;
            Self { bytes, multi_region: true }
        } else {
            if text.len() != 36 {
                return None;
            }
            Self { bytes: *Uuid::try_parse(text).ok()?.as_bytes(), multi_region: false }
        };
        (id.to_string() == text).then_some(id)
    }

    /// Whether the text has the form of a key id in either letter case; such a text is answered with "does not exist"
    /// rather than "Invalid keyId". Source: kms-operations.md 1.2.
    pub fn has_the_form(text: &str) -> bool {
        let is_hex = |part: &str| part.bytes().all(|b| b.is_ascii_hexdigit());
        match text.strip_prefix("mrk-") {
            Some(hex) => hex.len() == 32 && is_hex(hex),
            None => {
                let lengths = [8, 4, 4, 4, 12];
                text.split('-').count() == 5
                    && text.split('-').zip(lengths).all(|(part, length)| part.len() == length && is_hex(part))
            }
        }
    }

    /// The 16 bytes behind the id and whether it is a multi-Region id.
    pub fn to_parts(self) -> ([u8; 16], bool) {
        (self.bytes, self.multi_region)
    }

    /// Builds the id from the 16 bytes and the multi-Region flag.
    pub fn from_parts(bytes: [u8; 16], multi_region: bool) -> Self {
        Self { bytes, multi_region }
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.multi_region {
            write!(f, "mrk-{}", hex(&self.bytes))
        } else {
            Uuid::from_bytes(self.bytes).hyphenated().fmt(f)
        }
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The id of one key material of a key: 32 bytes, 64 lower-case hex digits on the wire.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyMaterialId(pub [u8; 32]);

impl KeyMaterialId {
    /// Parses 64 lower-case hex digits.
    pub fn parse(text: &str) -> Option<Self> {
        parse_hex::<32>(text).map(Self)
    }
}

impl fmt::Display for KeyMaterialId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

impl fmt::Debug for KeyMaterialId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The `CKA_ID` of one token object: a UUID made by us, fresh for every attempt and never used again.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectId(pub Uuid);

impl ObjectId {
    /// A fresh object id.
    pub fn random() -> Self {
        Self(Uuid::new_v4())
    }

    /// The 16 bytes stored as `CKA_ID`.
    pub fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }
}

impl fmt::Display for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

impl fmt::Debug for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Lower-case hex digits of some bytes.
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |value: u8| char::from(DIGITS[usize::from(value & 15)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(*byte)]).collect()
}

fn parse_hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digits = text.as_bytes();
    if digits.len() != N * 2 {
        return None;
    }
    let value = |digit: u8| match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    };
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = value(pair[0])? << 4 | value(pair[1])?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_come_back_as_they_were_written() {
        for text in ["1234abcd-12ab-34cd-56ef-1234567890ab", "mrk-1234abcd12ab34cd56ef1234567890ab"] {
            assert_eq!(KeyId::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(AccountId::parse("000000000000").unwrap().to_string(), "000000000000");
        assert_eq!(Region::parse("ap-southeast-2").unwrap().as_str(), "ap-southeast-2");
    }

    #[test]
    fn a_text_that_is_no_id_is_refused() {
        for text in ["", "foo", "1234ABCD-12ab-34cd-56ef-1234567890ab", "mrk-fake", "1234abcd12ab34cd56ef1234567890ab"]
        {
            assert_eq!(KeyId::parse(text), None, "{text}");
        }
        for text in ["", "123", "12345678901x", "1234567890123"] {
            assert_eq!(AccountId::parse(text), None, "{text}");
        }
        for text in ["", "us", "us-1", "us-east-", "us--1", "US-east-1", "a-b-c-d-1", "us-east-1-1"] {
            assert_eq!(Region::parse(text), None, "{text}");
        }
    }

    #[test]
    fn an_upper_case_uuid_has_the_form_of_a_key_id_but_is_none() {
        assert!(KeyId::has_the_form("1234ABCD-12ab-34cd-56ef-1234567890ab"));
        assert!(KeyId::has_the_form("mrk-1234ABCD12ab34cd56ef1234567890ab"));
        assert!(!KeyId::has_the_form("1234abcd12ab34cd56ef1234567890ab"));
        assert!(!KeyId::has_the_form("mrk-fake"));
    }

    #[test]
    fn a_region_names_its_partition() {
        assert_eq!(Region::parse("us-gov-west-1").unwrap().partition(), "aws-us-gov");
        assert_eq!(Region::parse("cn-north-1").unwrap().partition(), "aws-cn");
        assert_eq!(Region::parse("eu-central-1").unwrap().partition(), "aws");
    }
}
