//! DescribeKey: the fields of every state.

use aws_sdk_kms::types::{ExpirationModelType, KeyState};
use kms_e2e::material;

use crate::refusal::refused;
use crate::support::{describe, fresh, imported_key, new_external_key, new_key, parameters, seconds_from_now};

#[tokio::test]
async fn an_imported_key_shows_its_expiry_and_keeps_its_material_id_without_material() {
    let client = fresh();
    let key = new_external_key(&client).await;
    let parameters = parameters(&client, key.key_id()).await;
    let valid_to = seconds_from_now(3600);
    let imported = client
        .import_key_material()
        .key_id(key.key_id())
        .import_token(parameters.token.clone())
        .encrypted_key_material(parameters.wrap(&material(1)))
        .valid_to(valid_to)
        .send()
        .await
        .unwrap();
    let present = describe(&client, key.key_id()).await;
    assert_eq!((present.key_state(), present.enabled()), (Some(&KeyState::Enabled), true));
    assert_eq!(present.expiration_model(), Some(&ExpirationModelType::KeyMaterialExpires));
    assert_eq!(present.valid_to(), Some(&valid_to));
    assert_eq!(present.current_key_material_id(), imported.key_material_id());
    client.delete_imported_key_material().key_id(key.key_id()).send().await.unwrap();
    let absent = describe(&client, key.key_id()).await;
    assert_eq!((absent.key_state(), absent.enabled()), (Some(&KeyState::PendingImport), false));
    assert_eq!((absent.expiration_model(), absent.valid_to()), (None, None));
    assert_eq!(absent.current_key_material_id(), imported.key_material_id());
}

#[tokio::test]
async fn material_without_expiry_shows_the_model_alone() {
    let key = imported_key(&fresh(), 2).await;
    assert_eq!(key.expiration_model(), Some(&ExpirationModelType::KeyMaterialDoesNotExpire));
    assert_eq!(key.valid_to(), None);
}

#[tokio::test]
async fn the_other_states_show_in_state_flag_and_deletion_date() {
    let client = fresh();
    let key = new_key(&client).await;
    client.disable_key().key_id(key.key_id()).send().await.unwrap();
    let disabled = describe(&client, key.key_id()).await;
    assert_eq!((disabled.key_state(), disabled.enabled()), (Some(&KeyState::Disabled), false));
    let scheduled = client.schedule_key_deletion().key_id(key.key_id()).send().await.unwrap();
    let pending = describe(&client, key.key_id()).await;
    assert_eq!((pending.key_state(), pending.enabled()), (Some(&KeyState::PendingDeletion), false));
    assert_eq!(pending.deletion_date(), scheduled.deletion_date());
    assert_eq!(pending.pending_deletion_window_in_days(), None);
    assert_eq!(pending.multi_region_configuration(), None);
    assert_eq!(pending.current_key_material_id(), key.current_key_material_id());
}

#[tokio::test]
async fn no_grant_token_is_valid_while_grants_are_not_served() {
    let client = fresh();
    let key = new_key(&client).await;
    let call = client.describe_key().key_id(key.key_id()).grant_tokens("AQpAM2RhZTk1").send();
    refused(call.await).is_undeclared("InvalidGrantTokenException", "The grant token is not valid.");
}
