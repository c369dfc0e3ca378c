//! Names of aliases. Source: kms-operations.md 7, policies-and-grants.md 6.

use crate::arn::AliasAddress;
use crate::error::KmsError;
use crate::ids::{AccountId, Region};

/// What every alias begins with.
const PREFIX: &str = "alias/";

/// What the aliases of keys begin with that AWS services make for themselves. There are none here, and their names stay
/// free.
const RESERVED: &str = "alias/aws/";

impl AliasAddress {
    /// Reads an `AliasName` of a caller of this account and region that fits the model: at most 256 of the characters
    /// `a-zA-Z0-9:/_-`.
    ///
    /// # Errors
    /// `ValidationException` without the prefix or with a colon, `NotAuthorizedException` for a name that is reserved,
    /// `InvalidAliasNameException` when nothing follows the prefix.
    pub fn named(name: &str, region: Region, account: AccountId) -> Result<Self, KmsError> {
        let Some(rest) = name.strip_prefix(PREFIX) else {
            return Err(KmsError::Validation(
                "Alias must start with the prefix \"alias/\". Please see \
                 https://docs.aws.amazon.com/kms/latest/developerguide/kms-alias.html"
                    .to_owned(),
            ));
        };
        if name.contains(':') {
            return Err(KmsError::Validation(format!("{name} contains invalid characters for an alias")));
        }
        if name.starts_with(RESERVED) {
            return Err(KmsError::NotAuthorized);
        }
        // KMS declares this exception and no recording shows when it comes; its text here is ours.
        if rest.is_empty() {
            return Err(KmsError::InvalidAliasName("The alias has a prefix and no name.".to_owned()));
        }
        Ok(Self { region, account, name: name.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(name: &str) -> Result<AliasAddress, &'static str> {
        let (region, account) = (Region::parse("cn-north-1").unwrap(), AccountId::parse("111122223333").unwrap());
        AliasAddress::named(name, region, account).map_err(|error| error.exception())
    }

    #[test]
    fn a_name_comes_back_as_it_was_written_and_has_an_arn() {
        let alias = named("alias/Team/a_b-1").unwrap();
        assert_eq!(alias.name, "alias/Team/a_b-1");
        assert_eq!(alias.arn(), "arn:aws-cn:kms:cn-north-1:111122223333:alias/Team/a_b-1");
        for near_miss in ["alias/aws", "alias/awsome/x", "alias/AWS/x"] {
            assert!(named(near_miss).is_ok(), "{near_miss}");
        }
    }

    #[test]
    fn each_broken_name_has_its_exception() {
        for name in ["x", "Alias/x", "alias", "/alias/x", "arn:aws:kms:us-east-1:111122223333:alias/x"] {
            assert_eq!(named(name), Err("ValidationException"), "{name}");
        }
        assert_eq!(named("alias/a:b"), Err("ValidationException"));
        assert_eq!(named("alias/"), Err("InvalidAliasNameException"));
        assert_eq!(named("alias/aws/ebs"), Err("NotAuthorizedException"));
        assert_eq!(named("alias/aws/"), Err("NotAuthorizedException"));
    }
}
