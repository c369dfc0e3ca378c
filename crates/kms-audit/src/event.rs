//! The record of an API call, in CloudTrail's shape. Source: AWS KMS Developer Guide, "Logging AWS KMS API calls with AWS
//! CloudTrail", and CloudTrail User Guide, "CloudTrail record contents".

use time::OffsetDateTime;
use uuid::Uuid;

use crate::json::{Fragment, Object};

/// An API call that was answered or refused. Borrowed, so that rendering is the only copy.
///
/// It must not hold plaintext, ciphertext, signatures, tokens or key material; the one who fills it sees to that.
#[derive(Debug)]
pub struct Event<'a> {
    /// The request id that the client got.
    pub request_id: &'a str,
    /// A fresh random id of this record.
    pub event_id: Uuid,
    /// When the call came; written in UTC to the second. From the clock that nothing moves.
    pub event_time: OffsetDateTime,
    /// The operation: `Encrypt`.
    pub event_name: &'a str,
    /// The region of the request.
    pub region: &'a str,
    /// The account of the caller, 12 digits.
    pub account: &'a str,
    /// The ARN of the caller; `arn:aws:iam::ACCOUNT:root` for the root of an account.
    pub caller_arn: &'a str,
    /// The access key id that signed the request.
    pub access_key_id: &'a str,
    /// The address of the client.
    pub source_ip: &'a str,
    /// The `User-Agent` header as sent; cut to what the caller of this crate thinks bearable.
    pub user_agent: &'a str,
    /// The TLS connection; none over plain HTTP.
    pub tls: Option<Tls<'a>>,
    /// Why the call was refused; none when it succeeded.
    pub failure: Option<Failure<'a>>,
    /// The members of the request that may be shown.
    pub request_parameters: Option<&'a Fragment>,
    /// The members of the answer that may be shown. Written as `null` for a call that was refused.
    pub response_elements: Option<&'a Fragment>,
    /// `keyMaterialId` and the like; the member is left out when there is none.
    pub additional_event_data: Option<&'a Fragment>,
    /// Whether the operation changes nothing. Encrypt and Decrypt are read-only.
    pub read_only: bool,
    /// The keys that the call was about; the member is left out when there is none.
    pub resources: &'a [Resource<'a>],
    /// The account in whose log this record belongs.
    pub recipient_account: &'a str,
}

/// Why a call was refused.
#[derive(Debug, Clone, Copy)]
pub struct Failure<'a> {
    /// The name of the exception as on the wire. `AccessDeniedException` is written `AccessDenied`, as CloudTrail does.
    pub code: &'a str,
    /// The text that the client got; none where CloudTrail has none (`InvalidCiphertextException`).
    pub message: Option<&'a str>,
}

/// A key that a call was about.
#[derive(Debug, Clone, Copy)]
pub struct Resource<'a> {
    /// The account that owns the key.
    pub account: &'a str,
    /// The ARN of the key.
    pub arn: &'a str,
}

/// What is known of the TLS connection.
#[derive(Debug, Clone, Copy)]
pub struct Tls<'a> {
    /// `TLSv1.3`.
    pub version: &'a str,
    /// `TLS_AES_128_GCM_SHA256`.
    pub cipher_suite: &'a str,
    /// The `Host` header of the request.
    pub client_provided_host_header: &'a str,
}

impl Event<'_> {
    /// The JSON members after `seq` and `prev`, in CloudTrail's order, and the closing brace: what [`append`] takes.
    /// A denied call shows neither request nor resources, as in CloudTrail.
    ///
    /// [`append`]: crate::AuditLog::append
    pub fn render(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(1536);
        self.render_into(&mut out);
        out
    }

    /// Appends what [`Event::render`] gives, so that a buffer can be used again.
    pub fn render_into(&self, out: &mut Vec<u8>) {
        let mut record = Object::continued(out);
        record.plain("eventVersion", "1.11");
        record.object("userIdentity", |identity| self.user_identity(identity));
        record.moment("eventTime", self.event_time);
        record.plain("eventSource", "kms.amazonaws.com");
        record.text("eventName", self.event_name);
        record.text("awsRegion", self.region);
        record.text("sourceIPAddress", self.source_ip);
        record.text("userAgent", self.user_agent);
        if let Some(failure) = self.failure {
            record.text("errorCode", if self.is_denied() { "AccessDenied" } else { failure.code });
            record.text_if("errorMessage", failure.message);
        }
        self.parameters_and_outcome(&mut record);
        record.plain("eventType", "AwsApiCall");
        record.literal("managementEvent", "true");
        record.text("recipientAccountId", self.recipient_account);
        record.plain("eventCategory", "Management");
        self.tls_details(&mut record);
        record.close();
    }

    fn parameters_and_outcome(&self, record: &mut Object<'_>) {
        record.fragment("requestParameters", self.request_parameters.filter(|_| !self.is_denied()));
        record.fragment("responseElements", self.response_elements.filter(|_| self.failure.is_none()));
        if self.additional_event_data.is_some() {
            record.fragment("additionalEventData", self.additional_event_data);
        }
        record.text("requestID", self.request_id);
        record.plain("eventID", self.event_id.hyphenated().encode_lower(&mut Uuid::encode_buffer()));
        record.literal("readOnly", if self.read_only { "true" } else { "false" });
        if !self.is_denied() {
            write_resources(record, self.resources);
        }
    }

    fn user_identity(&self, identity: &mut Object<'_>) {
        let name = self.caller_arn.rsplit_once(':').map_or("", |(_, name)| name);
        let kind = name.split_once('/').map_or(name, |(kind, _)| kind);
        identity.plain(
            "type",
            match kind {
                "root" => "Root",
                "user" => "IAMUser",
                "assumed-role" => "AssumedRole",
                _ => "Unknown",
            },
        );
        if kind == "root" {
            identity.text("principalId", self.account);
        }
        identity.text("arn", self.caller_arn);
        identity.text("accountId", self.account);
        identity.text("accessKeyId", self.access_key_id);
        if kind == "user" {
            identity.text_if("userName", name.rsplit_once('/').map(|(_, name)| name));
        }
    }

    fn tls_details(&self, record: &mut Object<'_>) {
        if let Some(tls) = self.tls {
            record.object("tlsDetails", |details| {
                details.text("tlsVersion", tls.version);
                details.text("cipherSuite", tls.cipher_suite);
                details.text("clientProvidedHostHeader", tls.client_provided_host_header);
            });
        }
    }

    fn is_denied(&self) -> bool {
        self.failure.is_some_and(|failure| matches!(failure.code, "AccessDeniedException" | "AccessDenied"))
    }
}

/// The member `resources`; left out when there is none.
pub(crate) fn write_resources(record: &mut Object<'_>, resources: &[Resource<'_>]) {
    if resources.is_empty() {
        return;
    }
    record.objects("resources", resources, |resource, member| {
        member.text("accountId", resource.account);
        member.plain("type", "AWS::KMS::Key");
        member.text("ARN", resource.arn);
    });
}

#[cfg(test)]
#[path = "event_tests.rs"]
mod tests;
