//! ARNs of keys and aliases. Source: policies-and-grants.md 1.

use std::fmt;

use crate::ids::{AccountId, KeyId, Region};

/// Where a key lives: the primary key of every row about it, and enough to write its ARN.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct KeyAddress {
    /// The region whose endpoint serves the key.
    pub region: Region,
    /// The account that owns the key.
    pub account: AccountId,
    /// The id of the key.
    pub key_id: KeyId,
}

impl KeyAddress {
    /// `arn:<partition>:kms:<region>:<account>:key/<key id>`.
    pub fn arn(&self) -> String {
        let Self { region, account, key_id } = self;
        format!("arn:{}:kms:{region}:{account}:key/{key_id}", region.partition())
    }
}

/// Where an alias lives: unique in account and region, and enough to write its ARN.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct AliasAddress {
    /// The region whose endpoint serves the alias.
    pub region: Region,
    /// The account that owns it and the key behind it.
    pub account: AccountId,
    /// The name with its prefix, such as `alias/x`.
    pub name: String,
}

impl AliasAddress {
    /// `arn:<partition>:kms:<region>:<account>:alias/<name>`.
    pub fn arn(&self) -> String {
        let Self { region, account, name } = self;
        format!("arn:{}:kms:{region}:{account}:{name}", region.partition())
    }
}

/// A parsed KMS ARN; the resource is kept as text because its form is judged later, with an error of its own.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Arn {
    /// The partition, such as `aws`.
    pub partition: String,
    /// The region part as written.
    pub region: String,
    /// The owning account as written.
    pub account: String,
    /// Everything after the fifth colon, such as `key/1234…` or `alias/x`.
    pub resource: String,
}

impl Arn {
    /// Parses `arn:<partition>:kms:<region>:<account>:<resource>`.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.splitn(6, ':');
        let (arn, partition, service) = (parts.next()?, parts.next()?, parts.next()?);
        let (region, account, resource) = (parts.next()?, parts.next()?, parts.next()?);
        (arn == "arn" && service == "kms" && !resource.is_empty()).then(|| Self {
            partition: partition.to_owned(),
            region: region.to_owned(),
            account: account.to_owned(),
            resource: resource.to_owned(),
        })
    }
}

impl fmt::Display for Arn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "arn:{}:kms:{}:{}:{}", self.partition, self.region, self.account, self.resource)
    }
}

/// The ARN of an account's root user, who stands for the account in policies.
pub fn root_arn(partition: &str, account: AccountId) -> String {
    format!("arn:{partition}:iam::{account}:root")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arn_comes_back_as_it_was_written() {
        let text = "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";
        assert_eq!(Arn::parse(text).unwrap().to_string(), text);
        let alias = "arn:aws:kms:us-east-1:111122223333:alias/with:colon";
        assert_eq!(Arn::parse(alias).unwrap().resource, "alias/with:colon");
    }

    #[test]
    fn a_foreign_or_short_arn_is_refused() {
        for text in ["", "arn", "arn:aws:s3:::bucket", "arn:aws:kms:us-east-1:1", "arn:aws:kms:us-east-1:1:"] {
            assert_eq!(Arn::parse(text), None, "{text}");
        }
    }
}
