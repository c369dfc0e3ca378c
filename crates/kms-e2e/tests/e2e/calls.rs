//! Any served operation on any key, for the tests that go over all of them.

use aws_sdk_kms::Client;
use aws_sdk_kms::primitives::Blob;
use aws_sdk_kms::types::{AlgorithmSpec, DataKeySpec, ExpirationModelType, WrappingKeySpec};
use kms_core::Operation;

use crate::refusal::{Refusal, outcome};

/// A key with everything that some operation on it wants.
#[derive(Clone)]
pub(crate) struct Subject {
    pub(crate) key_id: String,
    /// A ciphertext of the key.
    pub(crate) ciphertext: Blob,
    /// An import token of the key.
    pub(crate) token: Blob,
    /// The key's material, wrapped for that token.
    pub(crate) wrapped: Blob,
}

/// The served operations that take a key.
pub(crate) fn operations_on_keys() -> impl Iterator<Item = Operation> {
    let on_none = [Operation::CreateKey, Operation::GenerateRandom, Operation::ListKeys];
    kms_service::SERVED.iter().copied().filter(move |operation| !on_none.contains(operation))
}

/// Calls an operation on the subject with everything else in order.
///
/// # Panics
/// For an operation that is not served.
pub(crate) async fn call(client: &Client, operation: Operation, subject: &Subject) -> Result<(), Refusal> {
    let id = subject.key_id.as_str();
    match operation {
        Operation::CancelKeyDeletion => outcome(client.cancel_key_deletion().key_id(id).send().await).map(drop),
        Operation::CreateKey => outcome(client.create_key().send().await).map(drop),
        Operation::DeleteImportedKeyMaterial => {
            outcome(client.delete_imported_key_material().key_id(id).send().await).map(drop)
        }
        Operation::DescribeKey => outcome(client.describe_key().key_id(id).send().await).map(drop),
        Operation::DisableKey => outcome(client.disable_key().key_id(id).send().await).map(drop),
        Operation::EnableKey => outcome(client.enable_key().key_id(id).send().await).map(drop),
        Operation::GenerateRandom => outcome(client.generate_random().number_of_bytes(8).send().await).map(drop),
        Operation::ListKeys => outcome(client.list_keys().send().await).map(drop),
        Operation::ScheduleKeyDeletion => outcome(client.schedule_key_deletion().key_id(id).send().await).map(drop),
        Operation::UpdateKeyDescription => {
            outcome(client.update_key_description().key_id(id).description("new").send().await).map(drop)
        }
        Operation::GetParametersForImport | Operation::ImportKeyMaterial => import(client, operation, subject).await,
        _ => use_key(client, operation, subject).await,
    }
}

async fn import(client: &Client, operation: Operation, subject: &Subject) -> Result<(), Refusal> {
    let id = subject.key_id.as_str();
    if operation == Operation::GetParametersForImport {
        let call = client
            .get_parameters_for_import()
            .key_id(id)
            .wrapping_algorithm(AlgorithmSpec::RsaesOaepSha256)
            .wrapping_key_spec(WrappingKeySpec::Rsa2048);
        return outcome(call.send().await).map(drop);
    }
    let call = client
        .import_key_material()
        .key_id(id)
        .import_token(subject.token.clone())
        .encrypted_key_material(subject.wrapped.clone())
        .expiration_model(ExpirationModelType::KeyMaterialDoesNotExpire);
    outcome(call.send().await).map(drop)
}

async fn use_key(client: &Client, operation: Operation, subject: &Subject) -> Result<(), Refusal> {
    let id = subject.key_id.as_str();
    match operation {
        Operation::Encrypt => outcome(client.encrypt().key_id(id).plaintext(Blob::new("hello")).send().await).map(drop),
        Operation::Decrypt => {
            let call = client.decrypt().key_id(id).ciphertext_blob(subject.ciphertext.clone());
            outcome(call.send().await).map(drop)
        }
        Operation::ReEncrypt => {
            let call = client.re_encrypt().source_key_id(id).destination_key_id(id);
            outcome(call.ciphertext_blob(subject.ciphertext.clone()).send().await).map(drop)
        }
        Operation::GenerateDataKey => {
            outcome(client.generate_data_key().key_id(id).key_spec(DataKeySpec::Aes256).send().await).map(drop)
        }
        Operation::GenerateDataKeyWithoutPlaintext => {
            let call = client.generate_data_key_without_plaintext().key_id(id).key_spec(DataKeySpec::Aes256);
            outcome(call.send().await).map(drop)
        }
        not_served => panic!("{not_served} is not served"),
    }
}
