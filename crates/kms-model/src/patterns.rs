//! One matcher for each pattern of the model, so that no request runs a regular expression.
//!
//! The generator names a matcher after its shape: a new pattern does not compile without one, and the tests below
//! compare each with the expression that the table prints. Like KMS (Java's `matches`), a matcher decides about the
//! **whole** text, with or without anchors; `\w`, `\d` and `\s` mean ASCII.

/// `[0-9]{12}`
pub(crate) fn account_id_type(text: &str) -> bool {
    text.len() == 12 && every(text, |b| b.is_ascii_digit())
}

/// `^[a-zA-Z0-9:/_-]+$`
pub(crate) fn alias_name_type(text: &str) -> bool {
    some(text, |b| word(b) || b":/-".contains(&b))
}

/// `^[a-f0-9]+$`
pub(crate) fn backing_key_id_response_type(text: &str) -> bool {
    backing_key_id_type(text)
}

/// `^[a-f0-9]+$`
pub(crate) fn backing_key_id_type(text: &str) -> bool {
    some(text, |b| matches!(b, b'a'..=b'f' | b'0'..=b'9'))
}

/// `cluster-[2-7a-zA-Z]{11,16}`
pub(crate) fn cloud_hsm_cluster_id_type(text: &str) -> bool {
    text.strip_prefix("cluster-").is_some_and(|id| {
        (11..=16).contains(&id.len()) && every(id, |b| matches!(b, b'2'..=b'7') || b.is_ascii_alphabetic())
    })
}

/// `^arn:aws[a-z0-9-]*:[a-z0-9-]+:[a-z0-9-]*:[0-9]{12}:.+$`; `.` is no line terminator.
pub(crate) fn grant_constraint_source_arn_type(text: &str) -> bool {
    let label = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    let mut parts = text.splitn(6, ':');
    let mut next = || parts.next().unwrap_or_default();
    next() == "arn"
        && next().strip_prefix("aws").is_some_and(|rest| every(rest, label))
        && some(next(), label)
        && every(next(), label)
        && account_id_type(next())
        && parts.next().is_some_and(|resource| !resource.is_empty() && !resource.contains(line_terminator))
}

/// `^[a-zA-Z0-9:/_-]+$`
pub(crate) fn grant_name_type(text: &str) -> bool {
    alias_name_type(text)
}

/// `^\p{ASCII}+$`
pub(crate) fn key_id_type(text: &str) -> bool {
    !text.is_empty() && text.is_ascii()
}

/// `^[a-zA-Z0-9:/_\s.-]+$`
pub(crate) fn key_material_description_type(text: &str) -> bool {
    some(text, |b| word(b) || space(b) || b":/.-".contains(&b))
}

/// `[\u0020-\u00FF]*`
pub(crate) fn marker_type(text: &str) -> bool {
    text.chars().all(|c| matches!(c, '\u{20}'..='\u{FF}'))
}

/// `[\w]+`
pub(crate) fn policy_name_type(text: &str) -> bool {
    some(text, word)
}

/// `[\u0009\u000A\u000D\u0020-\u00FF]+`
pub(crate) fn policy_type(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| matches!(c, '\t' | '\n' | '\r' | '\u{20}'..='\u{FF}'))
}

/// `^[\w+=,.@:/-]+$`
pub(crate) fn principal_id_type(text: &str) -> bool {
    some(text, |b| word(b) || b"+=,.@:/-".contains(&b))
}

/// `^([a-z]+-){2,3}\d+$`
pub(crate) fn region_type(text: &str) -> bool {
    let Some((names, number)) = text.rsplit_once('-') else { return false };
    (2..=3).contains(&names.split('-').count())
        && names.split('-').all(|name| some(name, |b| b.is_ascii_lowercase()))
        && some(number, |b| b.is_ascii_digit())
}

/// `^([A-Za-z0-9\-]+)\.([A-Za-z0-9\-]+)(\.[A-Za-z0-9\-]+)+$`
pub(crate) fn service_principal_type(text: &str) -> bool {
    text.split('.').count() >= 3 && text.split('.').all(|label| some(label, |b| b.is_ascii_alphanumeric() || b == b'-'))
}

/// `^[a-zA-Z0-9-_.]+$`
pub(crate) fn xks_key_id_type(text: &str) -> bool {
    some(text, |b| word(b) || b"-.".contains(&b))
}

/// `^[A-Z2-7]+$`
pub(crate) fn xks_proxy_authentication_access_key_id_type(text: &str) -> bool {
    some(text, |b| matches!(b, b'A'..=b'Z' | b'2'..=b'7'))
}

/// `^[a-zA-Z0-9\/+=]+$`
pub(crate) fn xks_proxy_authentication_raw_secret_access_key_type(text: &str) -> bool {
    some(text, |b| b.is_ascii_alphanumeric() || b"/+=".contains(&b))
}

/// `^https://[a-zA-Z0-9.-]+$`
pub(crate) fn xks_proxy_uri_endpoint_type(text: &str) -> bool {
    text.strip_prefix("https://").is_some_and(|host| some(host, |b| b.is_ascii_alphanumeric() || b".-".contains(&b)))
}

/// `^(/[a-zA-Z0-9\/_-]+/kms/xks/v\d{1,2})$|^(/kms/xks/v\d{1,2})$`
pub(crate) fn xks_proxy_uri_path_type(text: &str) -> bool {
    let Some((path, version)) = text.rsplit_once("/kms/xks/v") else { return false };
    let prefix =
        path.is_empty() || path.strip_prefix('/').is_some_and(|rest| some(rest, |b| word(b) || b"/-".contains(&b)));
    prefix && (1..=2).contains(&version.len()) && every(version, |b| b.is_ascii_digit())
}

/// `^(com|eu)\.amazonaws\.vpce\.([a-z]+-){2,3}\d+\.vpce-svc-[0-9a-z]+$`
pub(crate) fn xks_proxy_vpc_endpoint_service_name_type(text: &str) -> bool {
    let rest = text.strip_prefix("com").or_else(|| text.strip_prefix("eu"));
    let Some((region, service)) =
        rest.and_then(|rest| rest.strip_prefix(".amazonaws.vpce.")).and_then(|rest| rest.split_once('.'))
    else {
        return false;
    };
    region_type(region)
        && service
            .strip_prefix("vpce-svc-")
            .is_some_and(|id| some(id, |b| b.is_ascii_lowercase() || b.is_ascii_digit()))
}

fn every(text: &str, class: impl Fn(u8) -> bool) -> bool {
    text.bytes().all(class)
}

fn some(text: &str, class: impl Fn(u8) -> bool) -> bool {
    !text.is_empty() && every(text, class)
}

fn word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

fn space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | 0x0B | 0x0C | b'\r')
}

fn line_terminator(c: char) -> bool {
    matches!(c, '\n' | '\r' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

#[cfg(test)]
mod tests {
    use crate::shape::{Kind, Pattern, Shape};
    use crate::{OPERATIONS, StringRules};
    use proptest::prelude::*;
    use regex::Regex;
    use std::collections::BTreeMap;

    /// Every pattern of the table, by the name of its shape.
    fn patterns() -> BTreeMap<&'static str, Pattern> {
        let mut found = BTreeMap::new();
        for operation in OPERATIONS {
            collect(operation.input, &mut found);
            operation.output.into_iter().for_each(|output| collect(output, &mut found));
        }
        found
    }

    fn collect(shape: &'static Shape, found: &mut BTreeMap<&'static str, Pattern>) {
        match &shape.kind {
            Kind::String(StringRules { pattern: Some(pattern), .. }) => {
                found.insert(shape.name, *pattern);
            }
            Kind::List { member, .. } => collect(member, found),
            Kind::Map { key, value } => [key, value].into_iter().for_each(|shape| collect(shape, found)),
            Kind::Structure(members) => members.iter().for_each(|member| collect(member.shape, found)),
            _ => {}
        }
    }

    /// The expression in the words of the `regex` crate, which differs from Java in its classes and its dot.
    fn translated(pattern: &str) -> String {
        pattern
            .replace(r"\p{ASCII}", r"[\x00-\x7F]")
            .replace(r"\w", "A-Za-z0-9_")
            .replace(r"\d", "[0-9]")
            .replace(r"\s", r" \t\n\x0B\x0C\r")
            .replace(":.+", r":[^\n\r\u{85}\u{2028}\u{2029}]+")
            .replace(['^', '$'], "")
            .replace(r"[\n\r", r"[^\n\r")
    }

    #[test]
    fn every_pattern_of_the_model_is_known() {
        assert_eq!(patterns().len(), 21);
    }

    #[test]
    fn each_matcher_accepts_what_its_expression_accepts() {
        for (name, pattern) in patterns() {
            let texts = proptest::string::string_regex(&translated(pattern.text)).unwrap();
            proptest!(|(text in texts)| prop_assert!((pattern.matches)(&text), "{} refuses {:?}", name, text));
        }
    }

    #[test]
    fn each_matcher_decides_about_damaged_texts_as_its_expression_does() {
        for (name, pattern) in patterns() {
            let expression = Regex::new(&format!(r"\A(?:{})\z", translated(pattern.text))).unwrap();
            let texts = proptest::string::string_regex(&translated(pattern.text)).unwrap();
            proptest!(|(text in texts, at in any::<prop::sample::Index>(), damage in ".?|[-a-z0-9A-Z./:_ \n]{0,2}", cut in 0..3_usize)| {
                let letters: Vec<char> = text.chars().collect();
                let at = at.index(letters.len() + 1);
                let rest = &letters[(at + cut).min(letters.len())..];
                let text: String = letters[..at].iter().copied().chain(damage.chars()).chain(rest.iter().copied()).collect();
                prop_assert_eq!((pattern.matches)(&text), expression.is_match(&text), "{} {:?}", name, text);
            });
        }
    }

    #[test]
    fn each_matcher_decides_about_any_text_as_its_expression_does() {
        for (name, pattern) in patterns() {
            let expression = Regex::new(&format!(r"\A(?:{})\z", translated(pattern.text))).unwrap();
            proptest!(|(text in "(?s).{0,4}|[-a-zA-Z0-9_.:/+=,@ \t]{0,8}")| {
                prop_assert_eq!((pattern.matches)(&text), expression.is_match(&text), "{} {:?}", name, text);
            });
        }
    }
}
