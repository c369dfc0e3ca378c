//! The canonical form of a request, whose hash is signed.
//!
//! Source: AWS IAM User Guide, "Create a signed AWS API request", step 1. It is built from the bytes as received: nothing
//! is decoded and put together again on the way.

use super::error::SignatureError;

const HEX: &[u8; 16] = b"0123456789abcdef";

/// What goes into the canonical form.
pub(super) struct CanonicalRequest<'a> {
    pub(super) method: &'a str,
    /// The path as it stood in the request line.
    pub(super) path: &'a str,
    /// The query as it stood in the request line, without its question mark.
    pub(super) query: &'a str,
    /// All headers, in the order received.
    pub(super) headers: &'a [(&'a str, &'a [u8])],
    /// The names that are signed, joined by semicolons.
    pub(super) signed_headers: &'a str,
    /// SHA-256 of the body in hex.
    pub(super) body_hash: &'a [u8; 64],
}

impl CanonicalRequest<'_> {
    /// Replaces the content of `out` by the canonical form.
    ///
    /// # Errors
    /// `DoesNotMatch` if the signed names are not in ascending order, or one of the headers is absent: what the client
    /// signed is then not what arrived.
    pub(super) fn write(&self, out: &mut Vec<u8>) -> Result<(), SignatureError> {
        out.clear();
        out.extend_from_slice(self.method.as_bytes());
        out.push(b'\n');
        write_path(self.path, out);
        out.push(b'\n');
        write_query(self.query, out);
        out.push(b'\n');
        let mut previous = "";
        for name in self.signed_headers.split(';') {
            if name <= previous || name.bytes().any(|byte| byte.is_ascii_uppercase()) {
                return Err(SignatureError::DoesNotMatch);
            }
            write_header(name, self.headers, out)?;
            previous = name;
        }
        out.push(b'\n');
        out.extend_from_slice(self.signed_headers.as_bytes());
        out.push(b'\n');
        out.extend_from_slice(self.body_hash);
        Ok(())
    }
}

/// The 64 lower-case hex digits of a hash.
pub(super) fn hex(hash: [u8; 32]) -> [u8; 64] {
    let mut text = [0; 64];
    for (pair, byte) in text.chunks_exact_mut(2).zip(hash) {
        pair[0] = HEX[usize::from(byte >> 4)];
        pair[1] = HEX[usize::from(byte & 15)];
    }
    text
}

/// `name:value,value` with the values of all headers of that name.
fn write_header(name: &str, headers: &[(&str, &[u8])], out: &mut Vec<u8>) -> Result<(), SignatureError> {
    let mut separator = b':';
    out.extend_from_slice(name.as_bytes());
    for (_, value) in headers.iter().filter(|(other, _)| other.eq_ignore_ascii_case(name)) {
        out.push(separator);
        separator = b',';
        write_folded(value, out);
    }
    if separator == b':' {
        return Err(SignatureError::DoesNotMatch);
    }
    out.push(b'\n');
    Ok(())
}

/// Spaces around the value go, runs of spaces within it become one. Only spaces: that is what clients do.
fn write_folded(value: &[u8], out: &mut Vec<u8>) {
    let start = value.iter().position(|byte| *byte != b' ').unwrap_or(value.len());
    let end = value.iter().rposition(|byte| *byte != b' ').map_or(start, |last| last + 1);
    let value = &value[start..end];
    // Most values have no space at all, which one search for a byte tells.
    if !value.contains(&b' ') || !value.windows(2).any(|pair| pair == b"  ") {
        out.extend_from_slice(value);
        return;
    }
    let mut previous = 0;
    for byte in value {
        if *byte != b' ' || previous != b' ' {
            out.push(*byte);
        }
        previous = *byte;
    }
}

/// The path with each byte encoded once more, so `%20` becomes `%2520`, as all services but S3 want it.
fn write_path(path: &str, out: &mut Vec<u8>) {
    write_encoded(path.as_bytes(), b"/", out);
}

/// The parameters sorted by name and value. Escapes stay as received; whatever else needs one gets it.
fn write_query(query: &str, out: &mut Vec<u8>) {
    if query.is_empty() {
        return;
    }
    let encoded = |text: &str| {
        let mut encoded = Vec::with_capacity(text.len());
        write_encoded(text.as_bytes(), b"%", &mut encoded);
        encoded
    };
    let mut parameters: Vec<_> = query
        .split('&')
        .map(|parameter| parameter.split_once('=').unwrap_or((parameter, "")))
        .map(|(name, value)| (encoded(name), encoded(value)))
        .collect();
    parameters.sort_unstable();
    for (index, (name, value)) in parameters.iter().enumerate() {
        if index > 0 {
            out.push(b'&');
        }
        out.extend_from_slice(name);
        out.push(b'=');
        out.extend_from_slice(value);
    }
}

/// Percent-encodes all but unreserved characters (RFC 3986, section 2.3) and those of `keep`.
fn write_encoded(text: &[u8], keep: &[u8], out: &mut Vec<u8>) {
    for byte in text {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(byte) || keep.contains(byte) {
            out.push(*byte);
        } else {
            let digit = |nibble: u8| HEX[usize::from(nibble)].to_ascii_uppercase();
            out.extend_from_slice(&[b'%', digit(byte >> 4), digit(byte & 15)]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn values_are_trimmed_and_runs_of_spaces_folded() {
        for (value, canonical) in
            [("a", "a"), ("  a  b   c ", "a b c"), ("   ", ""), ("", ""), ("\"a   b\"", "\"a b\"")]
        {
            assert_eq!(written(|out| write_folded(value.as_bytes(), out)), canonical);
        }
    }

    #[test]
    fn a_path_is_encoded_once_more_and_never_normalised() {
        for (path, canonical) in [("/", "/"), ("//a/../b", "//a/../b"), ("/a%20b", "/a%2520b"), ("/ሴ", "/%E1%88%B4")]
        {
            assert_eq!(written(|out| write_path(path, out)), canonical);
        }
    }

    #[test]
    fn parameters_are_sorted_by_name_before_value() {
        for (query, canonical) in [
            ("", ""),
            ("b=1&a=2&a=1", "a=1&a=2&b=1"),
            ("Param-3=x&Param=y", "Param=y&Param-3=x"),
            ("a", "a="),
            ("a=b=c&d=%2F/", "a=b%3Dc&d=%2F%2F"),
        ] {
            assert_eq!(written(|out| write_query(query, out)), canonical);
        }
    }
}
