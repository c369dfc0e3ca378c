//! `CreateKey`: a key of any kind that the token serves, its material generated there or to be imported.
//! Source: AWS KMS API Reference, CreateKey.

use kms_core::clock::to_millisecond;
use kms_core::hsm::{Ability, KeyKind};
use kms_core::key_spec::{KeySpec, KeyUsage, Origin};
use kms_core::wrapping::WrappingAlgorithm;
use kms_core::{Hsm, KeyAddress, KeyFacts, KeyId, KmsError};
use kms_material::{Born, Keeper};
use serde::{Deserialize, Serialize};

use super::default_policy;
use crate::cloudtrail;
use crate::context::Context;
use crate::key_metadata::KeyMetadata;
use crate::tags::{self, Tag};

/// The request.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Input {
    policy: Option<String>,
    description: Option<String>,
    key_usage: Option<String>,
    customer_master_key_spec: Option<String>,
    key_spec: Option<String>,
    origin: Option<String>,
    custom_key_store_id: Option<String>,
    /// Only matters once a policy can lock somebody out.
    #[serde(rename = "BypassPolicyLockoutSafetyCheck")]
    _bypass_policy_lockout_safety_check: Option<bool>,
    tags: Option<Vec<Tag>>,
    multi_region: Option<bool>,
    xks_key_id: Option<String>,
}

/// The answer.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(Deserialize))]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Output {
    key_metadata: KeyMetadata,
}

/// # Errors
/// `ValidationException` for a spec and usage that do not go together, or for U+0000 in the description; `TagException`;
/// `MalformedPolicyDocumentException`, `LimitExceededException`; `UnsupportedOperationException` for what is not served
/// yet.
pub(crate) fn run(cx: &Context<'_>, input: Input) -> Result<Output, KmsError> {
    check_description(input.description.as_deref().unwrap_or_default())?;
    let kind = check_spec(&input)?;
    let origin = check_origin(&input)?;
    let keeper = keeper_for(cx, kind, origin)?;
    let tags = tags::check(input.tags.unwrap_or_default())?;
    let (region, account) = (cx.caller.region, cx.caller.account);
    if let Some(policy) = &input.policy {
        default_policy::check(policy, region, account)?;
    }
    let address = KeyAddress { region, account, key_id: KeyId::random() };
    let facts = KeyFacts {
        address,
        version: 1,
        material_version: 1,
        description: input.description.unwrap_or_default(),
        spec: kind.spec,
        usage: kind.usage,
        origin,
        enabled: true,
        created_at: to_millisecond(cx.now()),
        deletion_date: None,
        token: keeper.token().to_owned(),
        sealed_salt: keeper.seal_new_salt(&address)?,
        materials: Vec::new(),
    };
    cx.event.borrow_mut().set_keys([(address.account, address.arn())]);
    let audit = |made: &KeyFacts| cx.audit(recorded(cx, keeper, made));
    let born = Born { tags: &tags, policy: input.policy.as_deref() };
    let made = match origin {
        Origin::External => keeper.create_empty(&facts, &born, &audit).map(|()| facts)?,
        _ => {
            let _place = is_rsa(kind.spec).then(|| cx.rsa_gate.enter()).transpose()?;
            keeper.create_generated(&facts, &born, &audit)?
        }
    };
    Ok(Output { key_metadata: metadata(cx, keeper, &made) })
}

/// A description may hold any character but U+0000, which `text` of Postgres cannot store. KMS has no such rule; the text
/// is that of its other constraints, with the value left out (docs/decisions/0007).
///
/// # Errors
/// `ValidationException`.
pub(super) fn check_description(description: &str) -> Result<(), KmsError> {
    if description.contains('\0') {
        return Err(KmsError::Validation(
            "1 validation error detected: Value at 'description' failed to satisfy constraint: Member must satisfy regular \
             expression pattern: [^\\u0000]*"
                .to_owned(),
        ));
    }
    Ok(())
}

fn metadata(cx: &Context<'_>, keeper: &Keeper, made: &KeyFacts) -> KeyMetadata {
    KeyMetadata::of(made, cx.now(), &**keeper.hsm())
}

/// The answer as CloudTrail shows it.
fn recorded(cx: &Context<'_>, keeper: &Keeper, made: &KeyFacts) -> serde_json::Value {
    let metadata = serde_json::to_value(metadata(cx, keeper, made)).unwrap_or_default();
    let mut members = cloudtrail::members(metadata);
    members["creationDate"] = cloudtrail::date(made.created_at).into();
    serde_json::json!({"keyMetadata": members})
}

/// KeySpec, its deprecated twin and KeyUsage. Source: key-specs.md 1, evidence.md 26 and 27.
fn check_spec(input: &Input) -> Result<KeyKind, KmsError> {
    let refuse = |text: String| Err(KmsError::Validation(text));
    if input.key_spec.is_some() && input.customer_master_key_spec.is_some() {
        return refuse(
            "You cannot specify KeySpec and CustomerMasterKeySpec in the same request. CustomerMasterKeySpec is \
             deprecated."
                .to_owned(),
        );
    }
    let named = input.key_spec.as_deref().or(input.customer_master_key_spec.as_deref());
    let spec = named.and_then(KeySpec::parse).unwrap_or(KeySpec::SymmetricDefault);
    let usage = input.key_usage.as_deref().and_then(KeyUsage::parse);
    match (spec, usage) {
        (KeySpec::SymmetricDefault, None | Some(KeyUsage::EncryptDecrypt)) => Ok(KeyKind::SYMMETRIC),
        (KeySpec::SymmetricDefault, Some(usage)) => refuse(format!(
            "The operation failed because the KeyUsage value of the CMK is {usage}. To perform this operation, the \
             KeyUsage value must be ENCRYPT_DECRYPT."
        )),
        (_, None) => refuse(
            "You must specify a KeyUsage value for all KMS keys except for symmetric encryption keys.".to_owned(),
        ),
        (spec, Some(usage)) if !spec.allows(usage) => {
            refuse(format!("KeyUsage {usage} is not compatible with KeySpec {spec}"))
        }
        (spec, Some(usage)) => Ok(KeyKind { spec, usage }),
    }
}

fn is_rsa(spec: KeySpec) -> bool {
    matches!(spec, KeySpec::Rsa2048 | KeySpec::Rsa3072 | KeySpec::Rsa4096)
}

/// The first token that makes such keys, or unwraps their material in some way; the key stays there.
///
/// # Errors
/// `UnsupportedOperationException` with the reasons of the tokens.
fn keeper_for<'a>(cx: &Context<'a>, kind: KeyKind, origin: Origin) -> Result<&'a Keeper, KmsError> {
    if origin == Origin::AwsKms {
        return cx.keepers.serving(|hsm| hsm.supports(Ability::Generate(kind)));
    }
    let imports = |hsm: &dyn Hsm, way: WrappingAlgorithm| hsm.supports(Ability::Import(kind, way));
    let unwraps = |keeper: &&Keeper| WrappingAlgorithm::ALL.iter().any(|way| imports(&**keeper.hsm(), *way).is_ok());
    cx.keepers.iter().find(unwraps).ok_or_else(|| {
        let text = format!("Key material of KeySpec {} cannot be imported.", kind.spec);
        KmsError::UnsupportedOperation(Some(text))
    })
}

fn check_origin(input: &Input) -> Result<Origin, KmsError> {
    let unsupported = |what: &str| Err(KmsError::UnsupportedOperation(Some(format!("{what} are not served yet."))));
    if input.custom_key_store_id.is_some() || input.xks_key_id.is_some() {
        return unsupported("Custom key stores");
    }
    if input.multi_region == Some(true) {
        return unsupported("Multi-Region keys");
    }
    match input.origin.as_deref().and_then(Origin::parse) {
        None | Some(Origin::AwsKms) => Ok(Origin::AwsKms),
        Some(Origin::External) => Ok(Origin::External),
        Some(Origin::AwsCloudHsm | Origin::ExternalKeyStore) => unsupported("Custom key stores"),
    }
}
