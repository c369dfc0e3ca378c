//! The audit record of a request: drafted from the validated body, rendered once the outcome is known.

use kms_audit::{Event, Failure, Fragment, Resource};
use kms_core::{AccountId, KmsError, Operation, Timestamp};
use kms_material::AuditEntry;
use kms_model::{Data, Value};
use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};
use std::sync::Arc;
use uuid::Uuid;

use crate::caller::Caller;
use crate::cloudtrail::{self, lower_camel};
use crate::hot::UsedMaterial;

/// A request that was verified, before its body is looked at.
#[derive(Clone, Debug)]
pub struct OperationRequest {
    /// What is asked for.
    pub operation: Operation,
    /// Who asks.
    pub caller: Arc<Caller>,
}

/// What will be recorded about a request, whatever becomes of it.
#[derive(Clone, Debug)]
pub(crate) struct EventDraft {
    request: OperationRequest,
    event_id: Uuid,
    event_time: Timestamp,
    parameters: Option<Fragment>,
    response: Option<Fragment>,
    additional: Option<Fragment>,
    /// Owner and ARN of each key.
    keys: Vec<(AccountId, Arc<str>)>,
    /// The alias that the request is about, beside its keys.
    alias: Option<(AccountId, Arc<str>)>,
    /// A transaction took the record with its change; whether it was committed, it does not say.
    has_row: bool,
}

impl EventDraft {
    pub(crate) fn new(request: &OperationRequest, event_time: Timestamp) -> Self {
        Self {
            request: request.clone(),
            event_id: kms_core::random::id(),
            event_time,
            parameters: None,
            response: None,
            additional: None,
            keys: Vec::new(),
            alias: None,
            has_row: false,
        }
    }

    /// The id of the event.
    pub(crate) fn event_id(&self) -> Uuid {
        self.event_id
    }

    /// Whether a transaction took the record of a change, so that it may be in `audit_outbox`.
    pub(crate) fn has_row(&self) -> bool {
        self.has_row
    }

    /// The same request as an event of its own, for a refusal beside the record of a change that may be committed.
    pub(crate) fn under_own_id(&self) -> Self {
        Self { event_id: kms_core::random::id(), has_row: false, ..self.clone() }
    }

    /// Takes the members of the request that may be shown: no sensitive ones, no bytes. CloudTrail writes `null` where
    /// nothing is left.
    pub(crate) fn set_parameters(&mut self, body: &Value<'_>) {
        let shown = Fragment::of(&Shown(body, self.request.operation)).ok();
        self.parameters = shown.filter(|shown| shown.as_str() != "{}");
    }

    /// Names the keys that the request turned out to be about.
    pub(crate) fn set_keys(&mut self, keys: impl IntoIterator<Item = (AccountId, impl Into<Arc<str>>)>) {
        self.keys.clear();
        self.keys.extend(keys.into_iter().map(|(account, arn)| (account, arn.into())));
        self.keys.dedup();
    }

    /// Names the alias that the request is about. Source: AWS KMS Developer Guide, the log entry of CreateAlias.
    pub(crate) fn set_alias(&mut self, account: AccountId, arn: String) {
        self.alias = Some((account, arn.into()));
    }

    /// Names the key material that was used: `additionalEventData` of the operations that use some.
    pub(crate) fn set_material(&mut self, used: UsedMaterial) {
        self.additional = Some(match used {
            UsedMaterial::One(id) => Fragment::of_plain(&[("keyMaterialId", &id.to_string())]),
            UsedMaterial::Two { source, destination } => {
                let [source, destination] = [source, destination].map(|id| id.map(|id| id.to_string()));
                let named = [("sourceKeyMaterialId", &source), ("destinationKeyMaterialId", &destination)];
                let members = named.iter().filter_map(|(name, id)| id.as_deref().map(|id| (*name, id)));
                Fragment::of_plain(&members.collect::<Vec<_>>())
            }
        });
    }

    /// The JSON members of the record, from the first to the closing brace.
    pub(crate) fn render(&self, refusal: Option<&KmsError>) -> Vec<u8> {
        let mut out = Vec::with_capacity(1536);
        self.render_into(refusal, &mut out);
        out
    }

    /// Appends what [`EventDraft::render`] gives.
    pub(crate) fn render_into(&self, refusal: Option<&KmsError>, out: &mut Vec<u8>) {
        let caller = &self.request.caller;
        let account = caller.account;
        let resources = self.keys.iter().chain(&self.alias);
        let resources: Vec<Resource<'_>> =
            resources.map(|(account, arn)| Resource { account: account.as_str(), arn }).collect();
        Event {
            request_id: &caller.request_id,
            event_id: self.event_id,
            event_time: self.event_time,
            event_name: self.request.operation.name(),
            region: caller.region.as_str(),
            account: account.as_str(),
            caller_arn: &caller.arn,
            access_key_id: &caller.access_key_id,
            source_ip: &caller.source_ip,
            user_agent: &caller.user_agent,
            tls: None,
            failure: refusal.map(|refusal| Failure { code: refusal.exception(), message: refusal.message() }),
            request_parameters: self.parameters.as_ref(),
            response_elements: self.response.as_ref(),
            additional_event_data: self.additional.as_ref().filter(|_| refusal.is_none()),
            read_only: self.request.operation.is_read_only(),
            resources: &resources,
            recipient_account: account.as_str(),
        }
        .render_into(out);
    }

    /// The record of a change, for its transaction; it is the one that will be appended before the answer.
    pub(crate) fn entry(&mut self, mut response: serde_json::Value) -> AuditEntry {
        if let Some(members) = response.as_object_mut() {
            members.retain(|_, value| !value.is_null());
        }
        self.response = (!response.is_null()).then(|| response.into());
        self.has_row = true;
        let record = [b"{".as_slice(), &self.render(None)].concat();
        AuditEntry { event_id: self.event_id, request_id: self.request.caller.request_id.clone(), record }
    }
}

/// A request body as CloudTrail shows it: lower camel case, neither sensitive values nor bytes nor tokens.
struct Shown<'a>(&'a Value<'a>, Operation);

impl Serialize for Shown<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Data::Structure(members) = self.0.data() else { return Plain(self.0).serialize(serializer) };
        let mut map = serializer.serialize_map(None)?;
        for (member, value) in members {
            if is_shown(member.name, value) {
                map.serialize_entry(&lower_camel(member.name), &Plain(value))?;
            }
        }
        if matches!(self.1, Operation::Encrypt | Operation::Decrypt) && self.0.member("EncryptionAlgorithm").is_none() {
            map.serialize_entry("encryptionAlgorithm", crate::key_record::SYMMETRIC_DEFAULT)?;
        }
        map.end()
    }
}

/// A value below the top.
struct Plain<'a>(&'a Value<'a>);

impl Serialize for Plain<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0.data() {
            Data::Null | Data::Blob(_) => serializer.serialize_none(),
            Data::String(text) => serializer.serialize_str(text),
            Data::Integer(number) => serializer.serialize_i64(*number),
            Data::Timestamp(seconds) => match kms_core::clock::from_epoch_seconds(*seconds) {
                Some(moment) => serializer.serialize_str(&cloudtrail::date(moment)),
                None => serializer.serialize_f64(*seconds),
            },
            Data::Boolean(truth) => serializer.serialize_bool(*truth),
            Data::List(elements) => serializer.collect_seq(elements.iter().map(Plain)),
            Data::Map(pairs) => serializer.collect_map(pairs.iter().map(|(key, value)| (key, Plain(value)))),
            Data::Structure(members) => serializer.collect_map(
                members
                    .iter()
                    .filter(|(member, value)| is_shown(member.name, value))
                    .map(|(member, value)| (lower_camel(member.name), Plain(value))),
            ),
        }
    }
}

fn is_shown(name: &str, value: &Value<'_>) -> bool {
    !value.shape().sensitive && !matches!(value.data(), Data::Blob(_)) && name != "GrantTokens" && name != "Policy"
}

/// A draft of a request by the root of an account.
#[cfg(test)]
pub(crate) fn draft_for_tests(operation: Operation) -> Box<EventDraft> {
    let account = AccountId::parse("111122223333").unwrap();
    let caller = Caller {
        account,
        arn: format!("arn:aws:iam::{account}:root").into(),
        access_key_id: "AKIAEXAMPLE".to_owned(),
        region: kms_core::Region::parse("eu-central-1").unwrap(),
        request_id: kms_core::random::id().to_string(),
        source_ip: "127.0.0.1".into(),
        user_agent: "test".to_owned(),
    };
    Box::new(EventDraft::new(
        &OperationRequest { operation, caller: Arc::new(caller) },
        time::macros::datetime!(2026-11-24 12:00 UTC),
    ))
}
