//! The `Authorization` header: `AWS4-HMAC-SHA256 Credential=…, SignedHeaders=…, Signature=…`.

use super::error::SignatureError;

/// What every scheme of Signature Version 4 starts with.
const SCHEME_PREFIX: &str = "AWS4-";
const ALGORITHM: &str = "AWS4-HMAC-SHA256";
/// A run of hex digits this long is taken for a signature, or a large part of one, wherever it stands.
const SIGNATURE_LIKE: usize = 32;

/// The parts of the header and the date that goes with it, none of them checked yet. No `Debug`: it holds a signature.
pub(super) struct Authorization<'a> {
    /// The scheme; only `AWS4-HMAC-SHA256` is supported.
    pub(super) algorithm: &'a str,
    /// Access key id and scope.
    pub(super) credential: &'a str,
    /// Header names, separated by semicolons.
    pub(super) signed_headers: &'a str,
    /// 64 lower-case hex digits if it is right.
    pub(super) signature: &'a str,
    /// The value of `X-Amz-Date`, else of `Date`.
    pub(super) date: &'a [u8],
}

impl<'a> Authorization<'a> {
    /// Splits the header. Parameters are separated by commas, spaces or both.
    ///
    /// # Errors
    /// `MissingAuthenticationToken` if the scheme is not of AWS; `Incomplete` if a parameter or the date is missing,
    /// with the header minus its signature; `DoesNotMatch` if a parameter is given twice.
    pub(super) fn parse(header: &'a str, date: Option<&'a [u8]>) -> Result<Self, SignatureError> {
        let header = header.trim_ascii();
        if !header.starts_with(SCHEME_PREFIX) {
            return Err(SignatureError::MissingAuthenticationToken);
        }
        // Two searches for one byte each: a search for either goes character by character.
        let mut parts = header.split(',').flat_map(|part| part.split(' ')).filter(|part| !part.is_empty());
        let algorithm = parts.next().unwrap_or_default();
        let (mut credential, mut signed_headers, mut signature) = (None, None, None);
        for part in parts {
            let (name, value) = part.split_once('=').ok_or_else(|| no_equal_sign(part, header))?;
            let slot = match name {
                "Credential" => &mut credential,
                "SignedHeaders" => &mut signed_headers,
                "Signature" => &mut signature,
                _ => continue,
            };
            if slot.replace(value).is_some() {
                return Err(SignatureError::DoesNotMatch);
            }
        }
        // An empty list of headers is complete: it is refused later, for its lack of `host`.
        let present = |value: Option<&'a str>| value.filter(|value| !value.is_empty());
        match (present(credential), present(signature), signed_headers, date) {
            (Some(credential), Some(signature), Some(signed_headers), Some(date)) => {
                Ok(Self { algorithm, credential, signed_headers, signature, date })
            }
            (credential, signature, signed_headers, date) => Err(incomplete(
                [
                    (credential.is_none(), "Authorization header requires 'Credential' parameter. "),
                    (signature.is_none(), "Authorization header requires 'Signature' parameter. "),
                    (signed_headers.is_none(), "Authorization header requires 'SignedHeaders' parameter. "),
                    (
                        date.is_none(),
                        "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. ",
                    ),
                ],
                header,
            )),
        }
    }

    /// Whether the algorithm is the one that is served.
    ///
    /// # Errors
    /// `Incomplete`, naming the algorithm.
    pub(super) fn check_algorithm(&self) -> Result<(), SignatureError> {
        if self.algorithm == ALGORITHM {
            return Ok(());
        }
        let algorithm = without_signature(self.algorithm);
        Err(SignatureError::Incomplete(format!(
            "Unsupported AWS 'algorithm': '{algorithm}' (only {ALGORITHM} for now)."
        )))
    }
}

fn incomplete(sentences: [(bool, &str); 4], header: &str) -> SignatureError {
    let mut text: String = sentences.iter().filter(|(applies, _)| *applies).map(|(_, sentence)| *sentence).collect();
    text.push_str("Authorization=");
    text.push_str(&without_signature(header));
    SignatureError::Incomplete(text)
}

fn no_equal_sign(part: &str, header: &str) -> SignatureError {
    let (part, header) = (without_signature(part), without_signature(header));
    SignatureError::Incomplete(format!(
        "'{part}' not a valid key=value pair (missing equal-sign) in Authorization header: '{header}'."
    ))
}

/// `text` with nothing left that may be a signature: parts that mention the word end after it, and long runs of hex
/// digits go wherever they stand. The header may be malformed, so its grammar is no help here.
pub(super) fn without_signature(text: &str) -> String {
    text.split_inclusive([',', ' ']).map(without_signature_in_part).collect()
}

fn without_signature_in_part(part: &str) -> String {
    let (body, separator) = match part.strip_suffix([',', ' ']) {
        Some(body) => part.split_at(body.len()),
        None => (part, ""),
    };
    const WORD: &str = "signature";
    let kept = match body.to_ascii_lowercase().find(WORD) {
        Some(at) => {
            let end = at + WORD.len();
            &body[..end + usize::from(body[end..].starts_with('='))]
        }
        None => body,
    };
    let mut clean = String::with_capacity(part.len());
    for run in kept.split_inclusive(|character: char| !character.is_ascii_hexdigit()) {
        let digits = run.bytes().take_while(u8::is_ascii_hexdigit).count();
        clean.push_str(if digits < SIGNATURE_LIKE { run } else { &run[digits..] });
    }
    clean + separator
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIGNATURE: &str = "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31";

    fn refusal(header: &str) -> String {
        Authorization::parse(header, Some(b"")).err().map(|refusal| refusal.message()).unwrap_or_default()
    }

    #[test]
    fn commas_spaces_or_both_separate_parameters() {
        for separator in [", ", ",", " ", " ,  "] {
            let header = format!("{ALGORITHM} Credential=a/b{separator}SignedHeaders=host{separator}Signature=0f");
            let parsed = Authorization::parse(&header, Some(b"")).unwrap_or_else(|_| panic!("{header}"));
            assert_eq!((parsed.credential, parsed.signed_headers, parsed.signature), ("a/b", "host", "0f"));
        }
    }

    #[test]
    fn other_schemes_are_no_token_and_are_not_repeated() {
        for header in ["", "Basic dXNlcjpwYXNz", "Bearer abc", "aws4-hmac-sha256 Credential=a"] {
            assert_eq!(refusal(header), "Request is missing Authentication Token");
        }
    }

    #[test]
    fn a_parameter_given_twice_is_refused() {
        let twice = format!("{ALGORITHM} Credential=a, Credential=a, SignedHeaders=host, Signature=0f");
        assert!(refusal(&twice).starts_with("The request signature we calculated does not match"));
    }

    #[test]
    fn no_text_repeats_a_signature_however_the_header_is_broken() {
        for broken in [
            format!("{ALGORITHM} Credential=a Signature={SIGNATURE}"),
            format!("{ALGORITHM} Credential=a, Signature= {SIGNATURE}"),
            format!("{ALGORITHM} Credential=a, Signature:{SIGNATURE}"),
            format!("{ALGORITHM} Credential=a, signature={SIGNATURE}"),
            format!("{ALGORITHM} Credential=a;SignedHeaders=host;Signature={SIGNATURE}"),
            format!("{ALGORITHM} {SIGNATURE}"),
            format!("{ALGORITHM} Sig=x{SIGNATURE}"),
            format!("AWS4-{SIGNATURE}"),
        ] {
            let text = refusal(&broken);
            assert!(!text.is_empty() && !text.contains(&SIGNATURE[..SIGNATURE_LIKE]), "{text}");
            assert!(!text.contains(&SIGNATURE[32..]), "{text}");
        }
    }

    #[test]
    fn what_is_not_a_signature_stays() {
        let header = format!("{ALGORITHM} Credential=AKID/20260101/é, SignedHeaders=host;x-amz-date");
        assert_eq!(without_signature(&header), header);
        assert_eq!(without_signature("Signature=00, Credential=a"), "Signature=, Credential=a");
    }
}
