//! Rules of tags. Source: kms-operations.md 8, evidence.md 35.

use std::collections::HashSet;

use kms_core::KmsError;
use serde::{Deserialize, Serialize};

/// Tags that a key may have.
pub(crate) const MAX_TAGS: usize = 50;

/// A `Tag` of the model.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Tag {
    pub(crate) tag_key: String,
    pub(crate) tag_value: String,
}

/// Checks the tags of a request and gives them as pairs.
///
/// # Errors
/// `TagException`.
pub(crate) fn check(tags: Vec<Tag>) -> Result<Vec<(String, String)>, KmsError> {
    let refuse = |text: &str| Err(KmsError::Tag(text.to_owned()));
    if tags.len() > MAX_TAGS {
        return Err(too_many());
    }
    let mut seen = HashSet::new();
    if !tags.iter().all(|tag| seen.insert(tag.tag_key.as_str())) {
        return refuse("Duplicate tag keys");
    }
    let is_reserved =
        |tag: &Tag| tag.tag_key.as_bytes().get(..4).is_some_and(|start| start.eq_ignore_ascii_case(b"aws:"));
    if tags.iter().any(is_reserved) {
        return refuse("Tags beginning with aws: are reserved");
    }
    if !tags.iter().all(|tag| tag.tag_key.chars().chain(tag.tag_value.chars()).all(is_allowed)) {
        return refuse("Invalid tag");
    }
    Ok(tags.into_iter().map(|tag| (tag.tag_key, tag.tag_value)).collect())
}

/// More tags than a key may have.
pub(crate) fn too_many() -> KmsError {
    KmsError::Tag("Too many tags".to_owned())
}

fn is_allowed(character: char) -> bool {
    character.is_alphanumeric() || character.is_whitespace() || "_./=+-:@".contains(character)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tag(key: &str, value: &str) -> Tag {
        Tag { tag_key: key.into(), tag_value: value.into() }
    }

    #[test]
    fn each_rule_has_its_text() {
        let text = |tags: Vec<Tag>| check(tags).unwrap_err().to_string();
        assert_eq!(text((0..51).map(|n| tag(&n.to_string(), "")).collect()), "Too many tags");
        assert_eq!(text(vec![tag("a", "1"), tag("a", "2")]), "Duplicate tag keys");
        assert_eq!(text(vec![tag("AwS:a", "1")]), "Tags beginning with aws: are reserved");
        assert_eq!(text(vec![tag("a", "SOC2,PCI-DSS")]), "Invalid tag");
        assert_eq!(check(vec![tag("team", "Ünïcode & more")]).unwrap_err().to_string(), "Invalid tag");
        assert_eq!(check(vec![tag("Größe", "a b:c@d")]).unwrap().len(), 1);
    }
}
