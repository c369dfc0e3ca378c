//! ImportKeyMaterial: what is refused, and that a refusal leaves nothing behind.

use aws_sdk_kms::primitives::{Blob, DateTime};
use aws_sdk_kms::types::{AlgorithmSpec, ExpirationModelType, KeyState};
use kms_e2e::{Server, client, fresh_account, material, objects_of_key, wrap};

use crate::import_key_material::import_of;
use crate::refusal::refused;
use crate::support::{
    REGION, arn, describe, fresh, new_external_key, new_key, parameters, seconds_from_now, state, timed,
};

const DAY: i64 = 86_400;

#[tokio::test]
async fn valid_to_and_expiration_model_must_go_together() {
    let client = fresh();
    let key = new_external_key(&client).await;
    let parameters = parameters(&client, key.key_id()).await;
    let import = |model: Option<ExpirationModelType>, valid_to: Option<DateTime>| {
        let call = import_of(&client, key.key_id(), &parameters, &material(1)).set_expiration_model(model);
        call.set_valid_to(valid_to).send()
    };
    let (expires, never) =
        (Some(ExpirationModelType::KeyMaterialExpires), Some(ExpirationModelType::KeyMaterialDoesNotExpire));
    let missing = "A validTo date must be set if the ExpirationModel is KEY_MATERIAL_EXPIRES";
    let past = "The validTo date must be in the future";
    let far = "The validTo date must be at most 365 days from now";
    for model in [None, expires.clone()] {
        refused(import(model.clone(), None).await).is("ValidationException", missing);
        for seconds in [-DAY, 0, -4_000_000_000] {
            refused(import(model.clone(), Some(seconds_from_now(seconds))).await).is("ValidationException", past);
        }
        for seconds in [365 * DAY + 60, 400 * DAY] {
            refused(import(model.clone(), Some(seconds_from_now(seconds))).await).is("ValidationException", far);
        }
    }
    refused(import(never.clone(), Some(seconds_from_now(60))).await).is(
        "ValidationException",
        "A validTo date cannot be set if the ExpirationModel is KEY_MATERIAL_DOES_NOT_EXPIRE",
    );
    assert_eq!(state(&client, key.key_id()).await, KeyState::PendingImport);
    let latest = seconds_from_now(365 * DAY);
    import(expires, Some(latest)).await.unwrap();
    assert_eq!(describe(&client, key.key_id()).await.valid_to(), Some(&latest));
    import(None, Some(seconds_from_now(600))).await.unwrap();
    import(never, None).await.unwrap();
}

#[tokio::test]
pub(crate) async fn an_import_token_of_another_key_or_of_nobody_is_invalid() {
    let client = fresh();
    let [key, other] = [new_external_key(&client).await, new_external_key(&client).await];
    let mut own = parameters(&client, key.key_id()).await;
    let foreign = parameters(&client, other.key_id()).await;
    let forever = ExpirationModelType::KeyMaterialDoesNotExpire;
    let call = import_of(&client, key.key_id(), &foreign, &material(2)).expiration_model(forever.clone());
    refused(call.send().await).is_without_text("InvalidImportTokenException");
    let token = own.token.clone();
    for broken in [vec![0; 32], b"x".to_vec(), token.as_ref()[1..].to_vec(), [token.as_ref(), b"x"].concat()] {
        own.token = Blob::new(broken);
        let call = import_of(&client, key.key_id(), &own, &material(2)).expiration_model(forever.clone());
        refused(call.send().await).is_without_text("InvalidImportTokenException");
    }
    own.token = token;
    import_of(&client, key.key_id(), &own, &material(2)).expiration_model(forever).send().await.unwrap();
}

#[tokio::test]
pub(crate) async fn an_import_token_is_good_for_24_hours() {
    let server = timed().await;
    let client = client(server.endpoint(), &fresh_account(), REGION);
    let key = new_external_key(&client).await;
    let parameters = parameters(&client, key.key_id()).await;
    let import = || {
        let call = import_of(&client, key.key_id(), &parameters, &material(3));
        call.expiration_model(ExpirationModelType::KeyMaterialDoesNotExpire).send()
    };
    server.set_clock_offset(DAY - 30).unwrap();
    import().await.unwrap();
    server.set_clock_offset(DAY + 1).unwrap();
    refused(import().await).is_without_text("ExpiredImportTokenException");
    assert_eq!(state(&client, key.key_id()).await, KeyState::Enabled, "what was imported stays");
    server.set_clock_offset(3 * DAY).unwrap();
    tokio::time::sleep(std::time::Duration::from_secs(3)).await;
    refused(import().await).is_without_text("ExpiredImportTokenException");
}

#[tokio::test]
pub(crate) async fn what_does_not_unwrap_to_32_bytes_is_an_invalid_ciphertext() {
    let client = fresh();
    let key = new_external_key(&client).await;
    let parameters = parameters(&client, key.key_id()).await;
    let import = |wrapped: Vec<u8>| {
        let call = client.import_key_material().key_id(key.key_id()).import_token(parameters.token.clone());
        call.encrypted_key_material(Blob::new(wrapped))
            .expiration_model(ExpirationModelType::KeyMaterialDoesNotExpire)
            .send()
    };
    let of = |bytes: &[u8]| wrap(&parameters.public_key, &AlgorithmSpec::RsaesOaepSha256, bytes).unwrap();
    let bytes = [7; 64];
    let mut broken = vec![vec![0; 256], vec![0xff; 256], vec![1; 256]];
    broken.extend([0, 1, 16, 31, 33, 64].map(|length| of(&bytes[..length])));
    broken.push(wrap(&parameters.public_key, &AlgorithmSpec::RsaesOaepSha1, &material(4)).unwrap());
    let mut flipped = of(&material(4));
    flipped[128] ^= 1;
    broken.push(flipped);
    for wrapped in broken {
        refused(import(wrapped).await).is_without_text("InvalidCiphertextException");
    }
    for length in [1, 32, 255, 257, 264, 512, 6144] {
        refused(import(vec![1; length]).await).is("ValidationException", "Invalid encrypted key size.");
    }
    assert_eq!(state(&client, key.key_id()).await, KeyState::PendingImport);
    assert_eq!(objects_of_key(Server::shared().data_dir(), key.key_id()).unwrap(), 0, "no try left an object behind");
    import(of(&material(4))).await.unwrap();
}

#[tokio::test]
pub(crate) async fn a_key_whose_material_is_made_here_takes_no_import() {
    let client = fresh();
    let (own, external) = (new_key(&client).await, new_external_key(&client).await);
    let parameters = parameters(&client, external.key_id()).await;
    let text = format!("{} origin is AWS_KMS which is not valid for this operation.", arn(&own));
    let call = import_of(&client, own.key_id(), &parameters, &material(5));
    refused(call.send().await).is("UnsupportedOperationException", text);
}

#[tokio::test]
async fn tokens_and_material_have_1_to_6144_bytes() {
    let client = fresh();
    let key = new_external_key(&client).await;
    let call = client.import_key_material().key_id(key.key_id());
    let call = call.import_token(Blob::new("")).encrypted_key_material(Blob::new(vec![0; 6145]));
    refused(call.send().await).is(
        "ValidationException",
        "2 validation errors detected: Value at 'importToken' failed to satisfy constraint: Member must have length \
         greater than or equal to 1; Value at 'encryptedKeyMaterial' failed to satisfy constraint: Member must have \
         length less than or equal to 6144",
    );
}

#[tokio::test]
pub(crate) async fn a_wrapping_key_serves_a_hundred_tries() {
    let client = fresh();
    let key = new_external_key(&client).await;
    let parameters = parameters(&client, key.key_id()).await;
    let wrapped = parameters.wrap(&material(6));
    let import = || {
        let call = client.import_key_material().key_id(key.key_id()).import_token(parameters.token.clone());
        call.encrypted_key_material(wrapped.clone())
            .expiration_model(ExpirationModelType::KeyMaterialDoesNotExpire)
            .send()
    };
    for _ in 0..100 {
        import().await.unwrap();
    }
    refused(import().await).is_without_text("ExpiredImportTokenException");
    assert_eq!(state(&client, key.key_id()).await, KeyState::Enabled);
}

#[tokio::test]
async fn guessing_at_deleted_material_ends_after_a_hundred_wrong_guesses_a_day() {
    let client = fresh();
    let key = new_external_key(&client).await;
    let forever = ExpirationModelType::KeyMaterialDoesNotExpire;
    kms_e2e::import(&client, key.key_id(), &material(7)).await.unwrap();
    client.delete_imported_key_material().key_id(key.key_id()).send().await.unwrap();
    let sets = [parameters(&client, key.key_id()).await, parameters(&client, key.key_id()).await];
    for guess in 0..100 {
        let call = import_of(&client, key.key_id(), &sets[0], &material(guess + 8));
        let refusal = refused(call.expiration_model(forever.clone()).send().await);
        assert_eq!(refusal.code, "IncorrectKeyMaterialException");
    }
    let text = "You have exceeded the rate at which you may call KMS. Reduce the frequency of your calls.";
    for guess in [8, 7] {
        let call = import_of(&client, key.key_id(), &sets[1], &material(guess));
        refused(call.expiration_model(forever.clone()).send().await).is("ThrottlingException", text);
    }
}
