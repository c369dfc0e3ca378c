//! The record of something that the service did unasked. Source: AWS KMS Developer Guide, "DeleteExpiredKeyMaterial" and
//! "DeleteKey" under "Examples of AWS KMS log entries".

use time::OffsetDateTime;
use uuid::Uuid;

use crate::event::{Resource, write_resources};
use crate::json::Object;

/// A step of the service's own, logged with `eventType` `AwsServiceEvent`.
#[derive(Debug)]
pub struct ServiceEvent<'a> {
    /// A fresh random id of this record.
    pub event_id: Uuid,
    /// When it was done; written in UTC to the second.
    pub event_time: OffsetDateTime,
    /// The region of the key.
    pub region: &'a str,
    /// The account that owns the key, 12 digits.
    pub account: &'a str,
    /// What was done.
    pub kind: ServiceEventKind<'a>,
    /// The key that it was done to.
    pub resources: &'a [Resource<'a>],
}

/// What the service did, with its `serviceEventDetails`.
#[derive(Debug, Clone, Copy)]
pub enum ServiceEventKind<'a> {
    /// Imported material reached its `ValidTo` and was destroyed.
    DeleteExpiredKeyMaterial {
        /// The bare id of the key.
        key_id: &'a str,
        /// The id of the material.
        key_material_id: &'a str,
    },
    /// The waiting period of a key ended and the key was deleted.
    DeleteKey {
        /// The bare id of the key.
        key_id: &'a str,
    },
}

impl ServiceEvent<'_> {
    /// The JSON members after `seq` and `prev`, in CloudTrail's order, and the closing brace: what
    /// [`append`](crate::AuditLog::append) takes. There is no request id: nobody asked.
    pub fn render(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(1024);
        let mut record = Object::continued(&mut out);
        record.plain("eventVersion", "1.11");
        record.object("userIdentity", |identity| {
            identity.text("accountId", self.account);
            identity.plain("invokedBy", "AWS Internal");
        });
        record.moment("eventTime", self.event_time);
        record.plain("eventSource", "kms.amazonaws.com");
        record.plain("eventName", self.kind.event_name());
        record.text("awsRegion", self.region);
        record.plain("sourceIPAddress", "AWS Internal");
        record.plain("userAgent", "AWS Internal");
        record.literal("requestParameters", "null");
        record.literal("responseElements", "null");
        record.plain("eventID", self.event_id.hyphenated().encode_lower(&mut Uuid::encode_buffer()));
        record.literal("readOnly", "false");
        write_resources(&mut record, self.resources);
        record.plain("eventType", "AwsServiceEvent");
        record.literal("managementEvent", "true");
        record.text("recipientAccountId", self.account);
        record.object("serviceEventDetails", |details| self.kind.details(details));
        record.plain("eventCategory", "Management");
        record.close();
        out
    }
}

impl ServiceEventKind<'_> {
    const fn event_name(self) -> &'static str {
        match self {
            Self::DeleteExpiredKeyMaterial { .. } => "DeleteExpiredKeyMaterial",
            Self::DeleteKey { .. } => "DeleteKey",
        }
    }

    fn details(self, details: &mut Object<'_>) {
        match self {
            Self::DeleteExpiredKeyMaterial { key_id, key_material_id } => {
                details.text("keyId", key_id);
                details.text("keyMaterialId", key_material_id);
            }
            Self::DeleteKey { key_id } => details.text("keyId", key_id),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    #[test]
    fn expired_material_is_logged_as_an_event_of_the_service() {
        let event = ServiceEvent {
            event_id: Uuid::from_u128(1),
            event_time: datetime!(2025-05-21 17:47:45 UTC),
            region: "eu-central-1",
            account: "111122223333",
            kind: ServiceEventKind::DeleteExpiredKeyMaterial { key_id: "1234abcd", key_material_id: "ab" },
            resources: &[Resource { account: "111122223333", arn: "arn:key" }],
        };
        let text = String::from_utf8(event.render()).unwrap();
        assert_eq!(
            text,
            concat!(
                r#""eventVersion":"1.11","userIdentity":{"accountId":"111122223333","invokedBy":"AWS Internal"},"#,
                r#""eventTime":"2025-05-21T17:47:45Z","eventSource":"kms.amazonaws.com","#,
                r#""eventName":"DeleteExpiredKeyMaterial","awsRegion":"eu-central-1","sourceIPAddress":"AWS Internal","#,
                r#""userAgent":"AWS Internal","requestParameters":null,"responseElements":null,"#,
                r#""eventID":"00000000-0000-0000-0000-000000000001","readOnly":false,"#,
                r#""resources":[{"accountId":"111122223333","type":"AWS::KMS::Key","ARN":"arn:key"}],"#,
                r#""eventType":"AwsServiceEvent","managementEvent":true,"recipientAccountId":"111122223333","#,
                r#""serviceEventDetails":{"keyId":"1234abcd","keyMaterialId":"ab"},"eventCategory":"Management"}"#,
            )
        );
    }

    #[test]
    fn the_final_deletion_of_a_key_names_the_key_alone() {
        let event = ServiceEvent {
            event_id: Uuid::nil(),
            event_time: datetime!(2025-05-21 17:47:45 UTC),
            region: "eu-central-1",
            account: "111122223333",
            kind: ServiceEventKind::DeleteKey { key_id: "1234abcd" },
            resources: &[],
        };
        let text = String::from_utf8(event.render()).unwrap();
        assert!(text.contains(r#""eventName":"DeleteKey""#));
        assert!(text.contains(r#""serviceEventDetails":{"keyId":"1234abcd"}"#));
        assert!(!text.contains("resources") && !text.contains("requestID"));
    }
}
