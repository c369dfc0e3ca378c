//! Tests of the record of an API call.

use super::*;
use std::sync::LazyLock;

use proptest::prelude::*;
use serde_json::{Value, json};
use time::macros::datetime;

fn sample() -> Event<'static> {
    static PARAMETERS: LazyLock<Fragment> = LazyLock::new(|| Fragment::from(json!({"keyId": "alias/a"})));
    static ADDITIONAL: LazyLock<Fragment> = LazyLock::new(|| Fragment::from(json!({"keyMaterialId": "ab"})));
    Event {
        request_id: "req-1",
        event_id: Uuid::from_u128(7),
        event_time: datetime!(2025-05-21 17:47:45.5 UTC),
        event_name: "Encrypt",
        region: "eu-central-1",
        account: "111122223333",
        caller_arn: "arn:aws:iam::111122223333:root",
        access_key_id: "AKIAEXAMPLE",
        source_ip: "127.0.0.1",
        user_agent: "aws-cli/2",
        tls: None,
        failure: None,
        request_parameters: Some(&PARAMETERS),
        response_elements: None,
        additional_event_data: Some(&ADDITIONAL),
        read_only: true,
        resources: &[Resource { account: "111122223333", arn: "arn:key" }],
        recipient_account: "111122223333",
    }
}

fn parsed(event: &Event<'_>) -> Value {
    let mut line = b"{".to_vec();
    line.extend(event.render());
    serde_json::from_slice(&line).unwrap()
}

#[test]
fn members_stand_in_cloudtrails_order() {
    let tls = Tls { version: "TLSv1.3", cipher_suite: "S", client_provided_host_header: "h" };
    let event = Event { tls: Some(tls), ..sample() };
    assert_eq!(
        String::from_utf8(event.render()).unwrap(),
        concat!(
            r#""eventVersion":"1.11","userIdentity":{"type":"Root","principalId":"111122223333","#,
            r#""arn":"arn:aws:iam::111122223333:root","accountId":"111122223333","accessKeyId":"AKIAEXAMPLE"},"#,
            r#""eventTime":"2025-05-21T17:47:45Z","eventSource":"kms.amazonaws.com","eventName":"Encrypt","#,
            r#""awsRegion":"eu-central-1","sourceIPAddress":"127.0.0.1","userAgent":"aws-cli/2","#,
            r#""requestParameters":{"keyId":"alias/a"},"responseElements":null,"#,
            r#""additionalEventData":{"keyMaterialId":"ab"},"requestID":"req-1","#,
            r#""eventID":"00000000-0000-0000-0000-000000000007","readOnly":true,"#,
            r#""resources":[{"accountId":"111122223333","type":"AWS::KMS::Key","ARN":"arn:key"}],"#,
            r#""eventType":"AwsApiCall","managementEvent":true,"recipientAccountId":"111122223333","#,
            r#""eventCategory":"Management","#,
            r#""tlsDetails":{"tlsVersion":"TLSv1.3","cipherSuite":"S","clientProvidedHostHeader":"h"}}"#,
        )
    );
}

#[test]
fn a_denied_call_is_spelt_and_stripped_as_cloudtrail_does() {
    let failure = Failure { code: "AccessDeniedException", message: Some("User: x is not authorized") };
    let value = parsed(&Event { failure: Some(failure), ..sample() });
    assert_eq!(value["errorCode"], "AccessDenied");
    assert_eq!(value["errorMessage"], "User: x is not authorized");
    assert_eq!(value["requestParameters"], Value::Null);
    assert!(value.get("requestParameters").is_some());
    assert!(value.get("resources").is_none());
}

#[test]
fn a_refused_call_shows_its_request_but_no_answer() {
    let failure = Failure { code: "InvalidCiphertextException", message: None };
    let answer = Fragment::from(json!({"keyId": "k"}));
    let value = parsed(&Event { failure: Some(failure), response_elements: Some(&answer), ..sample() });
    assert_eq!(value["errorCode"], "InvalidCiphertextException");
    assert!(value.get("errorMessage").is_none());
    assert_eq!(value["requestParameters"]["keyId"], "alias/a");
    assert_eq!(value["responseElements"], Value::Null);
    assert!(value.get("resources").is_some());
}

#[test]
fn a_user_is_named_after_the_path_of_its_arn() {
    let value = parsed(&Event { caller_arn: "arn:aws:iam::111122223333:user/team/alice", ..sample() });
    assert_eq!(value["userIdentity"]["type"], "IAMUser");
    assert_eq!(value["userIdentity"]["userName"], "alice");
    assert!(value["userIdentity"].get("principalId").is_none());
}

proptest! {
    #[test]
    fn any_text_gives_one_line_of_json_that_reads_back(
        texts in prop::collection::vec(any::<String>(), 8),
        context in prop::collection::hash_map(any::<String>(), any::<String>(), 0..4),
    ) {
        let resources = [Resource { account: &texts[0], arn: &texts[1] }];
        let failure = Failure { code: &texts[2], message: Some(&texts[3]) };
        let context_shown = Fragment::of(&context).unwrap();
        let event = Event {
            request_id: &texts[4],
            user_agent: &texts[5],
            caller_arn: &texts[6],
            event_name: &texts[7],
            failure: Some(failure),
            request_parameters: Some(&context_shown),
            resources: &resources,
            ..sample()
        };
        prop_assert!(event.render().iter().all(|byte| *byte >= 0x20));
        let value = parsed(&event);
        prop_assert_eq!(&value["userAgent"], &texts[5]);
        prop_assert_eq!(&value["userIdentity"]["arn"], &texts[6]);
        prop_assert_eq!(&value["errorMessage"], &texts[3]);
        if !matches!(texts[2].as_str(), "AccessDenied" | "AccessDeniedException") {
            prop_assert_eq!(&value["resources"][0]["ARN"], &texts[1]);
            prop_assert_eq!(&value["requestParameters"], &json!(context));
        }
    }
}
