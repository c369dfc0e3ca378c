//! How a request names a key. Source: kms-operations.md 1.2.

use crate::arn::{AliasAddress, Arn, KeyAddress};
use crate::error::KmsError;
use crate::ids::{AccountId, KeyId, Region};

/// A parsed `KeyId` member.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum KeyRef {
    /// A key by its address; the account may be a foreign one when an ARN was given.
    Key(KeyAddress),
    /// An alias by its address; the account may be a foreign one when an ARN was given.
    Alias(AliasAddress),
}

impl KeyRef {
    /// Reads what a caller of this account and region wrote as `KeyId`.
    ///
    /// # Errors
    /// `NotFoundException` with the text of kms-operations.md 1.2 for whatever cannot be a key here.
    pub fn parse(text: &str, region: Region, account: AccountId) -> Result<Self, KmsError> {
        if text.starts_with("alias/") {
            return Ok(Self::Alias(AliasAddress { region, account, name: text.to_owned() }));
        }
        if text.starts_with("arn:") {
            return Self::parse_arn(text, region);
        }
        if let Some(key_id) = KeyId::parse(text) {
            return Ok(Self::Key(KeyAddress { region, account, key_id }));
        }
        if KeyId::has_the_form(text) {
            let arn = format!("arn:{}:kms:{region}:{account}:key/{text}", region.partition());
            return Err(does_not_exist(&arn));
        }
        Err(KmsError::NotFound(format!("Invalid keyId '{text}'")))
    }

    fn parse_arn(text: &str, region: Region) -> Result<Self, KmsError> {
        let arn = Arn::parse(text).ok_or_else(|| KmsError::NotFound(format!("Invalid arn {text}")))?;
        if arn.region != region.as_str() {
            return Err(KmsError::NotFound(format!("Invalid arn {}", arn.region)));
        }
        let account = AccountId::parse(&arn.account).filter(|_| arn.partition == region.partition());
        if arn.resource.starts_with("alias/") {
            let account = account.ok_or_else(|| alias_not_found(text))?;
            return Ok(Self::Alias(AliasAddress { region, account, name: arn.resource }));
        }
        let id = arn.resource.strip_prefix("key/").unwrap_or(&arn.resource);
        match (KeyId::parse(id), account) {
            (Some(key_id), Some(account)) if arn.resource.starts_with("key/") => {
                Ok(Self::Key(KeyAddress { region, account, key_id }))
            }
            _ if KeyId::has_the_form(id) => Err(does_not_exist(text)),
            _ => Err(KmsError::NotFound(format!("Invalid keyId {id}"))),
        }
    }
}

/// `Key '<arn>' does not exist`.
pub fn does_not_exist(arn: &str) -> KmsError {
    KmsError::NotFound(format!("Key '{arn}' does not exist"))
}

/// `Alias <arn> is not found.`
pub fn alias_not_found(arn: &str) -> KmsError {
    KmsError::NotFound(format!("Alias {arn} is not found."))
}

/// Whether a `KeyId` is written as an alias, by name or by ARN, well-formed or not.
pub fn is_alias(key_id: &str) -> bool {
    key_id.starts_with("alias/") || key_id.contains(":alias/")
}

/// InvalidArnException for an alias given to an operation that takes keys only.
pub fn aliases_not_supported() -> KmsError {
    KmsError::InvalidArn("Key Aliases are not supported for this operation.".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<KeyRef, String> {
        let region = Region::parse("us-east-1").unwrap();
        KeyRef::parse(text, region, AccountId::parse("111122223333").unwrap()).map_err(|error| error.to_string())
    }

    #[test]
    fn each_form_of_a_key_has_its_answer() {
        let id = "1234abcd-12ab-34cd-56ef-1234567890ab";
        let arn = format!("arn:aws:kms:us-east-1:111122223333:key/{id}");
        assert!(matches!(parse(id), Ok(KeyRef::Key(address)) if address.arn() == arn));
        assert!(matches!(parse(&arn), Ok(KeyRef::Key(address)) if address.arn() == arn));
        assert_eq!(parse("foo"), Err("Invalid keyId 'foo'".into()));
        assert_eq!(parse("mrk-fake"), Err("Invalid keyId 'mrk-fake'".into()));
        assert_eq!(parse("arn:aws:kms:us-east-1:111122223333:key/foo"), Err("Invalid keyId foo".into()));
        assert_eq!(parse(&arn.replace("us-east-1", "eu-west-1")), Err("Invalid arn eu-west-1".into()));
        let upper = id.to_uppercase();
        let upper_arn = format!("arn:aws:kms:us-east-1:111122223333:key/{upper}");
        assert_eq!(parse(&upper), Err(format!("Key '{upper_arn}' does not exist")));
    }

    #[test]
    fn an_alias_is_named_alone_or_by_its_arn() {
        let arn = "arn:aws:kms:us-east-1:111122223333:alias/x/y:z";
        assert!(matches!(parse("alias/x/y:z"), Ok(KeyRef::Alias(alias)) if alias.arn() == arn));
        assert!(matches!(parse(arn), Ok(KeyRef::Alias(alias)) if alias.arn() == arn));
        for nobodys in [arn.replace("111122223333", "1"), arn.replace("arn:aws:", "arn:aws-cn:")] {
            assert_eq!(parse(&nobodys), Err(format!("Alias {nobodys} is not found.")));
        }
    }
}
