//! A few operations that are not served yet, as an SDK sees their answer; the rest is tried on the wire.

use aws_sdk_kms::types::GrantOperation;

use crate::refusal::refused;
use crate::support::{fresh, new_key};

#[tokio::test]
async fn an_operation_that_is_not_served_says_so() {
    let client = fresh();
    let key = new_key(&client).await;
    let unsupported = "UnsupportedOperationException";
    refused(client.rotate_key_on_demand().key_id(key.key_id()).send().await)
        .is(unsupported, "RotateKeyOnDemand is not served yet.");
    refused(client.list_grants().key_id(key.key_id()).send().await)
        .is_undeclared(unsupported, "ListGrants is not served yet.");
    let grant = client.create_grant().key_id(key.key_id()).grantee_principal("x").operations(GrantOperation::Decrypt);
    refused(grant.send().await).is_undeclared(unsupported, "CreateGrant is not served yet.");
}
