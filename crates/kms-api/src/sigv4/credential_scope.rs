//! The `Credential` parameter: access key id, day, region, service and terminator.

use super::authorization::without_signature;
use super::error::SignatureError;
use super::timestamp::Timestamp;

pub(super) const TERMINATOR: &str = "aws4_request";

/// No region has a longer name; the longest known one has 14 characters.
const MAX_REGION_LEN: usize = 32;

/// `AKIDEXAMPLE/20260101/us-east-1/kms/aws4_request`, split.
#[derive(Debug, Clone, Copy)]
pub(super) struct Credential<'a> {
    /// The whole parameter.
    pub(super) text: &'a str,
    pub(super) access_key_id: &'a str,
    pub(super) day: &'a str,
    pub(super) region: &'a str,
    pub(super) service: &'a str,
    terminator: &'a str,
}

impl<'a> Credential<'a> {
    /// # Errors
    /// `Incomplete` unless there are five parts.
    pub(super) fn parse(text: &'a str) -> Result<Self, SignatureError> {
        let mut parts = text.split('/');
        let mut next = || parts.next();
        match (next(), next(), next(), next(), next(), next()) {
            (Some(access_key_id), Some(day), Some(region), Some(service), Some(terminator), None) => {
                Ok(Self { text, access_key_id, day, region, service, terminator })
            }
            _ => {
                let got = without_signature(text);
                Err(SignatureError::Incomplete(format!(
                    "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got '{got}'"
                )))
            }
        }
    }

    /// What gets signed beside the request: all but the access key id.
    pub(super) fn scope(&self) -> &'a str {
        self.text.split_once('/').map_or("", |(_, scope)| scope)
    }

    /// Whether the credential is meant for `service`, any region, and the day of `signed_at`.
    ///
    /// # Errors
    /// `Invalid` with one sentence for each part that is wrong.
    pub(super) fn check_scope(&self, service: &str, signed_at: &Timestamp) -> Result<(), SignatureError> {
        let mut wrong = Vec::new();
        if !is_region(self.region) {
            wrong.push("Credential should be scoped to a valid region.".to_owned());
        }
        if self.service != service {
            wrong.push(format!("Credential should be scoped to correct service: '{service}'."));
        }
        if self.terminator != TERMINATOR {
            let got = without_signature(self.terminator);
            wrong.push(format!("Credential should be scoped with a valid terminator: '{TERMINATOR}', not '{got}'."));
        }
        if self.day != signed_at.day() {
            let (got, day, from) = (without_signature(self.day), signed_at.day(), signed_at.text());
            wrong.push(format!(
                "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: \
                 '{got}' != '{day}', from '{from}'."
            ));
        }
        if wrong.is_empty() { Ok(()) } else { Err(SignatureError::Invalid(wrong.join(" "))) }
    }
}

/// `^([a-z]+-){2,3}\d+$`: two or three words and a number, as all regions of AWS are named.
fn is_region(text: &str) -> bool {
    let mut words = text.split('-').rev();
    let number = words.next().unwrap_or_default();
    let is_word = |word: &str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase());
    text.len() <= MAX_REGION_LEN
        && !number.is_empty()
        && number.bytes().all(|byte| byte.is_ascii_digit())
        && words.clone().all(is_word)
        && matches!(words.count(), 2 | 3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regions_are_two_or_three_words_and_a_number() {
        for region in ["us-east-1", "eu-central-12", "us-gov-west-1", "us-isob-east-1"] {
            assert!(is_region(region), "{region}");
        }
        for text in
            ["", "-", "us-1", "us-east-", "us-east-1a", "US-EAST-1", "us--1", "a-b-c-d-1", "1", "us_east-1", "é-b-1"]
        {
            assert!(!is_region(text), "{text}");
        }
        assert!(!is_region(&format!("us-{}-1", "e".repeat(40))));
    }

    #[test]
    fn every_wrong_part_is_named() {
        let credential = Credential::parse("AKID/b/c/d/e").unwrap();
        let signed_at = Timestamp::parse(b"20130609T095204Z").unwrap();
        assert_eq!(
            credential.check_scope("kms", &signed_at).unwrap_err().message(),
            "Credential should be scoped to a valid region. Credential should be scoped to correct service: 'kms'. \
             Credential should be scoped with a valid terminator: 'aws4_request', not 'e'. Date in Credential scope does \
             not match YYYYMMDD from ISO-8601 version of date from HTTP: 'b' != '20130609', from '20130609T095204Z'."
        );
    }
}
