//! Until policies are evaluated, a key may only have the policy that AWS gives by default. Source: policies-and-grants.md 2.

use kms_core::arn::root_arn;
use kms_core::{AccountId, KmsError, Region};
use serde_json::Value;

/// Longest policy in bytes. Source: policies-and-grants.md 2.2.
const MAX_BYTES: usize = 32_768;

/// The name of the one policy that every key has.
pub(super) const NAME: &str = "default";

/// The default policy, laid out as AWS writes it.
pub(super) fn text(region: Region, account: AccountId) -> String {
    let root = root_arn(region.partition(), account);
    format!(
        r#"{{
  "Version" : "2012-10-17",
  "Id" : "key-default-1",
  "Statement" : [ {{
    "Sid" : "Enable IAM User Permissions",
    "Effect" : "Allow",
    "Principal" : {{
      "AWS" : "{root}"
    }},
    "Action" : "kms:*",
    "Resource" : "*"
  }} ]
}}"#
    )
}

/// Accepts a policy that means what the default one means: the account's root may do everything.
///
/// # Errors
/// `MalformedPolicyDocumentException` for what is no policy; `LimitExceededException` past 32768 bytes;
/// `UnsupportedOperationException` for any other policy.
pub(super) fn check(policy: &str, region: Region, account: AccountId) -> Result<(), KmsError> {
    if policy.len() > MAX_BYTES {
        return Err(KmsError::LimitExceeded(format!("The key policy is longer than {MAX_BYTES} bytes.")));
    }
    let document: Value = serde_json::from_str(policy).map_err(|_| KmsError::MalformedPolicyDocument(None))?;
    let statements = one_or_many(document.get("Statement").ok_or(KmsError::MalformedPolicyDocument(None))?);
    let root = root_arn(region.partition(), account);
    match statements.as_slice() {
        [statement] if gives_all_to_root(statement, &root, account) => Ok(()),
        _ => Err(KmsError::UnsupportedOperation(Some(
            "Key policies other than the default one are not served yet.".to_owned(),
        ))),
    }
}

fn gives_all_to_root(statement: &Value, root: &str, account: AccountId) -> bool {
    let Some(members) = statement.as_object() else { return false };
    let says =
        |name: &str, wanted: &str| members.get(name).is_some_and(|value| one_or_many(value) == [&Value::from(wanted)]);
    let known = ["Sid", "Effect", "Principal", "Action", "Resource"];
    let principal = members.get("Principal").and_then(Value::as_object);
    let principals = principal.filter(|kinds| kinds.len() == 1).and_then(|kinds| kinds.get("AWS")).map(one_or_many);
    let is_root = |value: &&Value| value.as_str().is_some_and(|text| text == root || text == account.as_str());
    members.keys().all(|name| known.contains(&name.as_str()))
        && says("Effect", "Allow")
        && says("Action", "kms:*")
        && says("Resource", "*")
        && principals.is_some_and(|principals| matches!(principals.as_slice(), [one] if is_root(one)))
}

fn one_or_many(value: &Value) -> Vec<&Value> {
    value.as_array().map_or_else(|| vec![value], |values| values.iter().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exception(policy: &str) -> Option<&'static str> {
        let region = Region::parse("us-east-1").unwrap();
        check(policy, region, AccountId::parse("111122223333").unwrap()).err().map(|error| error.exception())
    }

    #[test]
    fn the_default_policy_is_one_that_is_accepted() {
        let (region, account) = (Region::parse("cn-north-1").unwrap(), AccountId::parse("111122223333").unwrap());
        let text = text(region, account);
        assert!(check(&text, region, account).is_ok());
        assert!(text.contains("arn:aws-cn:iam::111122223333:root"));
    }

    #[test]
    fn only_what_means_the_default_policy_is_accepted() {
        let policy = |principal: &str, action: &str| {
            format!(
                r#"{{"Version":"2012-10-17","Id":"key-default-1","Statement":[{{"Sid":"x","Effect":"Allow",
                "Principal":{{"AWS":{principal}}},"Action":{action},"Resource":"*"}}]}}"#
            )
        };
        assert_eq!(exception(&policy(r#""arn:aws:iam::111122223333:root""#, r#""kms:*""#)), None);
        assert_eq!(exception(&policy(r#"["111122223333"]"#, r#"["kms:*"]"#)), None);
        let unsupported = Some("UnsupportedOperationException");
        assert_eq!(exception(&policy(r#""arn:aws:iam::999999999999:root""#, r#""kms:*""#)), unsupported);
        assert_eq!(exception(&policy(r#""111122223333""#, r#""kms:Encrypt""#)), unsupported);
        assert_eq!(exception("{"), Some("MalformedPolicyDocumentException"));
        assert_eq!(exception("{}"), Some("MalformedPolicyDocumentException"));
        assert_eq!(exception(&" ".repeat(40_000)), Some("LimitExceededException"));
    }
}
