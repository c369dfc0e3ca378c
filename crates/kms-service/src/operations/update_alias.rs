//! `UpdateAlias`: points an alias to another key. Source: AWS KMS API Reference, UpdateAlias; kms-operations.md 7.

use kms_core::key_spec::KeySpec;
use kms_core::{KeyFacts, KmsError};
use serde::Deserialize;

use super::Empty;
use super::create_alias::{check_quota, check_target};
use crate::context::Context;

/// The request.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Input {
    alias_name: String,
    target_key_id: String,
}

/// # Errors
/// Those of the name; `ValidationException` if the target is an alias or a key of another type or usage;
/// `NotFoundException` for alias or key; `KMSInvalidStateException` if the new key awaits deletion, while the old one may;
/// `LimitExceededException`.
pub(crate) fn run(cx: &Context<'_>, input: Input) -> Result<Empty, KmsError> {
    let alias = cx.alias_named(&input.alias_name)?;
    check_target(&input.target_key_id)?;
    let _it_exists = cx.find_alias(&alias)?;
    let new = cx.key_for(&input.target_key_id)?;
    cx.change_alias(&alias, Some(new.address), |tx, row, [old, new]| {
        check_kind(&row.name, old, new)?;
        cx.check_state(new)?;
        tx.update_alias(row, new.address.key_id, cx.now())?;
        check_quota(&tx.aliases_of_key(&new.address)?)
    })?;
    Ok(Empty {})
}

/// Both keys serve the same operations. The text about usage is AWS's (evidence.md 31); that about type is made after it.
fn check_kind(name: &str, old: &KeyFacts, new: &KeyFacts) -> Result<(), KmsError> {
    if old.usage != new.usage {
        return Err(KmsError::Validation(format!(
            "Alias {name} cannot be changed from a CMK with key usage {} to a CMK with key usage {}. The key usage of the \
             current CMK and the new CMK must be the same.",
            old.usage, new.usage
        )));
    }
    let (of_old, of_new) = (kind(old.spec), kind(new.spec));
    if of_old != of_new {
        return Err(KmsError::Validation(format!(
            "Alias {name} cannot be changed from a CMK with key type {of_old} to a CMK with key type {of_new}. The key \
             type of the current CMK and the new CMK must be the same."
        )));
    }
    Ok(())
}

/// Whether a key is symmetric or not. HMAC keys are told from both by their usage.
const fn kind(spec: KeySpec) -> &'static str {
    match spec {
        KeySpec::SymmetricDefault => "SYMMETRIC",
        _ => "ASYMMETRIC",
    }
}

#[cfg(test)]
mod tests {
    use kms_core::key_spec::{KeyUsage, Origin};
    use kms_core::{AccountId, KeyAddress, KeyId, Region, Timestamp};

    use super::*;

    fn key(spec: KeySpec, usage: KeyUsage) -> KeyFacts {
        KeyFacts {
            address: KeyAddress {
                region: Region::parse("us-east-1").unwrap(),
                account: AccountId::parse("111122223333").unwrap(),
                key_id: KeyId::random(),
            },
            version: 1,
            material_version: 1,
            description: String::new(),
            spec,
            usage,
            origin: Origin::AwsKms,
            enabled: true,
            created_at: Timestamp::UNIX_EPOCH,
            deletion_date: None,
            token: "token".to_owned(),
            sealed_salt: Vec::new(),
            materials: Vec::new(),
        }
    }

    #[test]
    fn an_alias_stays_with_keys_of_one_usage_and_type() {
        let check = |old, new| check_kind("alias/x", &old, &new).map_err(|error| error.to_string());
        let symmetric = || key(KeySpec::SymmetricDefault, KeyUsage::EncryptDecrypt);
        let rsa = |usage| key(KeySpec::Rsa2048, usage);
        assert_eq!(check(symmetric(), symmetric()), Ok(()));
        let elliptic = key(KeySpec::EccNistP256, KeyUsage::SignVerify);
        assert_eq!(check(rsa(KeyUsage::SignVerify), elliptic), Ok(()));
        assert_eq!(
            check(rsa(KeyUsage::SignVerify), symmetric()).unwrap_err(),
            "Alias alias/x cannot be changed from a CMK with key usage SIGN_VERIFY to a CMK with key usage \
             ENCRYPT_DECRYPT. The key usage of the current CMK and the new CMK must be the same."
        );
        let text = check(symmetric(), rsa(KeyUsage::EncryptDecrypt)).unwrap_err();
        assert!(text.contains("from a CMK with key type SYMMETRIC to a CMK with key type ASYMMETRIC"), "{text}");
    }
}
