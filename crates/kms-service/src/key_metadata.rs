//! `KeyMetadata`. Source: kms-operations.md 2.

use kms_core::clock::epoch_seconds;
use kms_core::key_spec::{ExpirationModel, KeySpec, Origin};
use kms_core::key_state::{KeyState, key_state};
use kms_core::{Hsm, KeyFacts, Timestamp};
use serde::Serialize;

use crate::algorithms::Algorithms;

/// The description of a key as CreateKey and DescribeKey give it.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(serde::Deserialize))]
#[serde(rename_all = "PascalCase")]
pub(crate) struct KeyMetadata {
    #[serde(rename = "AWSAccountId")]
    aws_account_id: String,
    arn: String,
    creation_date: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    current_key_material_id: Option<String>,
    customer_master_key_spec: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    deletion_date: Option<f64>,
    description: String,
    enabled: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    encryption_algorithms: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    signing_algorithms: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mac_algorithms: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key_agreement_algorithms: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    encapsulation_algorithms: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expiration_model: Option<String>,
    key_id: String,
    key_manager: String,
    key_spec: String,
    key_state: String,
    key_usage: String,
    multi_region: bool,
    origin: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    valid_to: Option<f64>,
}

impl KeyMetadata {
    /// What may be told of a key now; `hsm` knows which algorithms its token serves.
    pub(crate) fn of(facts: &KeyFacts, now: Timestamp, hsm: &dyn Hsm) -> Self {
        let state = key_state(facts, now);
        let address = &facts.address;
        let algorithms = Algorithms::of(facts.kind(), hsm);
        let (expiration_model, valid_to) = expiration(facts, now);
        Self {
            aws_account_id: address.account.to_string(),
            arn: address.arn(),
            creation_date: epoch_seconds(facts.created_at),
            current_key_material_id: current_material_id(facts),
            customer_master_key_spec: facts.spec.to_string(),
            deletion_date: facts.deletion_date.map(epoch_seconds),
            description: facts.description.clone(),
            enabled: state == KeyState::Enabled,
            encryption_algorithms: algorithms.encryption,
            signing_algorithms: algorithms.signing,
            mac_algorithms: algorithms.mac,
            key_agreement_algorithms: algorithms.key_agreement,
            encapsulation_algorithms: algorithms.encapsulation,
            expiration_model: expiration_model.map(|model| model.name().to_owned()),
            key_id: address.key_id.to_string(),
            key_manager: "CUSTOMER".to_owned(),
            key_spec: facts.spec.to_string(),
            key_state: state.name().to_owned(),
            key_usage: facts.usage.to_string(),
            multi_region: false,
            origin: facts.origin.to_string(),
            valid_to: valid_to.map(epoch_seconds),
        }
    }
}

/// Only symmetric encryption keys show it. Source: kms-operations.md 2.
fn current_material_id(facts: &KeyFacts) -> Option<String> {
    let current = facts.current().filter(|_| facts.spec == KeySpec::SymmetricDefault);
    current.map(|material| material.id.to_string())
}

/// The earliest expiry of the materials that are there: none of it shows after a deletion. Source: key-states.md 5.2.
fn expiration(facts: &KeyFacts, now: Timestamp) -> (Option<ExpirationModel>, Option<Timestamp>) {
    let usable = || facts.associated().filter(|material| material.is_usable(now));
    if facts.origin != Origin::External || usable().next().is_none() {
        return (None, None);
    }
    match usable().filter_map(|material| material.valid_to).min() {
        Some(earliest) => (Some(ExpirationModel::Expires), Some(earliest)),
        None => (Some(ExpirationModel::DoesNotExpire), None),
    }
}
