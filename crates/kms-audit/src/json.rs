//! Writing JSON straight into a buffer: about a tenth of the cost of building a tree of values first.

use serde::Serialize;
use time::OffsetDateTime;

/// A piece of JSON that was rendered before: valid by construction and free of line breaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fragment(String);

impl Fragment {
    /// Renders a value, members in the order in which the type writes them.
    ///
    /// # Errors
    /// The value cannot be written as JSON, as a map whose keys are no strings.
    pub fn of<T: Serialize + ?Sized>(value: &T) -> Result<Self, serde_json::Error> {
        serde_json::to_string(value).map(Self::on_one_line)
    }

    /// An object of texts that need no escapes: names of members and digits, hex or uuids.
    pub fn of_plain(members: &[(&str, &str)]) -> Self {
        let mut text = String::with_capacity(members.iter().map(|(name, value)| name.len() + value.len() + 6).sum());
        for (name, value) in members {
            text.push(if text.is_empty() { '{' } else { ',' });
            for part in ["\"", name, "\":\"", value, "\""] {
                text.push_str(part);
            }
        }
        text.push_str(if members.is_empty() { "{}" } else { "}" });
        Self(text)
    }

    /// The JSON text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A raw line break can only be white space between tokens (an embedded raw value may have some), so a blank will do.
    fn on_one_line(text: String) -> Self {
        Self(if text.contains(['\n', '\r']) { text.replace(['\n', '\r'], " ") } else { text })
    }
}

impl From<serde_json::Value> for Fragment {
    fn from(value: serde_json::Value) -> Self {
        Self::on_one_line(value.to_string())
    }
}

/// An object under construction at the end of a buffer. Names are literals of this crate and need no escapes.
pub(crate) struct Object<'a> {
    out: &'a mut Vec<u8>,
    separator: &'static [u8],
}

impl<'a> Object<'a> {
    /// The members of an object whose brace somebody else opens: the rest of a line after `seq` and `prev`.
    pub(crate) fn continued(out: &'a mut Vec<u8>) -> Self {
        Self { out, separator: b"" }
    }

    /// A member whose value is text.
    pub(crate) fn text(&mut self, name: &str, value: &str) {
        escaped(self.name(name), value);
    }

    /// A member that is left out when there is no value.
    pub(crate) fn text_if(&mut self, name: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.text(name, value);
        }
    }

    /// A member whose value is plain ASCII and has nothing to escape: digits, hex, a uuid.
    pub(crate) fn plain(&mut self, name: &str, value: &str) {
        let out = self.name(name);
        out.push(b'"');
        out.extend_from_slice(value.as_bytes());
        out.push(b'"');
    }

    /// A member with a literal or number: `true`, `null`, `7`.
    pub(crate) fn literal(&mut self, name: &str, value: &str) {
        self.name(name).extend_from_slice(value.as_bytes());
    }

    /// A rendered member, `null` when there is none.
    pub(crate) fn fragment(&mut self, name: &str, value: Option<&Fragment>) {
        self.literal(name, value.map_or("null", Fragment::as_str));
    }

    /// A moment in UTC to the second, as `2025-05-21T17:47:45Z`.
    pub(crate) fn moment(&mut self, name: &str, value: OffsetDateTime) {
        let value = value.to_offset(time::UtcOffset::UTC);
        let out = self.name(name);
        out.push(b'"');
        digits(out, value.year().unsigned_abs(), 4);
        for (mark, part) in [(b'-', u8::from(value.month())), (b'-', value.day()), (b'T', value.hour())] {
            out.push(mark);
            digits(out, part.into(), 2);
        }
        for part in [value.minute(), value.second()] {
            out.push(b':');
            digits(out, part.into(), 2);
        }
        out.extend_from_slice(b"Z\"");
    }

    /// An object as a member.
    pub(crate) fn object(&mut self, name: &str, members: impl FnOnce(&mut Object<'_>)) {
        let out = self.name(name);
        out.push(b'{');
        let mut inner = Object::continued(out);
        members(&mut inner);
        inner.close();
    }

    /// An array of objects as a member.
    pub(crate) fn objects<T>(&mut self, name: &str, items: &[T], members: impl Fn(&T, &mut Object<'_>)) {
        let out = self.name(name);
        out.push(b'[');
        for (index, item) in items.iter().enumerate() {
            out.extend_from_slice(if index == 0 { b"{" } else { b",{" });
            let mut inner = Object::continued(out);
            members(item, &mut inner);
            inner.close();
        }
        out.push(b']');
    }

    /// Closes the object.
    pub(crate) fn close(self) {
        self.out.push(b'}');
    }

    fn name(&mut self, name: &str) -> &mut Vec<u8> {
        self.out.extend_from_slice(self.separator);
        self.separator = b",";
        self.out.push(b'"');
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(b"\":");
        self.out
    }
}

fn escaped(out: &mut Vec<u8>, value: &str) {
    if !needs_escape(value) {
        out.push(b'"');
        out.extend_from_slice(value.as_bytes());
        out.push(b'"');
        return;
    }
    serde_json::to_writer(out, value).expect("a str is always valid JSON text and a Vec takes every byte");
}

/// Looks at every byte without stopping, so that the compiler looks at many at once; almost no text needs an escape.
fn needs_escape(value: &str) -> bool {
    value.bytes().fold(false, |any, byte| any | (byte < b' ') | (byte == b'"') | (byte == b'\\'))
}

/// `value` with leading zeros up to `width` digits.
fn digits(out: &mut Vec<u8>, value: u32, width: usize) {
    let mut buffer = [b'0'; 10];
    let mut rest = value;
    let mut start = buffer.len();
    while rest > 0 || buffer.len() - start < width {
        start -= 1;
        buffer[start] = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    out.extend_from_slice(&buffer[start..]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    #[test]
    fn moments_are_written_in_utc_to_the_second() {
        for (moment, text) in [
            (datetime!(2025-05-21 17:47:45.999 UTC), r#""t":"2025-05-21T17:47:45Z"}"#),
            (datetime!(2025-01-01 00:30:00 +1), r#""t":"2024-12-31T23:30:00Z"}"#),
            (datetime!(0007-02-03 04:05:06 UTC), r#""t":"0007-02-03T04:05:06Z"}"#),
        ] {
            let mut out = Vec::new();
            let mut object = Object::continued(&mut out);
            object.moment("t", moment);
            object.close();
            assert_eq!(String::from_utf8(out).unwrap(), text);
        }
    }

    #[test]
    fn plain_members_make_an_object() {
        for members in [&[][..], &[("a", "1")], &[("a", "1"), ("b", "2f")]] {
            let object: serde_json::Map<_, _> =
                members.iter().map(|(name, value)| ((*name).to_owned(), (*value).into())).collect();
            assert_eq!(Fragment::of_plain(members), Fragment::of(&object).unwrap());
        }
    }

    #[test]
    fn texts_are_escaped_as_serde_json_does_it() {
        for character in (0..0x100).filter_map(char::from_u32).chain(['\u{2028}', '\u{ffff}', '\u{10ffff}']) {
            let text = format!("a{character}b");
            let mut out = Vec::new();
            escaped(&mut out, &text);
            assert_eq!(out, serde_json::to_vec(&text).unwrap(), "{text:?}");
        }
    }

    #[test]
    fn a_fragment_never_has_a_line_break() {
        assert_eq!(Fragment::from(serde_json::json!({"a": "x\ny"})).as_str(), r#"{"a":"x\ny"}"#);
        assert_eq!(Fragment::on_one_line("{\n\r\"a\": 1}".into()).as_str(), r#"{  "a": 1}"#);
    }
}
