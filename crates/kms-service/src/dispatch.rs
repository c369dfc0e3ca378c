//! From an operation to its file. One name per line, never a wildcard: what is not served yet stands in one list.

use kms_core::{KmsError, Operation};
use kms_model::Request;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::audit_event::{EventDraft, OperationRequest};
use crate::context::Context;
use crate::operations::{
    cancel_key_deletion, create_alias, create_key, decapsulate, decrypt, delete_alias, delete_imported_key_material,
    derive_shared_secret, describe_key, disable_key, enable_key, encapsulate, encrypt, generate_data_key,
    generate_data_key_pair, generate_data_key_pair_without_plaintext, generate_data_key_without_plaintext,
    generate_mac, generate_random, get_key_policy, get_parameters_for_import, get_public_key, import_key_material,
    list_aliases, list_key_policies, list_keys, list_resource_tags, re_encrypt, schedule_key_deletion, sign,
    tag_resource, untag_resource, update_alias, update_key_description, verify, verify_mac,
};
use crate::service::Service;

/// The operations that this version serves.
pub const SERVED: &[Operation] = &[
    Operation::CancelKeyDeletion,
    Operation::CreateAlias,
    Operation::CreateKey,
    Operation::Decapsulate,
    Operation::Decrypt,
    Operation::DeleteAlias,
    Operation::DeleteImportedKeyMaterial,
    Operation::DeriveSharedSecret,
    Operation::DescribeKey,
    Operation::DisableKey,
    Operation::EnableKey,
    Operation::Encapsulate,
    Operation::Encrypt,
    Operation::GenerateDataKey,
    Operation::GenerateDataKeyPair,
    Operation::GenerateDataKeyPairWithoutPlaintext,
    Operation::GenerateDataKeyWithoutPlaintext,
    Operation::GenerateMac,
    Operation::GenerateRandom,
    Operation::GetKeyPolicy,
    Operation::GetParametersForImport,
    Operation::GetPublicKey,
    Operation::ImportKeyMaterial,
    Operation::ListAliases,
    Operation::ListKeyPolicies,
    Operation::ListKeys,
    Operation::ListResourceTags,
    Operation::ReEncrypt,
    Operation::ScheduleKeyDeletion,
    Operation::Sign,
    Operation::TagResource,
    Operation::UntagResource,
    Operation::UpdateAlias,
    Operation::UpdateKeyDescription,
    Operation::Verify,
    Operation::VerifyMac,
];

/// The operations that answer `UnsupportedOperationException` for now.
pub const NOT_SERVED: &[Operation] = &[
    Operation::ConnectCustomKeyStore,
    Operation::CreateCustomKeyStore,
    Operation::CreateGrant,
    Operation::DeleteCustomKeyStore,
    Operation::DescribeCustomKeyStores,
    Operation::DisableKeyRotation,
    Operation::DisconnectCustomKeyStore,
    Operation::EnableKeyRotation,
    Operation::GetKeyLastUsage,
    Operation::GetKeyRotationStatus,
    Operation::ListGrants,
    Operation::ListKeyRotations,
    Operation::ListRetirableGrants,
    Operation::PutKeyPolicy,
    Operation::ReplicateKey,
    Operation::RetireGrant,
    Operation::RevokeGrant,
    Operation::RotateKeyOnDemand,
    Operation::UpdateCustomKeyStore,
    Operation::UpdatePrimaryRegion,
];

/// Whether this version serves the operation.
pub fn is_served(operation: Operation) -> bool {
    SERVED.contains(&operation)
}

impl Service {
    #[expect(clippy::too_many_lines, reason = "one name per line, so that the compiler asks for each operation")]
    pub(crate) async fn dispatch(
        &self,
        request: OperationRequest,
        body: Request<'_>,
        event: Box<EventDraft>,
    ) -> Result<Vec<u8>, KmsError> {
        match request.operation {
            Operation::Decapsulate => self.use_keys::<decapsulate::Decapsulate, _>(request, body, event).await,
            Operation::Decrypt => self.use_keys::<decrypt::Decrypt, _>(request, body, event).await,
            Operation::Encapsulate => self.use_keys::<encapsulate::Encapsulate, _>(request, body, event).await,
            Operation::Encrypt => self.use_keys::<encrypt::Encrypt, _>(request, body, event).await,
            Operation::GenerateDataKey => {
                self.use_keys::<generate_data_key::GenerateDataKey, _>(request, body, event).await
            }
            Operation::GenerateDataKeyWithoutPlaintext => {
                use generate_data_key_without_plaintext::GenerateDataKeyWithoutPlaintext as WithoutPlaintext;
                self.use_keys::<WithoutPlaintext, _>(request, body, event).await
            }
            Operation::GenerateRandom => {
                let work = body.into_input().map_err(model_error).and_then(generate_random::prepare);
                self.use_token(work, event).await
            }
            Operation::DeriveSharedSecret => {
                self.use_keys::<derive_shared_secret::DeriveSharedSecret, _>(request, body, event).await
            }
            Operation::GenerateDataKeyPair => {
                self.use_keys::<generate_data_key_pair::GenerateDataKeyPair, _>(request, body, event).await
            }
            Operation::GenerateDataKeyPairWithoutPlaintext => {
                use generate_data_key_pair_without_plaintext::GenerateDataKeyPairWithoutPlaintext as WithoutPlaintext;
                self.use_keys::<WithoutPlaintext, _>(request, body, event).await
            }
            Operation::GenerateMac => self.use_keys::<generate_mac::GenerateMac, _>(request, body, event).await,
            Operation::Sign => self.use_keys::<sign::Sign, _>(request, body, event).await,
            Operation::Verify => self.use_keys::<verify::Verify, _>(request, body, event).await,
            Operation::VerifyMac => self.use_keys::<verify_mac::VerifyMac, _>(request, body, event).await,
            Operation::GetPublicKey => self.manage(request, body, event, get_public_key::run).await,
            Operation::ReEncrypt => self.use_keys::<re_encrypt::ReEncrypt, _>(request, body, event).await,
            Operation::CancelKeyDeletion => self.manage(request, body, event, cancel_key_deletion::run).await,
            Operation::CreateAlias => self.manage(request, body, event, create_alias::run).await,
            Operation::CreateKey => self.manage(request, body, event, create_key::run).await,
            Operation::DeleteAlias => self.manage(request, body, event, delete_alias::run).await,
            Operation::DeleteImportedKeyMaterial => {
                self.manage(request, body, event, delete_imported_key_material::run).await
            }
            Operation::DescribeKey => self.manage(request, body, event, describe_key::run).await,
            Operation::DisableKey => self.manage(request, body, event, disable_key::run).await,
            Operation::EnableKey => self.manage(request, body, event, enable_key::run).await,
            Operation::GetKeyPolicy => self.manage(request, body, event, get_key_policy::run).await,
            Operation::GetParametersForImport => {
                self.manage(request, body, event, get_parameters_for_import::run).await
            }
            Operation::ImportKeyMaterial => self.manage(request, body, event, import_key_material::run).await,
            Operation::ListAliases => self.manage(request, body, event, list_aliases::run).await,
            Operation::ListKeyPolicies => self.manage(request, body, event, list_key_policies::run).await,
            Operation::ListKeys => self.manage(request, body, event, list_keys::run).await,
            Operation::ListResourceTags => self.manage(request, body, event, list_resource_tags::run).await,
            Operation::ScheduleKeyDeletion => self.manage(request, body, event, schedule_key_deletion::run).await,
            Operation::TagResource => self.manage(request, body, event, tag_resource::run).await,
            Operation::UntagResource => self.manage(request, body, event, untag_resource::run).await,
            Operation::UpdateAlias => self.manage(request, body, event, update_alias::run).await,
            Operation::UpdateKeyDescription => self.manage(request, body, event, update_key_description::run).await,
            Operation::ConnectCustomKeyStore
            | Operation::CreateCustomKeyStore
            | Operation::CreateGrant
            | Operation::DeleteCustomKeyStore
            | Operation::DescribeCustomKeyStores
            | Operation::DisableKeyRotation
            | Operation::DisconnectCustomKeyStore
            | Operation::EnableKeyRotation
            | Operation::GetKeyLastUsage
            | Operation::GetKeyRotationStatus
            | Operation::ListGrants
            | Operation::ListKeyRotations
            | Operation::ListRetirableGrants
            | Operation::PutKeyPolicy
            | Operation::ReplicateKey
            | Operation::RetireGrant
            | Operation::RevokeGrant
            | Operation::RotateKeyOnDemand
            | Operation::UpdateCustomKeyStore
            | Operation::UpdatePrimaryRegion => {
                let text = format!("{} is not served yet.", request.operation);
                self.refuse(KmsError::UnsupportedOperation(Some(text)), event).await
            }
        }
    }

    /// Runs a management operation on a worker, records it, and gives its answer.
    async fn manage<I, O>(
        &self,
        request: OperationRequest,
        body: Request<'_>,
        event: Box<EventDraft>,
        run: fn(&Context<'_>, I) -> Result<O, KmsError>,
    ) -> Result<Vec<u8>, KmsError>
    where
        I: DeserializeOwned + Send + 'static,
        O: Serialize + 'static,
    {
        let input: I = match body.into_input() {
            Ok(input) => input,
            Err(error) => return self.refuse(model_error(error), event).await,
        };
        // On the heap, so that the hot operations, which share a future with this one, need not be as large.
        Box::pin(self.on_worker(request, event, move |context| {
            let output = run(context, input)?;
            serde_json::to_vec(&output).map_err(KmsError::internal)
        }))
        .await
    }
}

/// What the validator refuses, as the service says it.
pub(crate) fn model_error(error: kms_model::ModelError) -> KmsError {
    match error {
        kms_model::ModelError::Serialization(text) => KmsError::Serialization(text),
        kms_model::ModelError::Validation(text) => KmsError::Validation(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_is_served_or_listed_as_not_served() {
        for operation in Operation::ALL {
            assert_ne!(SERVED.contains(operation), NOT_SERVED.contains(operation), "{operation}");
        }
    }
}
